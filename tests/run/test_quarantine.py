"""Who can read rejected rows, and when they are gone."""

import subprocess
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pandera.polars as pa
import polars as pl
import pytest

from mesh_dagster.declare.address import Address
from mesh_dagster.declare.port import InputPort
from mesh_dagster.errors import AddressRefusedError, QuarantineKeptError
from mesh_dagster.run import delta
from mesh_dagster.run.quarantine import let_go
from mesh_dagster.run.read import read, relation
from mesh_dagster.run.select import view_names
from mesh_dagster.run.store import Store
from mesh_dagster.run.vacuum import LONGEST_RUN, Vacuumed, vacuum
from tests.run.scenario import (
    ADDRESS,
    SET_ASIDE,
    line_schema,
    lines,
    orders_at,
    port_of,
    publish_well,
    refusal_of,
    strays,
)

PORT = port_of(quality=SET_ASIDE)
ASIDE = f"{ADDRESS}?quarantine"
PLACE = "sales/orders/v1/quarantine/lines"
WEEK, YEAR = timedelta(days=7), timedelta(days=365)


def publish_and_reject(order: int, slice_: str = "") -> None:
    """Publish one good row; the other one, ten above it, is set aside."""
    publish_well(pl.concat([lines(order), lines(order + 10, amount=-1.0)]), PORT, slice_)


def free(after: timedelta, *, dry_run: bool = False) -> list[Vacuumed]:
    """Free the store, where rejected rows are kept for a week and versions for a year."""
    now = datetime.now(timezone.utc) + after
    store = Store.at()
    return vacuum(store, lambda _: YEAR, now, quarantine=lambda _: WEEK, dry_run=dry_run)


def rejected_files() -> list[Path]:
    return sorted((Path(Store.at().root) / PLACE).rglob("*.parquet"))


def quarantine() -> delta.Snapshot:
    store = Store.at()
    found = delta.snapshot(store, store.quarantine(Address.parse(ADDRESS)))
    assert found is not None
    return found


def test_rejected_rows_are_read_only_where_they_are_asked_for() -> None:
    publish_and_reject(1)

    assert (orders_at(), orders_at(ASIDE)) == ([1], [11])
    assert list(view_names(Store.at()).values()) == ["sales.orders_v1_lines"]
    assert "mesh_rules" not in read(ADDRESS).collect_schema()
    with pytest.raises(AddressRefusedError, match="quarantine"):
        InputPort(ASIDE)


@pytest.mark.parametrize(
    ("dtype", "now", "then"),
    [
        (pl.String(), "new", "2.5"),
        (pl.Int64(), 7, 2),
        (pl.Date(), date(2026, 1, 1), None),
        (pl.List(pl.String), ["new"], None),
    ],
)
def test_rejected_rows_stay_readable_though_their_columns_get_other_types(
    dtype: pl.DataType, now: object, then: object
) -> None:
    """They are held to no contract, so that not even a refused batch may hide older ones."""
    schema = line_schema().update_column("amount", dtype=pl.Float64, checks=[])
    schema.columns["order"].checks = [pa.Check.ge(0)]
    later = schema.update_column("amount", dtype=dtype)
    refusal_of(lines(-1, amount=2.5), port_of(schema, quality=SET_ASIDE), "a")
    batch = lines(-2).with_columns(amount=pl.Series([now], dtype=dtype))
    refusal_of(batch, port_of(later, quality=SET_ASIDE), "b")

    rows = read(ASIDE).sort("order").select("order", "amount").collect()

    assert rows.rows() == [(-2, now), (-1, then)]
    assert sorted(relation(ASIDE).project('"order"').fetchall()) == [(-2,), (-1,)]


def test_rejected_rows_go_after_their_time_though_nothing_has_replaced_them() -> None:
    publish_and_reject(1)

    [freed] = free(WEEK + timedelta(hours=1))

    assert (freed.place, freed.orphans, freed.expired) == (PLACE, 0, 1)
    assert (orders_at(), orders_at(ASIDE)) == ([1], [])
    assert read(ASIDE).collect_schema().names() == ["order", "artist", "amount", "mesh_rules"]
    assert rejected_files() == []
    assert free(WEEK + timedelta(hours=1)) == []


def test_rejected_rows_within_their_time_stay() -> None:
    publish_and_reject(1)

    assert free(WEEK - timedelta(hours=1)) == []
    assert orders_at(ASIDE) == [11]


def test_rejected_rows_that_were_replaced_go_by_their_own_age_too() -> None:
    publish_and_reject(1)
    publish_and_reject(2)

    [freed] = free(WEEK + timedelta(hours=1))

    assert (freed.place, freed.expired) == (PLACE, 2)
    assert rejected_files() == []


def test_by_default_rejected_rows_are_kept_as_long_as_replaced_versions() -> None:
    publish_and_reject(1)
    now, store = datetime.now(timezone.utc), Store.at()

    early = vacuum(store, lambda _: YEAR, now + YEAR - timedelta(hours=1))
    late = vacuum(store, lambda _: YEAR, now + YEAR + timedelta(hours=1))

    assert (early, [one.place for one in late]) == ([], [PLACE])


def test_a_dry_run_lets_no_row_go() -> None:
    publish_and_reject(1)

    dry = free(2 * WEEK, dry_run=True)

    assert [(one.place, one.expired) for one in dry] == [(PLACE, 1)]
    assert orders_at(ASIDE) == [11]
    assert free(2 * WEEK) == dry


def test_partitions_let_their_rows_go_one_by_one() -> None:
    publish_and_reject(1, "a")
    old = {file.path for file in quarantine().files}
    publish_and_reject(2, "b")

    left = let_go(Store.at(), quarantine(), old)

    assert orders_at(ASIDE) == [12]
    assert left == {file.path for file in quarantine().files}


def test_a_port_publishes_and_rejects_on_after_its_rows_went() -> None:
    publish_and_reject(1)
    free(2 * WEEK)

    publish_and_reject(2)

    assert (orders_at(), orders_at(ASIDE)) == ([2], [12])
    assert strays() == []


def test_a_batch_set_aside_in_the_meantime_is_not_lost() -> None:
    publish_and_reject(1)
    before = quarantine()
    publish_and_reject(2)

    left = let_go(Store.at(), before, {file.path for file in before.files})

    assert left == {file.path for file in before.files}
    assert orders_at(ASIDE) == [12]


def test_rows_of_a_port_that_never_published_go_too() -> None:
    refusal_of(lines(1, 2, amount=-1.0), PORT)

    [freed] = free(2 * WEEK)

    assert (freed.place, freed.expired, rejected_files()) == (PLACE, 1, [])


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Mount a file system as the root of the mesh, which a test may make read-only."""
    place = tmp_path / "disk"
    place.mkdir()
    if not mounted(place, "-t", "tmpfs", "tmpfs"):
        pytest.skip("Mounting a file system needs root.")
    monkeypatch.setenv("MESH_ROOT", str(place))
    monkeypatch.setenv("MESH_REGISTRY", f"sqlite:///{tmp_path}/registry.sqlite")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def mounted(place: Path, *options: str) -> bool:
    done = subprocess.run(["mount", *options, str(place)], check=False, capture_output=True)
    return not done.returncode


def test_rows_that_cannot_be_let_go_are_not_deleted(disk: Path) -> None:
    publish_and_reject(1)
    assert mounted(disk, "-o", "remount,ro")

    with pytest.raises(QuarantineKeptError) as kept:
        free(2 * WEEK)

    assert str(kept.value) == (
        f"'{ASIDE}' holds rows past their retention, and could not be written. None of them was "
        "deleted. Check the disk and the store's permissions, then run 'mesh vacuum' again."
    )
    assert orders_at(ASIDE) == [11]


def test_an_orphan_in_a_quarantine_is_freed_at_once(mesh_root: Path) -> None:
    publish_and_reject(1)
    place = mesh_root / PLACE
    (place / "_staging" / "dead.lock").touch()
    (place / "data" / "dead-0.parquet").write_bytes(b"half a file")

    [freed] = free(LONGEST_RUN / 2)

    assert (freed.place, freed.orphans, freed.expired) == (PLACE, 1, 0)
    assert orders_at(ASIDE) == [11]
