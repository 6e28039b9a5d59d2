from pathlib import Path

import polars as pl
import pytest

from mesh_dagster.run import delta
from mesh_dagster.run.stage import DATA, MARKERS, Staging
from mesh_dagster.run.store import Store
from tests.run.scenario import PORT, SCHEMA, lines


def uri() -> str:
    return Store.at().table(PORT.address)


def staged_files() -> list[str]:
    return sorted(path.name for path in (Path(uri()) / DATA).glob("*"))


def markers() -> list[str]:
    return sorted(path.name for path in (Path(uri()) / MARKERS).glob("*"))


def test_staged_rows_read_back_and_no_reader_can_find_them() -> None:
    with Staging(Store.at(), uri()) as area:
        staged = area.write(lines(1, 2).lazy(), SCHEMA, "a")

        assert staged.plan().collect().equals(lines(1, 2))
        assert (staged.rows, [file.slice for file in staged.files]) == (2, ["a"])
        assert staged_files() == [f"{area.publication_id}-0.parquet"]
        assert markers() == [f"{area.publication_id}.lock"]
        assert delta.snapshot(Store.at(), uri()) is None


def test_what_was_not_committed_is_deleted() -> None:
    with Staging(Store.at(), uri()) as area:
        area.write(lines(1).lazy(), SCHEMA)
        area.write(lines(2).lazy(), SCHEMA)

    assert (staged_files(), markers()) == ([], [])


def test_what_was_committed_stays() -> None:
    with Staging(Store.at(), uri()) as area:
        kept = area.write(lines(1).lazy(), SCHEMA)
        area.write(lines(2).lazy(), SCHEMA)
        with area.keeping(kept.files):
            pass

    assert (staged_files(), markers()) == ([f"{area.publication_id}-0.parquet"], [])


@pytest.mark.parametrize("error", [delta.LostRaceError, delta.NotWrittenError])
def test_what_was_certainly_not_committed_is_deleted(error: type[Exception]) -> None:
    with Staging(Store.at(), uri()) as area:
        files = area.write(lines(1).lazy(), SCHEMA).files
        with pytest.raises(error), area.keeping(files):
            raise error

    assert staged_files() == []


def test_what_may_have_been_committed_stays() -> None:
    area = Staging(Store.at(), uri())

    def interrupted() -> None:
        with area, area.keeping(area.write(lines(1).lazy(), SCHEMA).files):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert staged_files() == [f"{area.publication_id}-0.parquet"]


def test_a_plan_that_fails_leaves_no_file() -> None:
    def broken(_: pl.DataFrame) -> pl.DataFrame:
        raise ZeroDivisionError

    plan = lines(1).lazy().map_batches(broken, schema=lines().schema)
    with pytest.raises(ZeroDivisionError), Staging(Store.at(), uri()) as area:
        area.write(plan, SCHEMA)

    assert (staged_files(), markers()) == ([], [])


def test_a_folder_that_cannot_be_made_is_reported_as_not_written(mesh_root: Path) -> None:
    mesh_root.write_text("in the way", encoding="utf-8")

    with pytest.raises(delta.NotWrittenError), Staging(Store.at(), uri()):
        pass


def test_a_store_without_locks_sets_a_marker_too() -> None:
    store = Store("memory://mesh")

    with Staging(store, "memory://mesh/table") as area:
        marker = store.path(f"memory://mesh/table/{MARKERS}/{area.publication_id}.lock")

        assert marker.exists()
    assert not marker.exists()
