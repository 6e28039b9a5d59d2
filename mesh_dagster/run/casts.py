"""Find the columns whose values resist the cast that their contract asks for.

In:  the plan before casting, and a schema.
Out: each such column with the number of its values that resist.
"""

import pandera.polars as pa
import polars as pl

from mesh_dagster.run.schemas import cast_targets

CAST_ERRORS = (TypeError, pl.exceptions.InvalidOperationError, pl.exceptions.ComputeError)
"""What pandera takes for a value that cannot be cast."""


def uncastable(plan: pl.LazyFrame, schema: pa.DataFrameSchema) -> dict[str, int | None]:
    """Cast each column by itself, and count the values of those that cannot be cast."""
    found = {}
    for name, (_, dtype) in cast_targets(plan, schema).items():
        column = pl.selectors.by_name(name).as_expr()
        try:
            # Nothing but the count is taken, so no cast column is held.
            plan.select(column.cast(dtype).null_count()).collect(engine="streaming")
        except CAST_ERRORS:
            found[name] = _resisting(plan, column, dtype)
    return found


def _resisting(plan: pl.LazyFrame, column: pl.Expr, dtype: pl.DataType) -> int | None:
    lost = column.is_not_null() & column.cast(dtype, strict=False).is_null()
    try:
        rows = plan.select(lost.sum()).collect(engine="streaming").item()
    except CAST_ERRORS:
        rows = plan.select(column.count()).collect(engine="streaming").item()
    return int(rows) or None
