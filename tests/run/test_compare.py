from math import nan
from pathlib import Path

import polars as pl
import pytest

from mesh_dagster.run.compare import Compared, compare
from mesh_dagster.run.delta import DataFile, Snapshot

ROWS = pl.DataFrame(
    {
        "number": [1, 2, 2, None],
        "share": [0.5, nan, nan, None],
        "names": [["a", "b"], [], None, [None]],
        "place": [{"x": 1}, {"x": None}, {"x": None}, None],
    },
    schema={
        "number": pl.Int64,
        "share": pl.Float64,
        "names": pl.List(pl.String),
        "place": pl.Struct({"x": pl.Int64}),
    },
)


def stored(folder: Path, frame: pl.DataFrame, *, parts: int = 1) -> Snapshot:
    """Write rows into one or several files, as a version of a port has them."""
    folder.mkdir()
    files = []
    for number in range(parts):
        name = f"{number}.parquet"
        part = frame.gather_every(parts, number)
        part.write_parquet(folder / name)
        files.append(DataFile(name, 1, part.height, ""))
    return Snapshot(str(folder), 0, tuple(files), dict(frame.schema), {})


def test_the_same_rows_are_equal_in_any_order_and_in_any_files(tmp_path: Path) -> None:
    first = stored(tmp_path / "first", ROWS)
    second = stored(tmp_path / "second", ROWS.reverse(), parts=2)

    compared = compare(first, second)

    assert compared == Compared(4, 0, 0)
    assert compared.equal


@pytest.mark.parametrize(
    ("changed", "expected", "columns"),
    [
        (ROWS.head(3), (1, 0), ROWS.columns),
        (pl.concat([ROWS, ROWS.head(1)]), (0, 1), ROWS.columns),
        (ROWS.with_columns(share=pl.col("share").fill_nan(0)), (2, 2), ["share"]),
        (ROWS.with_columns(names=pl.lit([], pl.List(pl.String))), (3, 3), ["names"]),
        (ROWS.with_columns(pl.col("number").reverse()), (2, 2), []),
        (ROWS.clear(), (4, 0), ROWS.columns),
    ],
)
def test_a_row_counts_as_often_as_it_stands_there(
    changed: pl.DataFrame, expected: tuple[int, int], columns: list[str], tmp_path: Path
) -> None:
    compared = compare(stored(tmp_path / "first", ROWS), stored(tmp_path / "second", changed))

    assert (compared.only_first, compared.only_second) == expected
    assert list(compared.changed) == columns
    assert not compared.equal


def test_rows_of_other_types_are_no_equal_rows(tmp_path: Path) -> None:
    changed = ROWS.cast({"number": pl.Int32}).rename({"share": "part"})

    compared = compare(stored(tmp_path / "first", ROWS), stored(tmp_path / "second", changed))

    assert compared == Compared(4, 4, 4, ("number", "part", "share"))
    assert not compared.equal


def test_two_empty_versions_are_equal(tmp_path: Path) -> None:
    empty = ROWS.clear()

    assert compare(stored(tmp_path / "a", empty), stored(tmp_path / "b", empty)).equal
