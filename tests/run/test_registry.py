import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import polars as pl
import pytest

from mesh_dagster.declare.transcribe import written
from mesh_dagster.declare.written import WrittenContract
from mesh_dagster.errors import RegistryError
from mesh_dagster.run.declared import register
from mesh_dagster.run.failures import Failure, note_failures, standing_failures
from mesh_dagster.run.registry import Publication, Refusal, Registry
from tests.run.processes import start
from tests.run.scenario import ADDRESS, NOW, PORT, Line, lines, product_of, publish_well

BERLIN = timezone(timedelta(hours=1))


def made(version: int, address: str = ADDRESS, rows: int = 1) -> Publication:
    moment = NOW + timedelta(hours=version)
    digest = "0" * 64
    return Publication(
        address, version, f"id-{version}", moment, "1.0.0", digest, digest, "", rows, rows
    )


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with closing(Registry(f"sqlite:///{tmp_path}/new/folder/registry.sqlite")) as opened:
        yield opened


def test_what_is_recorded_twice_stands_once_as_it_was_told_last(registry: Registry) -> None:
    registry.record(made(0), made(1))
    registry.record(made(1, rows=5))

    assert registry.publications(ADDRESS) == [made(1, rows=5), made(0)]
    assert registry.publications(ADDRESS, 1) == [made(1, rows=5)]


def test_nothing_to_record_is_fine(registry: Registry) -> None:
    registry.record()

    assert registry.latest() == {}


def test_the_latest_publication_of_each_address_is_that_with_the_highest_version(
    registry: Registry,
) -> None:
    other = "mesh://sales/orders/v2/lines"
    registry.record(made(9), made(10), made(2, other))

    assert registry.latest() == {ADDRESS: made(10), other: made(2, other)}


def test_times_come_back_as_utc(registry: Registry) -> None:
    moment = datetime(2026, 1, 1, 1, tzinfo=BERLIN)
    registry.refuse(Refusal(ADDRESS, "id", moment, "", 3, {"order unique": 2, "closed": None}))

    (found,) = registry.refusals()

    assert found.refused_at == moment
    assert found.refused_at.tzinfo is timezone.utc
    assert found.broken == {"order unique": 2, "closed": None}


def test_refusals_are_found_by_address_newest_first(registry: Registry) -> None:
    for number in range(3):
        when = NOW + timedelta(hours=number)
        registry.refuse(Refusal(ADDRESS, f"id-{number}", when, "", 1, {}))
    registry.refuse(Refusal("mesh://a/b/v1/c", "other", NOW, "", 1, {}))

    assert [one.publication_id for one in registry.refusals(ADDRESS)] == ["id-2", "id-1", "id-0"]
    assert [one.publication_id for one in registry.refusals(limit=1)] == ["id-2"]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:////proc/none/registry.sqlite", "sqlite:////proc/none/registry.sqlite"),
        ("nosuch://user:secret@host/mesh", "nosuch://user:***@host/mesh"),
        ("no url:secret@host", "host"),
    ],
)
def test_a_registry_that_cannot_be_opened_names_its_url_without_the_password(
    url: str, shown: str
) -> None:
    with pytest.raises(RegistryError) as caught:
        Registry(url)

    assert str(caught.value) == (
        f"The registry at '{shown}' cannot be opened. Check MESH_REGISTRY and that the database "
        "runs. Nothing was published or read."
    )


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "registry.sqlite").write_text("no database at all, " * 100, encoding="utf-8")

    with pytest.raises(RegistryError):
        Registry(f"sqlite:///{tmp_path}/registry.sqlite")


def test_a_locked_registry_is_waited_for_and_then_given_up(tmp_path: Path) -> None:
    registry = Registry(f"sqlite:///{tmp_path}/registry.sqlite?timeout=0.05")
    with closing(sqlite3.connect(tmp_path / "registry.sqlite")) as other:
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(RegistryError):
            registry.require_writable()
        readable = registry.publications(ADDRESS)

    assert readable == []
    registry.require_writable()


def open_registry(url: str) -> None:
    with closing(Registry(url)) as registry:
        registry.record(made(0))


def test_processes_may_open_a_new_registry_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/registry.sqlite"

    processes = [start(open_registry, url) for _ in range(8)]
    for process in processes:
        process.join()

    assert [process.exitcode for process in processes] == [0] * 8
    assert Registry(url).publications(ADDRESS) == [made(0)]


def test_a_database_is_kept_with_a_write_ahead_log(registry: Registry) -> None:
    with closing(sqlite3.connect(str(registry.url.database))) as connection:
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()

    assert mode == "wal"


def test_a_publication_reads_back_from_the_registry_as_it_was_made(registry: Registry) -> None:
    publication = publish_well(lines(1, 2), registry=registry).publication

    assert registry.latest() == {ADDRESS: publication}


def test_a_port_is_registered_as_it_is_declared_now(registry: Registry) -> None:
    product = product_of()

    @product.port(contract=Line)
    def lines() -> pl.LazyFrame:
        raise NotImplementedError

    register(product, registry, lambda: NOW)
    register(product, registry, lambda: NOW + timedelta(days=1))

    (row,), (port,) = registry.products(), registry.ports(ADDRESS)

    assert (row["key"], row["major"], row["owner"]) == ("sales/orders", 1, "team:sales")
    assert row["registered_at"] == NOW
    assert WrittenContract.from_json(port["declaration"]["contract"]) == written(PORT.contract)


def test_a_failure_stands_until_its_slice_is_published(registry: Registry) -> None:
    def failed(slice_: str, hour: int, error: str = "RuntimeError") -> Failure:
        return Failure(ADDRESS, slice_, NOW + timedelta(hours=hour), "run-1", error)

    def published(slice_: str, hour: int) -> Publication:
        return replace(made(hour), slice=slice_)

    registry.record(published("east", 0))
    note_failures([failed("east", 1), failed("west", 1)], registry)
    note_failures([failed("east", 2, "TypeError")], registry)
    again = standing_failures(registry, [ADDRESS])
    registry.record(published("east", 3))
    mended = standing_failures(registry, [ADDRESS])
    # What crashed before any partition was built is made good by any of them.
    note_failures([failed("", 4)], registry)
    before = standing_failures(registry, [ADDRESS])
    registry.record(published("east", 5))

    assert again == [failed("east", 2, "TypeError"), failed("west", 1)]
    assert mended == [failed("west", 1)]
    assert before == [failed("", 4), failed("west", 1)]
    assert standing_failures(registry, [ADDRESS]) == [failed("west", 1)]
    assert standing_failures(registry, []) == []
