"""Find the columns whose values resist the cast that their contract asks for.

In:  a draft with the plan before casting, and its schema.
Out: each such column with the number of its values that resist.
"""

import pandera.polars as pa
import polars as pl
from pandera.api.polars.types import PolarsData

from mesh_dagster.run.draft import Draft
from mesh_dagster.run.schemas import cast_targets

CAST_ERRORS = (TypeError, pl.exceptions.InvalidOperationError, pl.exceptions.ComputeError)
"""What pandera takes for a value that cannot be cast."""


def uncastable(draft: Draft, schema: pa.DataFrameSchema) -> dict[str, int | None]:
    """Cast each column by itself, and count the values of those that cannot be cast."""
    found: dict[str, int | None] = {}
    plan = draft.uncast
    if plan is None:
        return found
    for name, (_, dtype) in cast_targets(plan, schema).items():
        try:
            cast = dtype.coerce(PolarsData(plan, name)).select(_named(name).null_count())
            # The streaming engine refuses some casts that pandera's engine makes.
            cast.collect(engine="in-memory")
        except CAST_ERRORS:  # noqa: PERF203 - columns are few
            found[name] = _resisting(plan, name, dtype.type)
    return found


def resists(name: str, dtype: pl.DataType) -> pl.Expr:
    """Return the expression that a value is lost in a cast."""
    return _named(name).is_not_null() & _named(name).cast(dtype, strict=False).is_null()


def _resisting(plan: pl.LazyFrame, name: str, dtype: pl.DataType) -> int | None:
    try:
        rows = plan.select(resists(name, dtype).sum()).collect(engine="streaming").item()
    except CAST_ERRORS:
        rows = plan.select(_named(name).count()).collect(engine="streaming").item()
    return int(rows) or None


def _named(name: str) -> pl.Expr:
    return pl.selectors.by_name(name).as_expr()
