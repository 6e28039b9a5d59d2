"""Prove from the footers of Parquet files which rules their rows keep, without reading a row.

In:  published files, the types that they are to be read as, a contract.
Out: what is left of the contract to be scanned for.
Only what holds for a whole range is proven, by asking pandera about its two ends; so nothing of
pandera is written again here. Footers pass over NaN and cut long texts: a column of floats counts
as having NaN, and of a text only its nulls are known.
"""

# ruff: noqa: ANN401 - pyarrow ships no types

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandera.polars as pa
import polars as pl
import pyarrow.parquet  # type: ignore[import-untyped]
from pandera.api.function_dispatch import Dispatcher

from mesh_dagster.declare.contract import Contract
from mesh_dagster.declare.storage import stored_type
from mesh_dagster.run import delta
from mesh_dagster.run.audit import audit_staged
from mesh_dagster.run.columns import named, promised
from mesh_dagster.run.explain import Demand
from mesh_dagster.run.schemas import without_parsing
from mesh_dagster.run.store import Store

_OF_RANGES = {
    "equal_to",
    "greater_than",
    "greater_than_or_equal_to",
    "in_range",
    "less_than",
    "less_than_or_equal_to",
}
"""Checks of pandera that hold for all between two values for which they hold."""


@dataclass(frozen=True)
class _Footer:
    parquet: Any
    types: pl.Schema


@dataclass(frozen=True)
class _Known:
    """What footers say of one column."""

    typed: bool = False
    """Whether it reads as the promised type, whatever its values are."""
    nulls: int | None = None
    ends: Sequence[object] | None = None
    """The least and the greatest value of each row group, as they are stored."""


def unproven(
    content: delta.Snapshot, types: Mapping[str, pl.DataType], contract: Contract, store: Store
) -> Contract | None:
    """Return what footers leave open of a contract; `None` if they prove it whole.

    Args:
        content: Published files, with the types that they were published as.
        types: The promised types by which the contract is to be judged.
        contract: Names every column.
        store: Where the files lie.

    Raises:
        OSError: A file cannot be read.
    """
    if contract.schema.dtype is not None:
        return contract  # of a schema without columns, it would be a rule of its own
    footers = list(_footers(content, store))
    known = {
        column.name: _known(column, types[column.name], content.schema.get(column.name), footers)
        for column in contract.schema.columns.values()
    }
    try:
        proven = _proven(contract, known, types)
    except pl.exceptions.PolarsError:
        return contract  # a stored value that is none of the promised type
    return _rest(contract, known, proven)


def _footers(content: delta.Snapshot, store: Store) -> Iterator[_Footer]:
    for url in content.urls:
        with store.path(url).open("rb") as file:
            parquet = pyarrow.parquet.read_metadata(file)
        types = pl.DataFrame(parquet.schema.to_arrow_schema().empty_table()).schema
        yield _Footer(parquet, types)


def _known(
    column: pa.Column, dtype: pl.DataType, before: pl.DataType | None, footers: Sequence[_Footer]
) -> _Known:
    name, kept = column.name, stored_type(dtype)
    if any(footer.types.get(name, kept) != kept for footer in footers):
        return _Known()
    if kept != dtype != before and any(name in footer.types for footer in footers):
        return _Known()  # as another type, they held what this one may not
    there = [footer.parquet for footer in footers if name in footer.types]
    groups = [group for parquet in there for group in _statistics(name, parquet)]
    if any(statistics is None or not statistics.has_null_count for statistics, _ in groups):
        return _Known(typed=True)
    # Of a column that came later, the rows of earlier files read as nulls.
    rows = sum(footer.parquet.num_rows for footer in footers)
    nulls = rows - sum(count - statistics.null_count for statistics, count in groups)
    ordered = kept.is_numeric() or isinstance(kept, pl.Date | pl.Datetime)
    ranged = ordered and any(map(_is_of_range, column.checks))
    return _Known(
        typed=True, nulls=nulls, ends=_ends(groups, floats=kept.is_float()) if ranged else None
    )


def _statistics(name: str, parquet: Any) -> Iterator[tuple[Any, int]]:
    """Yield the statistics of a column in each row group, and its rows; of nested ones, none."""
    paths = [parquet.schema.column(number).path for number in range(parquet.num_columns)]
    place = paths.index(name) if paths.count(name) == 1 else None
    for number in range(parquet.num_row_groups):
        group = parquet.row_group(number)
        yield (None if place is None else group.column(place).statistics), group.num_rows


def _ends(groups: Sequence[tuple[Any, int]], *, floats: bool) -> list[object] | None:
    ends: list[object] = []
    for statistics, rows in groups:
        if statistics.has_min_max:
            try:
                ends += [statistics.min, statistics.max]
            except (ValueError, OverflowError):
                return None  # a time that Python cannot hold
        elif statistics.null_count < rows and not floats:
            return None  # of NaN alone there are no ends
    return ends


def _proven(
    contract: Contract, known: Mapping[str, _Known], types: Mapping[str, pl.DataType]
) -> set[Demand]:
    """Return the demands on values that are met, whatever lies between the ends."""
    proven: set[Demand] = {
        ("not_null", name, 0)
        for name, facts in known.items()
        if facts.nulls == 0 and not types[name].is_float()
    }
    schema, numbers = _about_ends(contract, known)
    if not schema.columns:
        return proven
    frame = _frame_of_ends({name: known[name] for name in schema.columns}, types)
    for finding in audit_staged(frame, Contract.of(schema), profile="rows").findings:
        rule = finding.rule
        if finding.passed and rule.kind == "check" and rule.column:
            proven.add(("check", rule.column, numbers[rule.column][rule.number]))
    return proven


def _about_ends(
    contract: Contract, known: Mapping[str, _Known]
) -> tuple[pa.DataFrameSchema, dict[str, list[int]]]:
    """Return the checks that two ends can prove, and which of their column each of them is."""
    schema = without_parsing(contract.schema)
    schema.checks, schema.unique, schema.strict, schema.ordered = [], None, False, False
    numbers, columns = {}, {}
    for name, column in schema.columns.items():
        of_ranges = [number for number, check in enumerate(column.checks) if _is_of_range(check)]
        if known[name].ends is not None:
            column.checks = [column.checks[number] for number in of_ranges]
            column.nullable, column.unique = True, False
            numbers[name], columns[name] = of_ranges, column
    schema.columns = columns
    return schema, numbers


def _is_of_range(check: pa.Check) -> bool:
    built_in = isinstance(check._check_fn, Dispatcher)  # noqa: SLF001 - no public name
    return built_in and not check.element_wise and check.name in _OF_RANGES


def _frame_of_ends(known: Mapping[str, _Known], types: Mapping[str, pl.DataType]) -> pl.LazyFrame:
    """Return the ends of all columns side by side, typed as promised; a null where there is one."""
    columns: dict[str, list[object]] = {}
    for name, facts in known.items():
        columns[name] = [*(facts.ends or ()), *([None] if facts.nulls else [])]
        if types[name].is_float():
            columns[name].append(math.nan)
    if not all(columns.values()):
        columns = {name: [] for name in columns}  # there are no rows
    height = max(map(len, columns.values()))
    plan = pl.LazyFrame(
        pl.Series(name, [*values, *values[-1:] * (height - len(values))], stored_type(types[name]))
        for name, values in columns.items()
    )
    return plan.select(promised(named(name), types[name]) for name in columns)


def _rest(contract: Contract, known: Mapping[str, _Known], proven: set[Demand]) -> Contract | None:
    """Return a contract with the demands that are not proven, over the same columns."""
    schema = without_parsing(contract.schema)
    # A port stores exactly its columns, in order.
    schema.strict, schema.ordered = False, False
    columns = {}
    for name, column in schema.columns.items():
        column.checks = [
            check
            for number, check in enumerate(column.checks)
            if ("check", name, number) not in proven
        ]
        column.nullable = column.nullable or ("not_null", name, 0) in proven
        if column.checks or column.unique or not (column.nullable and known[name].typed):
            columns[name] = column
    schema.columns = columns
    return Contract.of(schema) if columns or schema.checks or schema.unique else None
