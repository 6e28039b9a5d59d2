"""What vacuum frees, and what it must never touch."""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import polars as pl

from mesh_dagster.declare.address import Address
from mesh_dagster.run import delta
from mesh_dagster.run.internal import read_internal, write_internal
from mesh_dagster.run.read import read
from mesh_dagster.run.record import publication
from mesh_dagster.run.store import WHOLE, Store
from mesh_dagster.run.vacuum import LONGEST_RUN, Vacuumed, vacuum
from tests.run.scenario import ADDRESS, lines, publish_batch

MONTH = timedelta(days=30)
PLACE = "sales/orders/v1/lines"


def _kept(length: timedelta) -> Callable[[Address], timedelta]:
    return lambda _: length


def _published_at(version: int) -> datetime:
    store = Store.at()
    found = delta.history(store, store.table(Address.parse(ADDRESS)))
    return next(publication(entry).published_at for entry in found if entry["version"] == version)


def _publish(*batches: tuple[int, ...]) -> None:
    for orders in batches:
        publish_batch(lines(*orders))


def test_a_version_is_kept_as_long_as_promised_after_it_was_replaced() -> None:
    _publish((1,), (1, 2))
    replaced_at = _published_at(1)

    within = vacuum(Store.at(), _kept(MONTH), replaced_at + MONTH)

    assert within == []
    assert read(f"{ADDRESS}?version=0").collect().height == 1


def test_a_version_past_its_retention_is_freed_and_the_current_one_stays() -> None:
    _publish((1,), (1, 2), (1, 2, 3))
    replaced_at = _published_at(2)

    [freed] = vacuum(Store.at(), _kept(MONTH), replaced_at + MONTH + timedelta(seconds=1))

    assert (freed.place, freed.orphans, freed.expired) == (PLACE, 0, 2)
    assert read(ADDRESS).collect().height == 3


def test_the_current_version_outlives_any_retention() -> None:
    _publish((1, 2))

    freed = vacuum(Store.at(), _kept(timedelta(0)), datetime.now(timezone.utc) + 100 * MONTH)

    assert freed == []
    assert read(ADDRESS).collect().height == 2


def test_a_dry_run_says_what_it_would_free_and_frees_nothing() -> None:
    _publish((1,), (1, 2))
    later = _published_at(1) + 2 * MONTH

    dry = vacuum(Store.at(), _kept(MONTH), later, dry_run=True)
    wet = vacuum(Store.at(), _kept(MONTH), later)

    assert dry == wet == [Vacuumed(PLACE, 0, 1, dry[0].bytes)]
    assert vacuum(Store.at(), _kept(MONTH), later) == []


def test_each_port_has_its_own_retention() -> None:
    _publish((1,), (1, 2))
    asked: list[str] = []

    def retention(address: Address) -> timedelta:
        asked.append(str(address))
        return MONTH

    vacuum(Store.at(), retention, _published_at(1))

    assert set(asked) == {ADDRESS}


def test_a_replaced_file_of_an_internal_stays_for_its_readers_a_while(mesh_root: Path) -> None:
    store = Store.at()
    folder = store.internal("sales/orders", "raw", WHOLE)
    for number in (1, 2):
        write_internal(store, folder, pl.LazyFrame({"a": [number]}), {})
    now = datetime.now(timezone.utc)

    early = vacuum(store, _kept(MONTH), now)
    late = vacuum(store, _kept(MONTH), now + LONGEST_RUN + timedelta(minutes=1))

    assert early == []
    assert [(one.place, one.expired) for one in late] == [("sales/orders/internal/raw/whole", 1)]
    assert read_internal(store, [folder], "raw").collect()["a"].to_list() == [2]


def test_files_that_vanish_while_it_looks_stop_nothing(mesh_root: Path) -> None:
    """A link to nowhere is listed and cannot be opened, as a file that its writer throws away."""
    _publish((1,), (1, 2))
    for writer in ("living", "dead"):
        (mesh_root / PLACE / "data" / f"{writer}-0.parquet").symlink_to("nowhere")
    (mesh_root / PLACE / "_staging" / "dead.lock").touch()

    [freed] = vacuum(Store.at(), _kept(MONTH), _published_at(1) + 2 * MONTH)

    assert (freed.orphans, freed.expired) == (1, 1)
    assert read(ADDRESS).collect().height == 2
