"""Gather what a batch holds, in the same pass that audits it.

In:  the columns of a plan and their types.
Out: expressions for one `select`, and the `Profile` read from the row that it gives.
Bounds are Python values; long texts are cut. Nothing here becomes a message.
"""

import math
from collections.abc import Container, Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Literal

import polars as pl

from mesh_dagster.run.verdict import Bound, ColumnProfile, Profile

ProfileDepth = Literal["rows", "bounds", "full"]
"""What a profile holds: only how many rows there are; of each column the nulls, NaNs, bounds and
mean as well; or also about how many values are distinct, for which every value is hashed. Of
amounts and of moments, hardly two of which are equal, that is left out."""

_LONGEST_TEXT = 64
_ROWS = "rows"


def profiled_columns(schema: pl.Schema, depth: ProfileDepth) -> pl.Schema:
    """Return those of some columns that a profile looks at."""
    return pl.Schema() if depth == "rows" else schema


def profile_expressions(
    schema: pl.Schema, depth: ProfileDepth = "full", counted: Container[str] = ()
) -> list[pl.Expr]:
    """Return one aggregate for each fact of each column, named by position.

    Args:
        schema: The columns and their types.
        depth: How much of them.
        counted: Columns whose distinct values are counted anyway.
    """
    expressions = [pl.len().alias(_ROWS)]
    for number, (name, dtype) in enumerate(profiled_columns(schema, depth).items()):
        facts = _facts(pl.selectors.by_name(name).as_expr(), dtype)
        if depth == "bounds" or name in counted:
            facts.pop("distinct", None)
        expressions += [fact.alias(f"{number}:{key}") for key, fact in facts.items()]
    return expressions


def profile_of(schema: pl.Schema, answers: pl.DataFrame, depth: ProfileDepth = "full") -> Profile:
    """Read the profile from the row that `profile_expressions` gave."""
    known, found = profiled_columns(schema, depth), {one.name: one for one in answers}
    columns = tuple(_column(name, number, found) for number, name in enumerate(known))
    return Profile(int(answers[_ROWS].item()), columns)


def with_distinct(profile: Profile, counts: Mapping[str, int]) -> Profile:
    """Add how many values of some columns are distinct."""
    columns = (
        replace(column, approximate_distinct=counts.get(column.column, column.approximate_distinct))
        for column in profile.columns
    )
    return replace(profile, columns=tuple(columns))


def bound_of(answer: pl.Series) -> Bound:
    """Return the only value of a series in the form of a bound."""
    return _bound(_value(answer))


def _facts(column: pl.Expr, dtype: pl.DataType) -> dict[str, pl.Expr]:
    facts = {"nulls": column.null_count()}
    if dtype.is_float():
        facts["nans"] = column.is_nan().sum()
    if dtype.is_numeric() or dtype.is_temporal() or dtype in (pl.String, pl.Boolean):
        facts |= {"minimum": column.min(), "maximum": column.max()}
    if dtype.is_numeric():
        facts["mean"] = column.mean()
    if dtype.is_integer() or dtype in (pl.String, pl.Boolean, pl.Date):
        facts["distinct"] = column.approx_n_unique()
    return facts


def _column(name: str, number: int, answers: Mapping[str, pl.Series]) -> ColumnProfile:
    facts = {
        fact: _value(answers[f"{number}:{fact}"])
        for fact in ("nulls", "nans", "minimum", "maximum", "mean", "distinct")
        if f"{number}:{fact}" in answers
    }
    mean = facts.get("mean")
    return ColumnProfile(
        column=name,
        nulls=_count(facts["nulls"]) or 0,
        nans=_count(facts.get("nans")) or 0,
        minimum=_bound(facts.get("minimum")),
        maximum=_bound(facts.get("maximum")),
        mean=float(mean) if isinstance(mean, int | float | Decimal) else None,
        approximate_distinct=_count(facts.get("distinct")),
    )


def _value(answer: pl.Series) -> object:
    try:
        value = answer.item()
    except (ValueError, OverflowError, pl.exceptions.PanicException):
        return None  # a time outside the years 1 to 9999, which Python cannot hold
    return None if isinstance(value, float) and math.isnan(value) else value


def _count(value: object) -> int | None:
    return value if isinstance(value, int) else None


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
