import json
from pathlib import Path
from xml.etree import ElementTree as ET

from mesh_dagster.cli.check_reports import sarif
from mesh_dagster.govern.checkup import Breach, Checkup
from mesh_dagster.govern.place import Place
from mesh_dagster.govern.policies import POLICIES
from mesh_dagster.govern.policy import Fault
from tests.cli.scenario import REPORT, SHOP, mesh
from tests.conftest import REPOSITORY

REGIONAL = "mesh://report/totals/v1/regional"
WAIVED = """
levels: {purpose: "off", column-description: "off", port-description: note}
waivers:
  - {policy: promise, on: 'mesh://*', because: Comes with the first consumer.}
"""


def test_the_example_domains_have_what_a_mesh_needs() -> None:
    result = mesh("check", "--workspace", str(REPOSITORY / "workspace.yaml"))

    assert (result.exit_code, result.stdout) == (0, "Nothing to mend.\n")


def line_of(text: str, source: str) -> int:
    """Return the number of the line that begins with a text."""
    return next(n for n, line in enumerate(source.splitlines(), 1) if line.startswith(text))


AMOUNT = line_of("    amount: int", SHOP)
SHOP_PORT, REPORT_PORT = line_of("@orders.port", SHOP), line_of("@totals.port", REPORT)


def test_open_errors_are_listed_with_remedy_and_line(workspace: Path) -> None:
    result = mesh("check")

    assert (result.exit_code, result.stderr) == (1, "")
    lines = result.stdout.splitlines()
    assert lines[:4] == [
        "error port-description  Write a docstring for its build function.",
        f"  {REGIONAL} has no description (report_location.py:{REPORT_PORT})",
        f"  mesh://shop/orders/v1/lines has no description (shop_location.py:{SHOP_PORT})",
        "",
    ]
    assert lines[-1] == "5 errors, 5 warnings."
    described = "mesh://shop/orders/v1/lines#amount has no description"
    assert f"  {described} (shop_location.py:{AMOUNT})" in lines


def test_waived_errors_do_not_fail_and_are_shown_when_asked(workspace: Path) -> None:
    (workspace.parent / "mesh_check.yaml").write_text(WAIVED, encoding="utf-8")

    short, long = mesh("check"), mesh("check", "--all")

    assert (short.exit_code, long.exit_code) == (0, 0)
    assert "promise" not in short.stdout
    assert short.stdout.splitlines()[-1] == "1 warning, 2 notes, 2 waived."
    where = f"  {REGIONAL} promises no freshness (report_location.py:{REPORT_PORT})"
    assert f"{where}; waived: Comes with the first consumer." in long.stdout.splitlines()


def test_settings_that_cannot_be_read_stop_the_check(workspace: Path) -> None:
    (workspace.parent / "mesh_check.yaml").write_text("levels: {prose: 'off'}", encoding="utf-8")

    result = mesh("check")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "names the unknown policy 'prose'. Did you mean 'purpose'?" in result.stderr


def test_code_hosts_find_each_fault_on_its_line(workspace: Path) -> None:
    settings = WAIVED.replace('column-description: "off", ', "")
    (workspace.parent / "mesh_check.yaml").write_text(settings, encoding="utf-8")

    [run] = json.loads(mesh("check", "--format", "sarif").stdout)["runs"]

    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert all(rules[result["ruleIndex"]] == result["ruleId"] for result in run["results"])
    [described, *_] = [r for r in run["results"] if r["ruleId"] == "port-description"]
    assert described["level"] == "note"
    assert described["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "report_location.py"},
        "region": {"startLine": REPORT_PORT},
    }
    lines = {
        result["message"]["text"]: result["locations"][0]["physicalLocation"]["region"]["startLine"]
        for result in run["results"]
    }
    told = "has no description. Write pa.Field(description='...') in its contract."
    assert lines[f"mesh://shop/orders/v1/lines#amount {told}"] == AMOUNT
    suppressed = [r["ruleId"] for r in run["results"] if "suppressions" in r]
    assert suppressed == ["promise", "promise"]


def test_ci_servers_see_a_case_for_each_policy(workspace: Path) -> None:
    suite = ET.fromstring(mesh("check", "--format", "junit").stdout)  # noqa: S314 - our own

    failed = {case.get("name") for case in suite if case.find("failure") is not None}
    assert failed == {"purpose", "port-description", "promise"}
    assert suite.get("failures") == "3"
    assert int(str(suite.get("tests"))) == len(suite)


def test_json_says_whether_it_failed(workspace: Path) -> None:
    known = json.loads(mesh("check", "--json").stdout)

    assert known["failed"] is True
    assert {one["level"] for one in known["breaches"]} == {"error", "warning"}


def test_one_product_of_two_code_locations_is_refused(workspace: Path) -> None:
    Path("again.py").write_text(SHOP, encoding="utf-8")
    with workspace.open("a", encoding="utf-8") as more:
        more.write("  - python_file: again.py\n")

    found = [mesh("check"), mesh("plan"), mesh("release")]

    assert {one.exit_code for one in found} == {1}
    assert all("'mesh://shop/orders/v1' is declared more than once" in one.stderr for one in found)


def test_the_name_of_a_file_is_written_as_a_uri(tmp_path: Path) -> None:
    inside, outside = Path.cwd() / "a b" / "über.py", tmp_path / "c d.py"
    faults = [Fault("a/b", "is odd", "Mend it.", Place(str(p), 3)) for p in (inside, outside)]
    found = Checkup(tuple(Breach("purpose", "error", fault) for fault in faults), ())

    [run] = json.loads(sarif(found, POLICIES))["runs"]

    [one, other] = (r["locations"][0]["physicalLocation"] for r in run["results"])
    assert one["artifactLocation"] == {"uri": "a%20b/%C3%BCber.py"}
    assert other["artifactLocation"]["uri"].endswith("/c%20d.py")
