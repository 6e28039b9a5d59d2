"""Read rejected rows, whose port may promise other types since they were set aside.

In:  the snapshot of a quarantine.
Out: the same, which gives each row the types of today; a value that is none of its type is null.
No contract holds for these rows, so the audit that keeps published partitions readable passes
them over.
"""

from dataclasses import fields

import polars as pl

from mesh_dagster.declare.storage import stored_type
from mesh_dagster.run import delta
from mesh_dagster.run.columns import named, promised


class Rejected(delta.Snapshot):
    """A version of a quarantine."""

    @classmethod
    def of(cls, content: delta.Snapshot) -> "Rejected":
        """Read the same files so."""
        return cls(**{one.name: getattr(content, one.name) for one in fields(content)})

    def plan(self) -> pl.LazyFrame:
        """Return the rows; the footers of their files are read at once."""
        plans = [self._typed(url) for url in self.urls]
        return pl.concat(plans) if plans else super().plan()

    def _typed(self, url: str) -> pl.LazyFrame:
        options = dict(self.storage_options) or None
        plan = pl.scan_parquet(url, storage_options=options, hive_partitioning=False, glob=False)
        kept = plan.collect_schema()
        return plan.select(_typed(name, kept.get(name), t) for name, t in self.schema.items())


def _typed(name: str, kept: pl.DataType | None, dtype: pl.DataType) -> pl.Expr:
    if kept is None or not _is_castable(kept, dtype):
        return pl.lit(None, dtype=dtype).alias(name)
    if isinstance(dtype, pl.Datetime) and kept == stored_type(dtype):
        return promised(named(name), dtype)
    return named(name).cast(dtype, strict=False)


def _is_castable(kept: pl.DataType, dtype: pl.DataType) -> bool:
    """Say whether polars knows how to turn values of one type into another, or into nulls."""
    if kept == stored_type(dtype):
        return True
    written = kept.is_numeric() or kept.is_temporal() or kept in (pl.String, pl.Boolean)
    return (
        (written and dtype == pl.String)
        or (kept.is_numeric() and dtype.is_numeric())
        or (kept.is_temporal() and dtype.is_temporal())
        or (kept == pl.String and dtype.is_numeric())
    )
