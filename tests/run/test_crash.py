"""Nothing bad is ever readable, whenever a writer dies and whatever it tries to publish."""

import random
import time
from datetime import timedelta
from itertools import count
from multiprocessing.synchronize import Event

import polars as pl
import pytest

from mesh_dagster.run import delta
from mesh_dagster.run.internal import read_internal, write_internal
from mesh_dagster.run.publish import Published
from mesh_dagster.run.read import read
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.stage import Staging
from mesh_dagster.run.store import Store
from mesh_dagster.run.vacuum import vacuum
from tests.run.processes import CONTEXT, readers, start
from tests.run.scenario import (
    ADDRESS,
    NOW,
    PORT,
    SET_ASIDE,
    lines,
    orders_at,
    port_of,
    publish_batch,
    publish_well,
    size_of,
    strays,
    torn,
    version_at,
    whole_batch,
)

KILLS = 30
LONGEST_LIFE_SECONDS = 0.35
QUARANTINING = port_of(quality=SET_ASIDE)
PER_LIFE = 1_000
"""More batches than one writer publishes in its life."""


def publish_on(first: int, ready: Event) -> None:
    for number in count(first):
        publish_well(whole_batch(number), QUARANTINING)
        ready.set()


def batch_at(address: str = ADDRESS) -> int:
    """Return the number of the batch that a reader sees, which is whole."""
    frame = read(address).collect()
    assert torn(frame) == []
    assert frame["artist"].n_unique() == 1
    return int(frame["artist"][0])


def kill_at_a_random_moment(first: int, chance: random.Random) -> None:
    """Let a writer publish, read meanwhile, and kill it."""
    ready = CONTEXT.Event()
    writer = start(publish_on, first, ready)
    ready.wait()
    seen, end = batch_at(), time.monotonic() + chance.uniform(0, LONGEST_LIFE_SECONDS)
    while time.monotonic() < end:
        now = batch_at()
        assert now >= seen
        seen = now
    writer.kill()
    writer.join()
    assert batch_at() >= seen


def test_a_writer_may_die_at_any_moment() -> None:
    chance = random.Random(20261101)  # noqa: S311 - no secret
    publish_well(whole_batch(0), QUARANTINING)

    for life in range(1, KILLS + 1):
        kill_at_a_random_moment(life * PER_LIFE, chance)
        publish_well(whole_batch(life * PER_LIFE + PER_LIFE - 1), QUARANTINING)
        assert batch_at() == life * PER_LIFE + PER_LIFE - 1

    store, version = Store.at(), version_at(QUARANTINING)
    assert version is not None
    left = strays()
    vacuumed = vacuum(store, lambda _: timedelta(days=30), NOW)
    assert strays() == []
    assert bool(left) == bool(vacuumed)
    uri = store.table(QUARANTINING.address)
    versions = [delta.snapshot(store, uri, number) for number in range(version)]
    assert [torn(one.plan().collect()) for one in versions if one] == [[]] * version


def test_readers_see_whole_good_versions_while_batches_are_refused() -> None:
    publish_well(whole_batch(0), QUARANTINING)
    good = whole_batch(1).with_columns(amount=1.0)
    bad = [
        good.with_columns(amount=-1.0),
        good.cast({"order": pl.Int32}),
        good.drop("artist"),
        pl.concat([good, good]),
        good.with_columns(order=pl.lit(None, dtype=pl.Int64)),
    ]

    with readers(2, [ADDRESS]) as reports:
        published = 0
        for number in range(1, 21):
            outcome = publish_batch(bad[number % len(bad)])
            assert not isinstance(outcome, Published)
            with pytest.raises(ZeroDivisionError):
                publish_batch(good.lazy().map_batches(broken, schema=good.schema))
            published += publish_well(whole_batch(number), QUARANTINING).publication.version > 0

    assert published == 20
    assert all(reads > 5 and not faults for reads, faults in reports)
    assert batch_at() == 20
    assert strays() == []


def broken(_: pl.DataFrame) -> pl.DataFrame:
    raise ZeroDivisionError


def test_a_lazy_frame_keeps_its_version_while_others_are_published() -> None:
    publish_well(whole_batch(3), QUARANTINING)
    held = read(ADDRESS)

    for number in range(4, 8):
        publish_well(whole_batch(number), QUARANTINING)

    frame = held.collect()
    assert (frame["artist"].unique().to_list(), frame.height) == (["3"], size_of(3))


def test_a_writer_that_died_between_quarantine_and_commit_changes_no_published_row() -> None:
    publish_well(whole_batch(1), QUARANTINING)

    class DiesBeforeTheCommit(Registry):
        def require_writable(self) -> None:
            raise SystemExit

    with pytest.raises(SystemExit):
        publish_batch(
            whole_batch(2), QUARANTINING, registry=DiesBeforeTheCommit(Store.at().registry_url)
        )

    assert (batch_at(), orders_at(f"{ADDRESS}?quarantine")) == (1, [29])
    assert strays() == []


def test_a_writer_that_died_between_commit_and_registry_is_healed_by_the_next() -> None:
    registry = Registry(Store.at().registry_url)
    publish_well(lines(1))

    class DiesAfterTheCommit(Registry):
        def record(self, *_: object) -> None:
            raise SystemExit

    with pytest.raises(SystemExit):
        publish_batch(lines(2), registry=DiesAfterTheCommit(Store.at().registry_url))
    publish_well(lines(3))

    assert [made.version for made in registry.publications(ADDRESS)] == [2, 1, 0]


def die_in_staging(staged: Event) -> None:
    store = Store.at()
    with Staging(store, store.table(PORT.address)) as area:
        area.write(lines(9).lazy(), dict(lines().schema))
        staged.set()
        CONTEXT.Event().wait()


def test_vacuum_spares_a_living_writer_and_sweeps_after_a_dead_one() -> None:
    publish_well(lines(1))
    staged = CONTEXT.Event()
    writer = start(die_in_staging, staged)
    staged.wait()

    vacuum(Store.at(), lambda _: timedelta(days=30), NOW)
    living = strays()
    writer.kill()
    writer.join()
    vacuum(Store.at(), lambda _: timedelta(days=30), NOW)

    assert len(living) == 2
    assert (strays(), orders_at()) == ([], [1])


def store_internal_on(folder: str, ready: Event) -> None:
    for number in count():
        rows = pl.LazyFrame({"batch": [number] * size_of(number)})
        write_internal(Store.at(), folder, rows, {})
        ready.set()


def test_an_internal_is_whole_whenever_its_writer_dies() -> None:
    chance = random.Random(7)  # noqa: S311 - no secret
    store = Store.at()
    folder = store.internal("sales/orders", "raw", "")

    for _ in range(8):
        ready = CONTEXT.Event()
        writer = start(store_internal_on, folder, ready)
        ready.wait()
        writer.join(chance.uniform(0, 0.1))
        writer.kill()
        writer.join()
        batch = read_internal(store, [folder], "raw").collect()["batch"]
        assert (batch.n_unique(), len(batch)) == (1, size_of(batch[0]))


def test_a_commit_whose_checkpoint_fails_is_still_a_commit() -> None:
    store = Store.at()
    uri = store.table(PORT.address)
    publish_well(lines(1))
    log = store.path(f"{uri}/_delta_log")
    for number in range(1, 18):
        commit_empty(store, uri, number)
    (log / "_last_checkpoint").unlink()
    (log / "_last_checkpoint").mkdir()

    made = [publish_well(lines(number)).publication.version for number in (2, 3, 4)]

    assert made == [18, 19, 20]
    assert orders_at() == [4]


def commit_empty(store: Store, uri: str, number: int) -> None:
    earlier = next(delta.history(store, uri, 1))
    known = {key: earlier[key] for key in earlier if key not in ("version", "published_at")}
    record = {**known, "publication_id": str(number)}
    change = delta.Change((), dict(lines().schema), "", record)
    delta.commit(store, uri, delta.snapshot(store, uri), change)
