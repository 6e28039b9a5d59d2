import json
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

import mesh_dagster as md
from mesh_dagster.cli.registry import nothing_registered
from mesh_dagster.run.registering import declarations
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.store import Store
from tests.cli.scenario import (
    ENDING,
    ORDERS,
    TOTALS,
    declare,
    deprecate,
    mesh,
    publish_lines,
    rows,
    words,
)

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def ann(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESH_READER", "ann")


def test_find_lists_what_matches_the_best_first() -> None:
    declare()
    publish_lines(rows(1, 2))
    md.read(ORDERS)

    result = mesh("find", "sold", "artist")

    assert (result.exit_code, result.stderr) == (0, "")
    assert words(result.stdout) == words(
        """\
PRODUCT          OWNER       PROMISES    READS  PURPOSE         COLUMNS
sales/orders v1  team:sales  ok              1  What was sold.  lines.artist
"""
    )


@pytest.mark.parametrize(
    ("asked", "note"),
    [
        (["totls"], "No product matches 'totls'. Did you mean 'totals'?\n"),
        (["sum", "artist"], "No product matches all of 'sum artist'; these match a part.\n"),
        (["sold", "--limit", "1"], "These are the best 1; there are more.\n"),
    ],
)
def test_find_says_what_it_made_of_the_words(asked: list[str], note: str) -> None:
    declare()

    result = mesh("find", *asked)

    assert (result.exit_code, result.stderr) == (0, note)


def test_find_and_ls_tell_what_ends() -> None:
    deprecate()

    found, listed = mesh("find", "sold"), mesh("ls")
    hits = json.loads(mesh("find", "sold", "--json").stdout)["hits"]
    ports = json.loads(mesh("ls", "--json").stdout)

    for shown, first in ((found, "sales/orders v1"), (listed, ORDERS)):
        header, *lines = shown.stdout.splitlines()
        assert header.endswith("  STATE")
        assert [line.endswith(f"  {ENDING}") for line in lines if line.startswith(first)] == [True]
        assert shown.stdout.count("deprecated") == 1
    state = {"since": "2026-11-01", "until": "2027-01-31", "successor": ENDING.split()[-1]}
    told = {hit["key"]: hit["deprecated"] for hit in hits}
    assert told == {"sales/orders": {ORDERS: state}, "report/totals": {}}
    assert {port["address"]: port["deprecated"] for port in ports} == {ORDERS: state, TOTALS: None}


def test_find_for_scripts_holds_everything() -> None:
    declare()

    result = mesh("find", "daily", "--json")

    found = json.loads(result.stdout)
    assert (found["words"], found["meant"], found["partial"], found["more"]) == (
        ["daily"],
        None,
        False,
        False,
    )
    assert [hit["addresses"] for hit in found["hits"]] == [[TOTALS]]


def test_find_of_nothing_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nowhere = mesh("find", "xylophone")
    declare()
    result = mesh("find", "xylophone")
    monkeypatch.setenv("MESH_REGISTRY", f"sqlite:///{tmp_path}/other.sqlite")
    elsewhere = mesh("find", "xylophone")

    root = Store.at().root
    assert (nowhere.exit_code, nowhere.stdout, nowhere.stderr) == (
        1,
        "",
        (
            f"No product matches 'xylophone', for none is registered in '{root}'. Set MESH_ROOT "
            "to the root of the mesh, or run a product.\n"
        ),
    )
    assert (result.exit_code, result.stdout, result.stderr) == (
        1,
        "",
        (
            f"No product in '{root}' matches 'xylophone', nor anything like it. Try other words, "
            "or list all with 'mesh ls'.\n"
        ),
    )
    assert "registered in 'sqlite://" in elsewhere.stderr


def test_kpi_counts_from_a_search_to_the_first_read() -> None:
    declare()
    publish_lines(rows(1, 2))
    mesh("find", "orders")
    mesh("show", ORDERS)
    md.read(ORDERS)

    shown, plain = mesh("kpi"), json.loads(mesh("kpi", "--json").stdout)

    assert words(shown.stdout) == words(
        """\
PRODUCT        DECLARED  TO PUBLISH  NEW READERS  TO USE
report/totals  TIME  not published yet 0  no new reader yet
sales/orders   TIME               SPAN 1  SPAN
1 of 2 products are published, SPAN after they were declared (median); 1 new reader, SPAN after \
they met the product (median).
"""
    )
    assert (plain["published"], plain["new_readers"]) == (1, 1)
    assert 0 < plain["to_publish_seconds"] < HOUR.total_seconds()
    assert [one["to_use_seconds"] is None for one in plain["products"]] == [True, False]


def test_kpi_of_an_empty_mesh_says_what_to_do() -> None:
    result = mesh("kpi")

    told = f"{nothing_registered()}\n"
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", told)


def test_changes_tell_what_a_port_promised_since_when() -> None:
    declare()
    publish_lines(rows(1, 2))

    shown, plain = mesh("changes", ORDERS), json.loads(mesh("changes", ORDERS, "--json").stdout)

    assert words(shown.stdout) == words("TIME  1.0.0  published with version 0\n  first declared\n")
    assert [(one["version"], one["first_version"]) for one in plain] == [("1.0.0", 0)]
    assert "not published since" in mesh("changes", TOTALS).stdout


def test_changes_tell_what_was_declared_and_never_published() -> None:
    declare()
    publish_lines(rows(1, 2))
    with closing(Registry(Store.at().registry_url)) as registry, registry.begin() as connection:
        (first,) = connection.execute(
            sa.select(declarations).where(declarations.c.address == ORDERS)
        ).mappings()
        for days, version in ((1, "1.1.0"), (2, "1.0.0"), (3, "1.0.1")):
            product = {**first["product"], "version": version}
            at = first["declared_at"] + timedelta(days=days)
            row = {**first, "declared_at": at, "product": product, "digest": version}
            if version == "1.0.1":
                row["declaration"] = {**first["declaration"], "freshness": None}
            connection.execute(sa.insert(declarations).values(row))

    shown = mesh("changes", ORDERS)

    assert words(shown.stdout) == words(
        "TIME  1.0.1  not published since\n  may break readers: freshness removed: within 6 h\n"
        "  version: 1.0.0 becomes 1.0.1\n"
        "TIME  1.0.0  declared, never published\n  as it was published before\n"
        "TIME  1.1.0  declared, never published\n  version: 1.0.0 becomes 1.1.0\n"
        "TIME  1.0.0  published with version 0\n  first declared\n"
    )


def test_changes_of_an_unknown_port_offer_the_nearest() -> None:
    declare()

    result = mesh("changes", "mesh://sales/order/v1/lines")

    assert (result.exit_code, result.stderr) == (
        1,
        (
            "The port 'mesh://sales/order/v1/lines' was never declared in this registry. Did you "
            f"mean '{ORDERS}'? Check the address and MESH_ROOT, or run its product.\n"
        ),
    )
