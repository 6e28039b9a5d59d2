from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from mesh_dagster.declare.storage import PARTITION_COLUMN
from mesh_dagster.run import delta
from mesh_dagster.run.stage import Staging
from mesh_dagster.run.store import WHOLE, Store

NUMBERS = {"n": pl.Int64()}


def uri() -> str:
    return f"{Store.at().root}/table"


def current() -> delta.Snapshot | None:
    return delta.snapshot(Store.at(), uri())


def commit(
    frame: pl.DataFrame,
    base: delta.Snapshot | None,
    slice_: str = WHOLE,
    *,
    name: str = "one",
) -> int:
    """Stage and commit a frame as it is."""
    schema = dict(frame.schema)
    with Staging(Store.at(), uri()) as area:
        staged = area.write(frame.lazy(), schema, slice_)
        change = delta.Change(staged.files, schema, slice_, {"publication_id": name})
        with area.keeping(staged.files):
            return delta.commit(Store.at(), uri(), base, change)


def numbers(*values: int) -> pl.DataFrame:
    return pl.DataFrame({"n": list(values)}, schema=NUMBERS)


def rows(snapshot: delta.Snapshot | None) -> list[int]:
    return sorted(snapshot.plan().collect()["n"]) if snapshot else []


def test_where_no_table_is_there_is_no_snapshot_and_no_history() -> None:
    assert (current(), list(delta.history(Store.at(), uri()))) == (None, [])


def test_a_commit_replaces_what_was_there() -> None:
    first = commit(numbers(1, 2), None)
    second = commit(numbers(3), current())

    assert (first, second, rows(current())) == (0, 1, [3])
    assert rows(delta.snapshot(Store.at(), uri(), 0)) == [1, 2]


def test_a_commit_replaces_its_slice_only() -> None:
    commit(numbers(1), None, "a")
    commit(numbers(2), current(), "b")
    commit(numbers(3), current(), "a")

    found = current()
    assert found is not None
    assert (rows(found.of_slice("a")), rows(found.of_slice("a", other=True))) == ([3], [2])
    assert (found.rows, found.partitioned) == (2, True)


def test_a_commit_on_an_old_base_loses_its_race() -> None:
    commit(numbers(1), None)
    base = current()
    commit(numbers(2), base)

    with pytest.raises(delta.LostRaceError):
        commit(numbers(3), base)

    assert rows(current()) == [2]


def test_a_commit_to_another_slice_on_an_old_base_loses_its_race_too() -> None:
    commit(numbers(1), None, "a")
    base = current()
    commit(numbers(2), base, "b")

    with pytest.raises(delta.LostRaceError):
        commit(numbers(3), base, "c")

    assert rows(current()) == [1, 2]


def test_of_two_first_commits_one_loses() -> None:
    commit(numbers(1), None, name="first")

    with pytest.raises(delta.LostRaceError):
        commit(numbers(2), None, name="second")

    assert rows(current()) == [1]


def test_a_change_of_the_tables_features_is_a_lost_race() -> None:
    commit(numbers(1), None)
    zoneless = numbers(2).with_columns(at=datetime(2026, 1, 1))  # noqa: DTZ001

    with pytest.raises(delta.LostRaceError):
        commit(zoneless, current())
    version = commit(zoneless, current())

    assert version == 2
    assert [entry["version"] for entry in delta.history(Store.at(), uri())] == [2, 0]


def test_a_commit_that_cannot_be_written_is_reported(mesh_root: Path) -> None:
    commit(numbers(1), None)
    base = current()
    log = mesh_root / "table" / "_delta_log"
    (log / "00000000000000000001.json").mkdir()

    with pytest.raises((delta.NotWrittenError, delta.LostRaceError)):
        commit(numbers(2), base)

    (log / "00000000000000000001.json").rmdir()
    assert rows(current()) == [1]


def test_the_history_tells_what_each_commit_carried_newest_first() -> None:
    commit(numbers(1), None, name="first")
    commit(numbers(2), current(), name="second")

    entries = list(delta.history(Store.at(), uri()))

    assert [entry["publication_id"] for entry in entries] == ["second", "first"]
    assert entries[0]["published_at"] >= entries[1]["published_at"]
    assert [entry["version"] for entry in delta.history(Store.at(), uri(), 1)] == [1]


def test_a_slice_without_files_has_the_promised_columns() -> None:
    commit(numbers(1), None, "a")

    found = current()

    assert found is not None
    assert found.of_slice("b").plan().collect().schema == pl.Schema(NUMBERS)


def test_any_delta_reader_finds_the_rows_and_their_partition() -> None:
    commit(numbers(1), None, "a/b")

    table = DeltaTable(uri())

    frame = pl.read_delta(table)
    assert frame.select("n").rows() == [(1,)]
    assert table.metadata().partition_columns == [PARTITION_COLUMN]


def test_a_table_is_opened_from_a_checkpoint_after_a_few_commits() -> None:
    commit(numbers(0), None)
    for number in range(1, 23):
        commit(numbers(number), current(), name=str(number))

    log = Path(uri()) / "_delta_log"

    assert len(list(log.glob("*.checkpoint.parquet"))) == 2
    assert (rows(current()), len(list(delta.history(Store.at(), uri())))) == ([22], 23)


def test_writers_that_queue_take_turns() -> None:
    store = Store.at()
    with delta.turn(store, uri()):
        queued = Path(store.turn(uri())).exists()

    assert queued
    with delta.turn(store, uri()):
        pass


def test_where_there_are_no_locks_nobody_queues() -> None:
    with delta.turn(Store("memory://mesh"), "memory://mesh/table"):
        pass
