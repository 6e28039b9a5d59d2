import json
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from mesh_dagster.run.count import Read, count
from mesh_dagster.run.declared import register
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.store import Store
from tests.cli.scenario import REPORT, SHOP, mesh, now, write_workspace
from tests.govern.scenario import orders, reader

LINES = "mesh://shop/orders/v1/lines"
LOOSER = SHOP.replace(
    "amount: int = pa.Field(ge=0)", "amount: int = pa.Field(ge=-5, nullable=True)"
)

BESIDE = (
    "shop/orders: undo it, or leave 1.0.0 as it was, with state=md.Deprecated(since=..., "
    "until=..., successor='mesh://shop/orders/v2/lines'), and declare 2.0.0 beside it."
)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_workspace(tmp_path)


def declare(text: str) -> None:
    Path("shop_location.py").write_text(text, encoding="utf-8")


def register_a_reader_elsewhere() -> None:
    with closing(Registry(Store.at().registry_url)) as registry:
        register(reader("billing/vat", LINES, columns=["region"]), registry, now)


def test_before_a_release_there_is_nothing_to_compare(workspace: Path) -> None:
    result = mesh("plan")

    assert result.exit_code == 0
    assert result.stdout == (
        "Nothing was released in the registry yet, so there is nothing to compare. "
        "'mesh release' records these 2 products.\n"
    )


def test_plan_and_check_refuse_a_successor_that_is_neither_declared_nor_registered(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP", "leaving")
    problem = "has the successor 'mesh://shop/orders/v2/lines', which nobody declares"

    planned, checked = mesh("plan"), mesh("check")
    with closing(Registry(Store.at().registry_url)) as registry:
        register(orders(version="2.0.0"), registry, now)
    found, agreed = mesh("plan"), mesh("check")

    assert (planned.exit_code, found.exit_code) == (1, 0)
    assert f"{LINES} {problem}." in planned.stdout.splitlines()
    assert f"  {LINES} {problem} (shop_location.py:31)" in checked.stdout.splitlines()
    assert "successor" not in agreed.stdout


def test_a_breaking_change_names_its_consumers_and_is_not_released(workspace: Path) -> None:
    register_a_reader_elsewhere()
    assert mesh("release").stdout == "released  report/totals 1.0.0\nreleased  shop/orders 1.0.0\n"
    declare(LOOSER)

    planned, refused = mesh("plan"), mesh("release")

    assert planned.exit_code == 1
    assert (
        planned.stdout
        == f"""\
Compared with what was released in the registry:

shop/orders v1  team:shop  1.0.0, needs 2.0.0 (major)
  {LINES}
    major  'amount': not null becomes may be null (loosened)
    major  rule 'amount >= 0' becomes 'amount >= -5' (loosened)
    breaks report/totals v1 (team:report), which relies on: amount not null; amount >= 0
    1 other reader keeps what was promised

{LINES} breaks what 1.0.0 promised.
{BESIDE}
"""
    )
    assert refused.exit_code == 1
    assert refused.stderr == (
        f"The working tree cannot go out because of '{LINES}'; 'mesh plan' says why. Mend it, or "
        "release it with --force and --because. Nothing was released.\n"
    )


def test_whoever_was_counted_reading_a_port_is_named_for_thirty_days(workspace: Path) -> None:
    register_a_reader_elsewhere()
    mesh("release")
    for who, days, columns in [("ann", 1, ("amount",)), ("bob", 31, None), ("cyd", 2, None)]:
        at = now() - timedelta(days=days)
        count(Store.at().registry_url, Read(LINES, 0, "sql", at, who, columns=columns))
    declare(LOOSER)

    planned = mesh("plan")

    named = [line.strip().partition(" (")[0] for line in planned.stdout.splitlines()]
    assert [line for line in named if line.startswith(("breaks ", "may "))] == [
        "breaks report/totals v1",
        "breaks ann",
        "may break cyd",
    ]


def test_a_forced_release_goes_out_with_its_reason(workspace: Path) -> None:
    mesh("release")
    declare(LOOSER)

    assert mesh("release", "--force").exit_code == 2
    forced = mesh("release", "--force", "--because", "Nobody reads it yet.")

    assert forced.stdout == "released  shop/orders 1.0.0\n"
    assert mesh("plan").stdout.endswith("Nothing changed.\n\nNothing breaks unannounced.\n")
    assert mesh("release").stdout == "Nothing changed since the last release in the registry.\n"
    assert json.loads(mesh("release", "--json").stdout) == []


def test_a_committed_snapshot_knows_the_consumers_without_the_registry(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    register_a_reader_elsewhere()
    mesh("release", "--snapshot", "released.json")
    monkeypatch.setenv("MESH_ROOT", str(tmp_path / "elsewhere"))
    declare(LOOSER.replace("region: str", "region: str = pa.Field(nullable=True)"))

    planned = mesh("plan", "--against", "released.json", "--json")

    assert planned.exit_code == 1
    [port] = [p for one in json.loads(planned.stdout)["products"] for p in one["ports"]][1:]
    assert port["consumers"] == ["billing/vat", "report/totals"]
    assert [one["consumer"] for one in port["breaks"]] == ["report/totals"]
    forced = mesh(
        "release", "--snapshot", "released.json", "--force", "--because", "Known.", "--json"
    )
    assert json.loads(forced.stdout) == [
        {"product": "shop/orders", "version": "1.0.0", "ended": False}
    ]
    assert '"billing/vat"' in Path("released.json").read_text("utf-8")


def test_a_comment_on_a_pull_request_is_a_table_that_no_text_of_a_team_breaks(
    workspace: Path,
) -> None:
    mesh("release", "--snapshot", "released.json")
    declare(LOOSER.replace("region: str", 'region: str = pa.Field(metadata={"a|b`": "@all"})'))

    result = mesh("plan", "--against", "released.json", "--format", "markdown")

    assert (
        result.stdout
        == f"""\
## Data products: consumers break unannounced

Compared with what was released in `released.json`.

- `{LINES}` breaks what 1.0.0 promised.
- {BESIDE}

### `shop/orders v1` of `team:shop`

1.0.0, needs 2.0.0 (major)

**`{LINES}`**

| step | change | for consumers |
| --- | --- | --- |
| **major** | `'amount': not null becomes may be null` | loosened |
| **major** | `rule 'amount >= 0' becomes 'amount >= -5'` | loosened |
| patch | `region a b  added: @all` |  |

| breaks | owner | relies on |
| --- | --- | --- |
| `report/totals v1` | `team:report` | `amount not null; amount >= 0` |
"""
    )


def test_a_missing_version_step_fails_only_where_that_is_asked_for(workspace: Path) -> None:
    mesh("release")
    declare(SHOP.replace("amount: int", "tax: int\n    amount: int"))

    plain, strict = mesh("plan"), mesh("plan", "--strict")

    assert (plain.exit_code, strict.exit_code) == (0, 1)
    assert plain.stdout.endswith(
        "shop/orders: declare version 1.1.0.\nNothing breaks unannounced.\n"
    )


def test_a_release_without_the_version_step_says_so_when_it_goes_out(workspace: Path) -> None:
    mesh("release")
    more = SHOP.replace("amount: int", "tax: int\n    amount: int")
    declare(more)

    hidden = mesh("release")
    declare(more.replace('name="orders"', 'name="orders", version="1.1.0"'))
    mended = mesh("release")

    assert (hidden.exit_code, hidden.stdout) == (0, "released  shop/orders 1.0.0\n")
    assert hidden.stderr == (
        "shop/orders went out as 1.0.0, but needs 1.1.0 (minor). Declare that version and release "
        "again; 'mesh plan --strict' fails before it is too late.\n"
    )
    assert (mended.stdout, mended.stderr) == ("released  shop/orders 1.1.0\n", "")


def test_what_is_expected_in_vain_is_told_by_plan_and_check_and_is_not_released(
    workspace: Path,
) -> None:
    with closing(Registry(Store.at().registry_url)) as registry:
        register(orders(), registry, now)
    report = REPORT.replace('v1/lines")', 'v1/lines", columns=["tax"])')
    Path("report_location.py").write_text(report, encoding="utf-8")
    declare("import mesh_dagster as md\n\ndefs = md.definitions()\n")

    planned, marked, checked = mesh("plan"), mesh("plan", "--format", "markdown"), mesh("check")
    refused = mesh("release")

    vain = (
        f"expects by its input 'lines' what '{LINES}' does not promise: 'tax' any type, promised "
        "no such column"
    )
    assert (planned.exit_code, marked.exit_code, refused.exit_code) == (1, 1, 1)
    assert planned.stdout.splitlines()[1:] == [
        f"report/totals v1 {vain}.",
        "report/totals v1: change what it expects, or agree on the contract with its owner.",
    ]
    assert f"- `report/totals v1` `{vain}`." in marked.stdout.splitlines()
    assert f"  report/totals {vain} (report_location.py:15)" in checked.stdout.splitlines()
    assert "cannot go out because of 'report/totals v1'" in refused.stderr
