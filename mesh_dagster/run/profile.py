"""Gather what a batch holds, in the same pass that audits it.

In:  the columns of a plan and their types.
Out: expressions for one `select`, and the `Profile` read from the row that it gives.
Bounds are Python values; long texts are cut. Nothing here becomes a message.
"""

from datetime import date, datetime, time, timedelta
from decimal import Decimal

import polars as pl

from mesh_dagster.run.verdict import Bound, ColumnProfile, Profile

_LONGEST_TEXT = 64
_ROWS = "rows"


def profile_expressions(schema: pl.Schema) -> list[pl.Expr]:
    """Return one aggregate for each fact of each column, named by position."""
    expressions = [pl.len().alias(_ROWS)]
    for number, (name, dtype) in enumerate(schema.items()):
        facts = _facts(pl.col(_literal(name)), dtype)
        expressions += [fact.alias(f"{number}:{key}") for key, fact in facts.items()]
    return expressions


def profile_of(schema: pl.Schema, row: dict[str, object]) -> Profile:
    """Read the profile from the row that `profile_expressions` gave."""
    columns = tuple(_column(name, number, row) for number, name in enumerate(schema))
    return Profile(_whole(row[_ROWS]), columns)


def _literal(name: str) -> str:
    return name


def _facts(column: pl.Expr, dtype: pl.DataType) -> dict[str, pl.Expr]:
    facts = {"nulls": column.null_count()}
    if dtype.is_float():
        facts["nans"] = column.is_nan().sum()
    if dtype.is_numeric() or dtype.is_temporal() or dtype in (pl.String, pl.Boolean):
        facts |= {"minimum": column.min(), "maximum": column.max()}
    if dtype.is_numeric():
        facts["mean"] = column.mean()
    if dtype.is_numeric() or dtype.is_temporal() or dtype in (pl.String, pl.Boolean):
        facts["distinct"] = column.approx_n_unique()
    return facts


def _column(name: str, number: int, row: dict[str, object]) -> ColumnProfile:
    mean = row.get(f"{number}:mean")
    distinct = row.get(f"{number}:distinct")
    return ColumnProfile(
        column=name,
        nulls=_whole(row[f"{number}:nulls"]),
        nans=_whole(row.get(f"{number}:nans") or 0),
        minimum=_bound(row.get(f"{number}:minimum")),
        maximum=_bound(row.get(f"{number}:maximum")),
        mean=float(mean) if isinstance(mean, int | float | Decimal) else None,
        approximate_distinct=None if distinct is None else _whole(distinct),
    )


def _whole(value: object) -> int:
    return value if isinstance(value, int) else int(str(value))


def _bound(value: object) -> Bound:
    if isinstance(value, str):
        return value[:_LONGEST_TEXT]
    if value is None or isinstance(value, int | float | datetime):
        return value
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return str(value)[:_LONGEST_TEXT]
