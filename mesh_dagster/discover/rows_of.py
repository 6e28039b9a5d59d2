"""Open the data from which a contract is proposed, and write the Python that reads it again.

In:  the path of a CSV or Parquet file, or the name of a DuckDB table.
Out: a `RowsOf`: a plan over its rows, and the code of a `raw_` internal.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from mesh_dagster.errors import SourceRefusedError

_TABLE = "duckdb:"


@dataclass(frozen=True)
class RowsOf:
    """Data that is there."""

    plan: pl.LazyFrame
    path: Path
    code: tuple[str, ...]
    """The body of a function that returns the plan; it names the path `SOURCE`."""
    imports_duckdb: bool = False


def rows_of_csv(path: Path) -> RowsOf:
    """Open a CSV file with a header; types are read from all of its rows.

    Raises:
        SourceRefusedError: It is not there, or holds no rows that can be read.
    """
    code = "return pl.scan_csv(SOURCE, try_parse_dates=True, infer_schema_length=None)"
    _require_file(path)
    plan = pl.scan_csv(path, try_parse_dates=True, infer_schema_length=None)
    return _readable(RowsOf(plan, path, (code,)))


def rows_of_parquet(path: Path) -> RowsOf:
    """Open a Parquet file; raises as `rows_of_csv` does."""
    _require_file(path)
    return _readable(RowsOf(pl.scan_parquet(path), path, ("return pl.scan_parquet(SOURCE)",)))


def rows_of_table(text: str) -> RowsOf:
    """Open a table of a DuckDB file, written `duckdb:FILE:TABLE`; raises as `rows_of_csv` does."""
    import duckdb  # noqa: PLC0415 - only who asks for a table needs it

    place, _, table = text.removeprefix(_TABLE).rpartition(":")
    if not text.startswith(_TABLE) or not place or not table:
        raise SourceRefusedError(text, "is no 'duckdb:FILE:TABLE'")
    _require_file(Path(place))
    try:
        with duckdb.connect(place, read_only=True) as connection:
            frame = connection.table(table).pl()
    except (duckdb.Error, pl.exceptions.PolarsError) as error:
        raise SourceRefusedError(text, "has no such table that can be read") from error
    code = (
        "with duckdb.connect(SOURCE, read_only=True) as connection:",
        f"    return connection.table({json.dumps(table)}).pl().lazy()",
    )
    return _readable(RowsOf(frame.lazy(), Path(place), code, imports_duckdb=True))


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise SourceRefusedError(str(path), "is not there")


def _readable(rows: RowsOf) -> RowsOf:
    try:
        columns = rows.plan.collect_schema().names()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise SourceRefusedError(str(rows.path), "cannot be read") from error
    if not columns:
        raise SourceRefusedError(str(rows.path), "has no columns")
    return rows
