import json
from contextlib import closing
from datetime import date

from mesh_dagster.declare.lifecycle import Deprecated
from mesh_dagster.errors import RetiredError
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.store import Store
from tests.cli.scenario import ORDERS, TOTALS, declare, mesh, publish_lines, rows, words
from tests.run.scenario import lines, port_of, publish_well


def test_a_port_that_is_read_is_not_retired_and_its_readers_are_named() -> None:
    declare()
    publish_lines(rows(1, 2))

    result = mesh("retire", ORDERS)

    assert result.exit_code == 1
    assert result.stderr == (
        f"'{ORDERS}' is read by 'report/totals v1 (team:report)'. Have them read another port "
        "first, or retire it with --force --because '...'. Nothing was retired.\n"
    )
    assert mesh("read", ORDERS).exit_code == 0


def test_a_port_is_retired_by_force_for_a_reason() -> None:
    declare()
    publish_lines(rows(1, 2))

    result = mesh("retire", ORDERS, "--successor", TOTALS, "--force", "--because", "sold", "--json")

    told = json.loads(result.stdout)
    assert {name: told[name] for name in ("address", "successor", "because")} == {
        "address": ORDERS,
        "successor": TOTALS,
        "because": "sold",
    }
    read = mesh("read", ORDERS)
    day = told["retired_at"][:10]
    assert (read.exit_code, read.stderr) == (1, f"{RetiredError(ORDERS, day, TOTALS)}\n")


def test_force_and_its_reason_are_given_together() -> None:
    declare()

    results = [mesh("retire", TOTALS, "--force"), mesh("retire", TOTALS, "--because", "sold")]

    assert [result.exit_code for result in results] == [2, 2]
    assert "Give --force and --because together, or neither." in results[0].stderr


def test_a_retired_port_is_listed_and_shown_as_such() -> None:
    declare()

    retired = mesh("retire", TOTALS)
    listed, everything, shown = mesh("ls"), mesh("ls", "--all"), mesh("show", TOTALS)

    assert (retired.exit_code, retired.stdout) == (
        0,
        (
            f"{TOTALS} is retired. It has no successor. "
            "Remove it from its product: its runs are refused now.\n"
        ),
    )
    assert [line[0] for line in words(listed.stdout)] == ["ADDRESS", ORDERS]
    assert listed.stderr == "Retired and not shown: 1. --all shows them.\n"
    assert [line[-1] for line in words(everything.stdout)] == ["STATE", "retired", "never"]
    assert ["state", "retired", "since", "TIME"] in words(shown.stdout)


def test_a_retired_port_reads_nothing_and_is_offered_nowhere() -> None:
    declare()
    publish_lines(rows(1, 2))
    mesh("retire", TOTALS)

    lineages = [mesh("lineage", *of).stdout for of in ([ORDERS], ["mesh://sales/orders"])]
    shown, scored = mesh("show", ORDERS).stdout, json.loads(mesh("score", "--json").stdout)

    assert f"└─ {TOTALS}  declared; retired\n" in lineages[0]
    assert "└─ mesh://report/totals  declared; retired\n" in lineages[1]
    assert "report/totals" not in shown
    assert [one["value"] for one in scored["answers"][:3:2]] == [1, 1]
    assert [one["key"] for one in json.loads(mesh("kpi", "--json").stdout)["products"]] == [
        "sales/orders"
    ]
    assert mesh("sql").stdout == "sales.orders_v1_lines\n"
    mesh("retire", ORDERS)
    assert mesh("sql").stderr == "No port is published here yet.\n"


def test_an_address_that_nobody_knows_is_not_retired() -> None:
    with closing(Registry(Store.at().registry_url)):
        result = mesh("retire", ORDERS)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"'{ORDERS}' has never been published here.")


def test_who_reads_a_deprecated_port_is_told_beside_its_rows() -> None:
    publish_well(lines(1), port_of(state=Deprecated(date(2026, 10, 1), date(2026, 12, 1))))

    result = mesh("read", ORDERS, "--json")

    assert (result.exit_code, len(json.loads(result.stdout))) == (0, 1)
    assert result.stderr == (
        f"'{ORDERS}' is deprecated since 2026-10-01 and promised until 2026-12-01.\n"
    )
