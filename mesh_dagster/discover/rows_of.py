"""Open the data from which a contract is proposed, and write the Python that reads it again.

In:  the path of a CSV or Parquet file, or the name of a DuckDB table.
Out: a `RowsOf`: a plan over its rows, and the code of a `raw_` internal.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from mesh_dagster.discover.csv_dialect import Dialect, dialect_of, first_wide_line
from mesh_dagster.discover.source_code import Call, Code, Name, laid_out
from mesh_dagster.errors import SourceRefusedError

_TABLE = "duckdb:"
_UNREADABLE = "cannot be read"
_INDENT = 4
_DECIMAL = {"comma": r"^-?\d+,\d+$", "point": r"^-?\d+\.\d+$"}
_GROUPED = r"^-?\d{1,3}\.\d{3}$"
_POINTS = "do its points group thousands?"
_CODE = r"^-?0\d+([.,]\d+)?$"
"""Digits that would lose their zeros as a number."""
_YEAR = r"\d{4}"
_EITHER_FIRST = r"^(0?[1-9]|1[0-2])[/-](0?[1-9]|1[0-2])[/-]\d{4}"
"""A date that can be read with its day or with its month first."""
_DAY_FIRST = "read with the day first: or is it the month?"
_Options = dict[str, Any]  # Any: what polars takes


@dataclass(frozen=True)
class RowsOf:
    """Data that is there."""

    plan: pl.LazyFrame
    path: Path
    code: tuple[str, ...]
    """The body of a function that returns the plan; it names the path `SOURCE`, before all else."""
    imports_duckdb: bool = False
    remarks: Mapping[str, str] = field(default_factory=dict)
    """What people should look at again, by column."""


def rows_of_csv(path: Path) -> RowsOf:
    """Open a CSV file with a header; types are read from all of its rows.

    Its separator, its encoding and decimal commas are told from what it holds.

    Raises:
        SourceRefusedError: It is not there, or holds no rows that can be read.
    """
    _require_file(path)
    dialect = dialect_of(path)
    try:
        return _readable(_csv_rows(path, dialect))
    except pl.exceptions.PolarsError as error:
        line = first_wide_line(path, dialect)
        wide = f"has more fields in line {line} than its header: quote what holds a separator"
        problem = wide if line else _UNREADABLE
        raise SourceRefusedError(str(path), problem) from error


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


def _csv_rows(path: Path, dialect: Dialect) -> RowsOf:
    plain = dialect.encoding == "utf-8"
    source = path if plain else path.read_text(dialect.encoding).encode()
    options: _Options = {} if dialect.separator == "," else {"separator": dialect.separator}
    text = pl.scan_csv(source, infer_schema=False, **options)
    facts = text.select(_text_facts(text)).collect(engine="streaming").row(0, named=True)
    names = text.collect_schema().names()
    commas, points = (sum(facts[f"{sign}:{name}"] for name in names) for sign in _DECIMAL)
    if commas and commas >= points:
        options["decimal_comma"] = True
    options |= {"try_parse_dates": True, "infer_schema_length": None}
    typed = pl.scan_csv(source, **options)
    dates, types = _dates(typed), typed.collect_schema()
    codes = [name for name, dtype in types.items() if dtype.is_numeric() and facts[f"code:{name}"]]
    kept = [*codes, *(name for name in dates if facts[f"undated:{name}"] or not dates[name])]
    named: dict[str, Code] = {
        **({} if plain else {"encoding": dialect.encoding}),
        **options,
        **({"schema_overrides": {name: Name("pl.String") for name in kept}} if kept else {}),
    }
    remarks = {
        name: _DAY_FIRST for name in dates if not facts[f"one_way:{name}"] and name not in kept
    }
    if dialect.separator != ",":  # where decimals have commas
        remarks |= {
            name: _POINTS
            for name, dtype in types.items()
            if dtype.is_float() and not facts[f"ungrouped:{name}"] and name not in kept
        }
    plan = pl.scan_csv(source, **options, schema_overrides=dict.fromkeys(kept, pl.String))
    plan.select(pl.all().null_count()).collect(engine="streaming")
    return RowsOf(plan, path, tuple(_csv_code(named)), remarks=remarks)


def _text_facts(text: pl.LazyFrame) -> Iterator[pl.Expr]:
    for name in text.collect_schema().names():
        column = pl.selectors.by_name(name).as_expr()
        for sign, pattern in _DECIMAL.items():
            yield column.str.contains(pattern).sum().cast(pl.Int64).alias(f"{sign}:{name}")
        yield column.str.contains(_CODE).any().alias(f"code:{name}")
        yield column.str.contains(_GROUPED).not_().any().alias(f"ungrouped:{name}")
        yield column.str.contains(_YEAR).not_().any().alias(f"undated:{name}")
        yield column.str.contains(_EITHER_FIRST).not_().any().alias(f"one_way:{name}")


def _dates(plan: pl.LazyFrame) -> dict[str, bool]:
    """Return for each column that begins as dates or times whether it is read as such whole."""
    found = {}
    for name, dtype in plan.collect_schema().items():
        if dtype.is_temporal() and dtype != pl.Time:
            try:
                plan.select(pl.selectors.by_name(name)).collect(engine="streaming")
            except pl.exceptions.ComputeError:
                found[name] = False
            else:
                found[name] = True
    return found


def _csv_code(named: Mapping[str, Code]) -> Iterator[str]:
    recoded = str(named.get("encoding", ""))
    call = Call("pl.read_csv" if recoded else "pl.scan_csv", [Name("SOURCE")], named)
    ending = ".lazy()" if recoded else ""
    if recoded:
        yield f"# review: is its text {recoded}?"
    lines = laid_out(call, _INDENT, len("return ") + len(ending)).splitlines()
    first, *more = [line.removeprefix(" " * _INDENT) for line in lines]
    yield from [f"return {first}", *more][:-1]
    yield f"{[f'return {first}', *more][-1]}{ending}"


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise SourceRefusedError(str(path), "is not there")


def _readable(rows: RowsOf) -> RowsOf:
    try:
        columns = rows.plan.collect_schema().names()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise SourceRefusedError(str(rows.path), _UNREADABLE) from error
    if not columns:
        raise SourceRefusedError(str(rows.path), "has no columns")
    return rows
