from pathlib import Path

import polars as pl
import pytest

from mesh_dagster.errors import InternalMissingError
from mesh_dagster.run.internal import current_file, inputs_at, read_internal, write_internal
from mesh_dagster.run.store import Store

KEYS = ["2026-01-01", "a/b", "../up", "50%", "日本", "x" * 400, "x" * 401, ".", "A"]


def folder_of(key: str = "") -> str:
    return Store.at().internal("sales/orders", "raw", key)


def write(rows: pl.LazyFrame | pl.DataFrame, key: str = "", **inputs: int) -> str:
    return write_internal(Store.at(), folder_of(key), rows.lazy(), inputs)


def inputs_behind(key: str = "") -> dict[str, int]:
    place, _, own = folder_of(key).rpartition("/")
    return inputs_at(Store.at(), place, own)


def test_a_whole_step_is_made_from_what_all_slices_of_an_internal_were_made_from() -> None:
    rows = pl.DataFrame({"n": [1]})
    write(rows, "a", plays=3, songs=1)
    write(rows, "b", plays=2, stations=4)

    assert inputs_behind() == {"plays": 3, "songs": 1, "stations": 4}
    assert inputs_behind("b") == {"plays": 2, "stations": 4}


def test_an_internal_reads_back_what_was_written_last() -> None:
    write(pl.DataFrame({"n": [1]}))
    url = write(pl.DataFrame({"n": [2], "kind": pl.Series(["a"], dtype=pl.Categorical)}), plays=3)

    frame = read_internal(Store.at(), [folder_of()], "raw").collect()

    assert frame.rows() == [(2, "a")]
    assert current_file(Store.at(), folder_of()) == url
    assert inputs_behind() == {"plays": 3}


def test_a_reader_keeps_the_rows_that_it_has_opened() -> None:
    write(pl.DataFrame({"n": [1]}))
    held = read_internal(Store.at(), [folder_of()], "raw")

    write(pl.DataFrame({"n": [2]}))

    assert held.collect().rows() == [(1,)]


def test_every_partition_key_has_a_folder_of_its_own_inside_the_internal() -> None:
    for number, key in enumerate(KEYS):
        write(pl.DataFrame({"n": [number]}), key)

    frame = read_internal(Store.at(), [folder_of(key) for key in KEYS], "raw").collect()

    home = Path(Store.at().root) / "sales/orders/internal/raw"
    assert frame["n"].to_list() == list(range(len(KEYS)))
    assert len(list(home.iterdir())) == len(KEYS)
    assert sorted(Store.at().internals()) == sorted(str(folder) for folder in home.iterdir())


def test_partitions_need_not_have_the_same_columns() -> None:
    write(pl.DataFrame({"n": [1]}), "a")
    write(pl.DataFrame({"m": ["x"], "n": [2.5]}), "b")

    frame = read_internal(Store.at(), [folder_of("a"), folder_of("b")], "raw").collect()

    assert frame.rows() == [(1.0, None), (2.5, "x")]


def test_a_build_that_fails_leaves_the_last_rows_and_no_file() -> None:
    def broken(_: pl.DataFrame) -> pl.DataFrame:
        raise ZeroDivisionError

    write(pl.DataFrame({"n": [1]}))
    before = sorted(Path(folder_of()).iterdir())
    plan = pl.LazyFrame({"n": [2]}).map_batches(broken, schema={"n": pl.Int64})

    with pytest.raises(ZeroDivisionError):
        write(plan)

    assert sorted(Path(folder_of()).iterdir()) == before
    assert read_internal(Store.at(), [folder_of()], "raw").collect().rows() == [(1,)]


def test_an_internal_that_was_never_materialized_says_how_much_is_missing() -> None:
    write(pl.DataFrame({"n": [1]}), "a")

    with pytest.raises(InternalMissingError) as caught:
        read_internal(Store.at(), [folder_of("a"), folder_of("b")], "sales/orders/raw")

    assert str(caught.value) == (
        "'sales/orders/raw' was never materialized, or not in 1 of 2 partitions. Materialize it "
        "first. Nothing was published."
    )
    assert current_file(Store.at(), folder_of("b")) is None
    assert inputs_behind("b") == {}
