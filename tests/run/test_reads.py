import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pandera.polars as pa
import pytest
from sqlalchemy.dialects import sqlite

import mesh_dagster as md
from mesh_dagster.run.count import INSERT, Read, count, settle
from mesh_dagster.run.reads import METADATA, Reader, counts, insert_on, prune, readers
from mesh_dagster.run.registering import make
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.select import select
from mesh_dagster.run.store import Store
from tests.observe.conftest import registry
from tests.run.scenario import ADDRESS, NOW, lines, publish_well

OTHER = "mesh://sales/orders/v1/other"
DAY = timedelta(days=1)
__all__ = ["registry"]


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """Return the registry of a mesh with one publication; Ann reads."""
    monkeypatch.setenv("MESH_READER", "ann")
    monkeypatch.delenv("MESH_PURPOSE", raising=False)
    with closing(Registry(Store.at().registry_url)) as opened:
        make(opened)
        publish_well(lines(1, 2), registry=opened)
        yield opened


def read_at(moment: datetime, address: str = ADDRESS, **changed: object) -> Read:
    return Read(**{**_READ, "address": address, "read_at": moment, **changed})  # type: ignore[arg-type]  # a row of many types


_READ = {"version": 3, "way": "python", "reader": "ann", "purpose": ""}


def told(found: list[Reader]) -> list[tuple[str, str, str, int, int]]:
    return [(one.reader, one.way, one.purpose, one.reads, one.last_version) for one in found]


def test_the_statement_of_the_fast_way_is_that_of_the_table() -> None:
    assert " ".join(str(insert_on("sqlite").compile(dialect=sqlite.dialect())).split()) == INSERT


def test_a_read_is_counted_with_its_reader_purpose_and_version(
    known: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    md.read(ADDRESS)
    md.read(f"{ADDRESS}?version=0", purpose="royalties of May")
    md.relation(ADDRESS)
    monkeypatch.setenv("MESH_PURPOSE", "a report")
    md.read(ADDRESS)

    assert sorted(told(readers(known, [ADDRESS]))) == [
        ("ann", "python", "", 2, 0),
        ("ann", "python", "a report", 1, 0),
        ("ann", "python", "royalties of May", 1, 0),
    ]


def test_what_was_rejected_is_not_a_read(known: Registry) -> None:
    md.read(f"{ADDRESS}?quarantine")

    assert readers(known, [ADDRESS]) == []


def test_sql_counts_the_ports_that_it_reads_and_no_others(known: Registry) -> None:
    statement = "SELECT l.artist AS orders_v1_other FROM Sales.Orders_v1_Lines AS l"

    with select(statement, Store.at()) as plan:
        plan.collect()

    found = readers(known, [ADDRESS, OTHER])
    assert told(found) == [("ann", "sql", "", 1, 0)]
    assert found[0].columns == ("artist",)


def test_what_is_expected_is_what_is_read(known: Registry) -> None:
    class Orders(pa.DataFrameModel):
        order: int

    md.read(ADDRESS, expects=Orders)

    assert [one.columns for one in readers(known, [ADDRESS])] == [("order",)]


def test_sql_that_is_refused_is_not_a_read(known: Registry) -> None:
    with (
        pytest.raises(md.MeshError),
        select("SELECT nothing FROM sales.orders_v1_lines", Store.at()),
    ):
        raise NotImplementedError

    assert readers(known, [ADDRESS]) == []


def test_the_reads_of_each_day_add_up(registry: Registry) -> None:
    registry.make(METADATA)
    url = registry.url.render_as_string(hide_password=False)
    count(url, read_at(NOW, columns=("order",)), read_at(NOW + DAY / 8, version=4))
    count(url, read_at(NOW + DAY), read_at(NOW, OTHER, reader="a/b v1", way="build"))
    settle()

    assert readers(registry, [ADDRESS]) == [
        Reader(ADDRESS, "ann", "python", "", 3, NOW, NOW + DAY, 4)
    ]
    assert counts(registry, NOW) == {"mesh://sales/orders/v1": 4}
    assert counts(registry, NOW + DAY) == {"mesh://sales/orders/v1": 1}
    assert counts(registry, NOW, ["x/y"]) == {}


@pytest.mark.parametrize(
    ("first", "second", "known"),
    [
        (("a", "b"), ("a", "b"), ("a", "b")),
        (("a",), (), None),
        (("a",), None, None),
        (None, ("a",), None),
    ],
)
@pytest.mark.parametrize("later", [timedelta(), DAY])
def test_columns_are_known_only_while_no_read_may_have_been_of_others(
    registry: Registry,
    first: tuple[str, ...] | None,
    second: tuple[str, ...] | None,
    known: tuple[str, ...] | None,
    later: timedelta,
) -> None:
    registry.make(METADATA)
    url = registry.url.render_as_string(hide_password=False)
    for moment, columns in ((NOW, first), (NOW + later, second)):
        count(url, read_at(moment, columns=columns))
    settle()

    (found,) = readers(registry, [ADDRESS])

    if later and first is not None and second is not None:
        known = tuple(sorted({*first, *second}))
    assert found.columns == known


def test_who_read_long_ago_is_left_out(registry: Registry) -> None:
    registry.make(METADATA)
    url = registry.url.render_as_string(hide_password=False)
    count(url, read_at(NOW), read_at(NOW + DAY, reader="bob", columns=("a",)))
    settle()

    found = readers(registry, [ADDRESS], since=NOW)

    assert [(one.reader, one.columns) for one in found] == [("bob", ("a",))]


def test_old_reads_are_forgotten_by_the_day(registry: Registry) -> None:
    registry.make(METADATA)
    url = registry.url.render_as_string(hide_password=False)
    count(url, read_at(NOW), read_at(NOW + DAY))
    settle()

    assert prune(registry, NOW + DAY) == 1
    assert counts(registry, NOW) == {"mesh://sales/orders/v1": 1}


def test_names_without_end_are_cut(known: Registry) -> None:
    count(Store.at().registry_url, read_at(NOW, reader="r" * 10_000, purpose="p" * 10_000))

    (found,) = readers(known, [ADDRESS])

    assert (len(found.reader), len(found.purpose)) == (200, 500)


def test_a_reader_without_a_registry_makes_none(mesh_root: Path) -> None:
    publish_well(lines(1), registry=Registry("sqlite://"))

    md.read(ADDRESS).collect()

    assert not (mesh_root / "registry.sqlite").exists()


def unwritable(path: Path) -> None:
    path.write_bytes(b"no database, " * 100)


def without_tables(path: Path) -> None:
    path.unlink()
    sqlite3.connect(path).close()


def gone(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("spoil", [unwritable, without_tables, gone])
def test_a_registry_that_cannot_count_never_fails_a_read(
    spoil: Callable[[Path], None], mesh_root: Path
) -> None:
    publish_well(lines(1, 2), registry=Registry("sqlite://"))
    (mesh_root / "registry.sqlite").touch()
    spoil(mesh_root / "registry.sqlite")

    assert md.read(ADDRESS).collect().height == 2


def test_a_server_that_is_down_never_fails_a_read(monkeypatch: pytest.MonkeyPatch) -> None:
    publish_well(lines(1, 2), registry=Registry("sqlite://"))
    monkeypatch.setenv("MESH_REGISTRY", "postgresql+psycopg://nobody@127.0.0.1:9/none")

    assert md.read(ADDRESS).collect().height == 2


def test_a_locked_registry_is_counted_in_once_it_is_free(known: Registry) -> None:
    with closing(sqlite3.connect(str(known.url.database))) as other:
        other.execute("BEGIN IMMEDIATE")
        md.read(ADDRESS)
        missed = readers(known, [ADDRESS])
        other.rollback()

    settle()

    assert missed == []
    assert told(readers(known, [ADDRESS])) == [("ann", "python", "", 1, 0)]


def test_a_process_ends_although_the_registry_stays_locked(known: Registry) -> None:
    code = f"import mesh_dagster as md; print(md.read('{ADDRESS}').collect().height)"

    with closing(sqlite3.connect(str(known.url.database))) as other:
        other.execute("BEGIN IMMEDIATE")
        done = subprocess.run(
            [sys.executable, "-c", code], env=os.environ, capture_output=True, text=True, check=True
        )

    assert (done.stdout, done.stderr) == ("2\n", "")


def test_reading_does_not_wait_for_sqlalchemy(known: Registry) -> None:
    code = (
        f"import sys, mesh_dagster as md; md.read('{ADDRESS}').collect(); "
        "sys.exit('sqlalchemy' in sys.modules)"
    )

    subprocess.run([sys.executable, "-c", code], env=os.environ, check=True)

    assert told(readers(known, [ADDRESS])) == [("ann", "python", "", 1, 0)]
