from datetime import datetime, timedelta, timezone
from pathlib import Path

import duckdb
import pandera.polars as pa
import polars as pl
import pytest

from mesh_dagster.declare.address import Reference
from mesh_dagster.errors import NotPublishedError, UnknownVersionError
from mesh_dagster.run import delta, frames
from mesh_dagster.run.read import connect, read, relation, resolve
from mesh_dagster.run.store import Store
from mesh_dagster.run.vacuum import vacuum
from tests.run.scenario import (
    ADDRESS,
    PORT,
    SET_ASIDE,
    line_schema,
    lines,
    orders_at,
    port_of,
    publish_batch,
    publish_well,
)

TYPES = {**lines().schema}


def at(moment: datetime) -> str:
    return f"{ADDRESS}?as_of={moment.isoformat().replace('+00:00', 'Z')}"


def test_each_version_stays_readable() -> None:
    for number in range(3):
        publish_well(lines(number))

    assert [orders_at(f"{ADDRESS}?version={number}") for number in range(3)] == [[0], [1], [2]]
    assert orders_at() == [2]


def test_as_of_means_the_newest_version_at_that_time() -> None:
    made = [publish_well(lines(number)).publication for number in range(3)]
    late = made[2].published_at + timedelta(days=1)

    found = [orders_at(at(publication.published_at)) for publication in made]

    assert found == [[0], [1], [2]]
    assert orders_at(at(late)) == [2]
    assert orders_at(at(made[1].published_at - timedelta(milliseconds=1))) == [0]


def test_a_time_before_the_first_publication_names_the_first_and_the_last() -> None:
    first = publish_well(lines(1)).publication.published_at
    last = publish_well(lines(2)).publication.published_at

    with pytest.raises(UnknownVersionError) as caught:
        read(f"{ADDRESS}?as_of=2020-01-01T00:00:00Z")

    assert str(caught.value) == (
        f"'{ADDRESS}' has no publication of 2020-01-01 00:00:00 UTC or before; it keeps those of "
        f"{first:%Y-%m-%d %H:%M:%S} UTC to {last:%Y-%m-%d %H:%M:%S} UTC. Ask for one of these. "
        "Nothing was read."
    )


def test_an_unknown_version_names_the_first_and_the_last() -> None:
    publish_well(lines(1))
    publish_well(lines(2))

    with pytest.raises(UnknownVersionError) as caught:
        read(f"{ADDRESS}?version=7")

    assert str(caught.value) == (
        f"'{ADDRESS}' has no publication with version 7; it keeps versions 0 to 1. Ask for one of "
        "these. Nothing was read."
    )


def test_a_version_past_its_retention_is_not_among_those_that_are_kept() -> None:
    made = [publish_well(lines(number)).publication for number in range(3)]
    vacuum(Store.at(), lambda _: timedelta(0), made[2].published_at + timedelta(days=1))

    with pytest.raises(UnknownVersionError, match=r"with version 0; it keeps versions 2 to 2\."):
        read(f"{ADDRESS}?version=0")


def test_a_change_of_the_table_that_is_no_publication_has_no_version() -> None:
    publish_well(lines(1), PORT, "a")
    column = {"at": pa.Column(pl.Datetime("us"), nullable=True)}
    zoneless = port_of(line_schema().add_columns(column))
    made = publish_well(lines(2).with_columns(at=datetime(2026, 1, 1)), zoneless, "b")  # noqa: DTZ001

    with pytest.raises(UnknownVersionError):
        read(f"{ADDRESS}?version=1")

    assert made.publication.version == 2


def test_a_version_whose_files_were_vacuumed_is_unknown() -> None:
    publish_well(lines(1))
    publish_well(lines(2))
    later = datetime.now(timezone.utc) + timedelta(days=2)

    vacuum(Store.at(), lambda _: timedelta(days=1), later)

    with pytest.raises(UnknownVersionError):
        read(f"{ADDRESS}?version=0")
    assert orders_at() == [2]


@pytest.mark.parametrize("query", ["", "?version=0", "?as_of=2026-01-01T00:00:00Z", "?quarantine"])
def test_an_address_without_publication_offers_the_nearest(query: str) -> None:
    publish_well(lines(1), port_of(name="line"))

    with pytest.raises(NotPublishedError) as caught:
        read(ADDRESS + query)

    assert str(caught.value) == (
        f"'{ADDRESS}' has never been published in '{Store.at().root}'. Did you mean "
        "'mesh://sales/orders/v1/line'? Check the address and MESH_ROOT, or run its product. "
        "Nothing was read."
    )


def test_an_empty_mesh_offers_nothing() -> None:
    with pytest.raises(NotPublishedError) as caught:
        relation(ADDRESS)

    assert str(caught.value) == (
        f"'{ADDRESS}' has never been published in '{Store.at().root}', nor has anything else. "
        "Check the address and MESH_ROOT, or run its product. Nothing was read."
    )


def test_a_quarantine_without_rows_has_the_ports_columns_and_the_rules() -> None:
    publish_well(lines(1))

    frame = read(f"{ADDRESS}?quarantine").collect()

    assert dict(frame.schema) == {**TYPES, "mesh_rules": pl.List(pl.String)}
    assert frame.height == 0


def test_a_quarantine_is_readable_before_anything_was_published() -> None:
    publish_batch(lines(1, amount=-1.0), port_of(quality=SET_ASIDE))

    assert orders_at(f"{ADDRESS}?quarantine") == [1]
    assert relation(f"{ADDRESS}?quarantine").fetchall() == [(1, "Ann", -1.0, ["amount >= 0"])]


def test_two_majors_live_side_by_side() -> None:
    publish_well(lines(1))
    publish_well(lines(2), port_of(version="2.0.0"))

    assert (orders_at(), orders_at("mesh://sales/orders/v2/lines")) == ([1], [2])


def test_a_relation_lives_on_the_given_connection() -> None:
    publish_well(lines(1, 2))

    with duckdb.connect() as connection:
        rows = relation(ADDRESS, connection)
        rows.create_view("orders")
        total = connection.execute('SELECT sum("order") FROM orders').fetchall()

    assert total == [(3,)]


def test_a_slice_published_before_a_column_was_added_is_a_relation_with_nulls() -> None:
    publish_well(lines(1), PORT, "a")
    column = {"note": pa.Column(str, nullable=True)}
    grown = port_of(line_schema().add_columns(column))
    publish_well(lines(2).with_columns(note=pl.lit("new")), grown, "b")
    content = resolve(Reference.parse(ADDRESS), Store.at()).of_slice("a")

    assert frames.relation(content, connect()).fetchall() == [(1, "Ann", 1.0, None)]
    assert content.plan().collect()["note"].to_list() == [None]


@pytest.mark.parametrize(
    "name", ["with space", "日本 ü", "br[a]ck*et", "it's", 'say "hi"', "a+b&c=d"]
)
def test_a_root_may_have_any_of_these_names(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESH_ROOT", str(tmp_path / name))
    publish_well(lines(1))
    publish_well(lines(2))

    assert (orders_at(), orders_at(f"{ADDRESS}?version=0")) == ([2], [1])
    assert relation(ADDRESS).fetchall() == [(2, "Ann", 1.0)]


@pytest.mark.parametrize("root", ["mesh", "./mesh/", "link", "link/../mesh", "file"])
def test_a_root_may_be_relative_or_a_link_or_a_file_url(
    root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mesh").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "mesh")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MESH_ROOT", (tmp_path / "mesh").as_uri() if root == "file" else root)
    publish_well(lines(1))
    monkeypatch.chdir("/")

    monkeypatch.setenv("MESH_ROOT", str(tmp_path / "mesh"))

    assert orders_at() == [1]
    assert delta.snapshot(Store.at(), Store.at().table(PORT.address)) is not None
