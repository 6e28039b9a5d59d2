"""Write what `mesh check` found for CI.

In:  a `Checkup`, the policies.
Out: SARIF 2.1.0, which code hosts show beside the lines, and JUnit XML, one case for each policy.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree as ET

from mesh_dagster import __version__
from mesh_dagster.govern.checkup import Breach, Checkup
from mesh_dagster.govern.policy import Policy

Json = dict[str, Any]  # Any: JSON
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif(found: Checkup, policies: Sequence[Policy]) -> str:
    """Write SARIF; waived faults are in it as suppressed ones."""
    numbers = {policy.name: number for number, policy in enumerate(policies)}
    rules = [
        {
            "id": policy.name,
            "shortDescription": {"text": policy.about},
            "defaultConfiguration": {"level": "none" if policy.level == "off" else policy.level},
        }
        for policy in policies
    ]
    driver = {"name": "mesh check", "version": __version__, "rules": rules}
    results = [_result(breach, numbers) for breach in found.breaches]
    run = {"tool": {"driver": driver}, "results": results}
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def junit(found: Checkup, policies: Sequence[Policy]) -> str:
    """Write JUnit XML: a policy fails where an error stands open, and else tells what it found."""
    suite = ET.Element("testsuite", name="mesh check", tests=str(len(policies)))
    failures = 0
    for policy in policies:
        case = ET.SubElement(suite, "testcase", classname="mesh check", name=policy.name)
        stands = [one for one in found.open if one.policy == policy.name]
        text = "\n".join(_sentence(breach) for breach in stands)
        if any(one.level == "error" for one in stands):
            failures += 1
            failure = ET.SubElement(case, "failure", message=f"{len(stands)} faults")
            failure.text = text
        elif stands:
            ET.SubElement(case, "system-out").text = text
    suite.set("failures", str(failures))
    ET.indent(suite)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True)


def _result(breach: Breach, numbers: dict[str, int]) -> Json:
    result: Json = {
        "ruleId": breach.policy,
        "ruleIndex": numbers[breach.policy],
        "level": breach.level,
        "message": {"text": _sentence(breach)},
        "partialFingerprints": {"subject": f"{breach.policy}:{breach.fault.subject}"},
    }
    place = breach.fault.place
    if place is not None:
        file = Path(place.file)
        near = file.is_relative_to(Path.cwd())
        uri = quote(file.relative_to(Path.cwd()).as_posix()) if near else file.as_uri()
        region = {"startLine": place.line}
        location = {"artifactLocation": {"uri": uri}, "region": region}
        result["locations"] = [{"physicalLocation": location}]
    if breach.waiver is not None:
        because = breach.waiver.because
        result["suppressions"] = [{"kind": "external", "justification": because}]
    return result


def _sentence(breach: Breach) -> str:
    return f"{breach.fault.subject} {breach.fault.problem}. {breach.fault.remedy}"
