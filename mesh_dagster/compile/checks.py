"""Show a verdict as Dagster asset checks, one for each family of rules.

In:  a contract, before the first run; a verdict, after each audit.
Out: check specs and check results, without a value of the data.
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from mesh_dagster.compile import names
from mesh_dagster.declare.contract import CheckName
from mesh_dagster.declare.port import OutputPort
from mesh_dagster.run.verdict import Finding, Verdict

_DESCRIPTIONS: dict[CheckName, str] = {
    "schema": "Every column is there, with its type.",
    "values": "Every row keeps the rules on values.",
    "keys": "No key occurs twice.",
    "expectations": "Consumers can rely on what they have stated.",
}
_MOST_LISTED = 500
"""A port may have many consumers, and Dagster keeps each result for ever."""


def checks_for(port: OutputPort) -> list[dg.AssetCheckSpec]:
    """Return the checks of a port: the families in which its contract has a rule.

    Who relies on what is known to the registry alone, which is not read when definitions load, so
    every port has the check `expectations`.
    """
    return [
        dg.AssetCheckSpec(
            name=check,
            asset=names.port_key(port.address),
            description=f"{_DESCRIPTIONS[check]} Judged before the batch can be read.",
            blocking=True,
        )
        for check in _families(port)
    ]


def results_for(
    port: OutputPort, verdict: Verdict, *, published: bool
) -> Iterator[dg.AssetCheckResult]:
    """Yield one result for each check of a port.

    Args:
        port: The port that was audited.
        verdict: On the batch as it was built.
        published: Whether the batch was published, its bad rows set aside; then a failed check
            warns and does not fail the run.
    """
    for check in _families(port):
        findings = verdict.of_check(check)
        failed = [finding for finding in findings if not finding.passed]
        refused = not published and any(finding.rule.level == "error" for finding in failed)
        yield dg.AssetCheckResult(
            passed=not failed,
            asset_key=names.port_key(port.address),
            check_name=check,
            severity=dg.AssetCheckSeverity.ERROR if refused else dg.AssetCheckSeverity.WARN,
            description=_outcome(check, findings, published=published),
            metadata={
                **_rules(findings, port),
                names.FAILING_ROWS: sum(finding.failing_rows or 0 for finding in findings),
                names.FUSED: verdict.fused,
                **_undeclared(check, verdict),
            },
        )


def _outcome(check: CheckName, findings: Sequence[Finding], *, published: bool) -> str:
    failed = [finding for finding in findings if not finding.passed]
    if check == "expectations" and not findings:
        return "No consumer has stated what it relies on, or the batch was refused before."
    if not failed:
        return "Every rule was kept."
    if check == "expectations" and published:
        return "Published; what consumers rely on was broken, which only warns here."
    if not published:
        return "Refused: nothing was published, and the last good version stays current."
    if any(finding.rule.level == "error" for finding in failed):
        return "Published without the rows that broke a rule; they lie in quarantine."
    return "Published; the rules that were broken only warn."


def _families(port: OutputPort) -> list[CheckName]:
    have: set[CheckName] = {"expectations", *(rule.check for rule in port.contract.rules)}
    quality = port.quality
    if port.partition_columns or quality.rows or quality.rows_vs_last is not None:
        have.add("values")
    return [check for check in _DESCRIPTIONS if check in have]


def _rules(findings: Sequence[Finding], port: OutputPort) -> dict[str, dg.TableMetadataValue]:
    """List every rule; of very many, the broken ones first, and not all of the others."""
    if len(findings) > _MOST_LISTED:
        findings = sorted(findings, key=lambda finding: finding.passed)[:_MOST_LISTED]
    records = [_record(finding, port) for finding in findings]
    return {names.RULES: dg.MetadataValue.table(records)} if records else {}


def _record(finding: Finding, port: OutputPort) -> dg.TableRecord:
    return dg.TableRecord(
        {
            "rule": finding.rule.text,
            "passed": finding.passed,
            "failing_rows": finding.failing_rows,
            "level": finding.rule.level,
            "note": finding.note,
            **({"row_keys": _row_keys(finding)} if port.quality.row_keys else {}),
        }
    )


def _row_keys(finding: Finding) -> str:
    return "; ".join(str(key) for key in finding.row_keys)


def _undeclared(check: CheckName, verdict: Verdict) -> dict[str, str]:
    if check != "schema" or not verdict.undeclared:
        return {}
    return {names.UNDECLARED: ", ".join(sorted(verdict.undeclared))}
