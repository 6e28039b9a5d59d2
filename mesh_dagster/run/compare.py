"""Say whether two versions of a port hold the same rows.

In:  two snapshots of one port.
Out: how many rows only one of them has; never a value. Rows count as often as they stand there, in
any order, and types must be the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from mesh_dagster.run.delta import Snapshot

_SIDE = "mesh_side"


@dataclass(frozen=True)
class Compared:
    """How two sets of rows differ."""

    rows: int
    """The rows of the first."""
    only_first: int
    only_second: int
    columns: tuple[str, ...] = ()
    """Those that only one of them has, or that have different types; then every row differs."""
    changed: tuple[str, ...] = ()
    """Those that, each by itself, hold other values, or values another number of times."""

    @property
    def equal(self) -> bool:
        """Whether both hold the same rows."""
        return not (self.only_first or self.only_second or self.columns)


def compare(first: Snapshot, second: Snapshot) -> Compared:
    """Count the rows that only one of two snapshots has.

    Memory is needed for the distinct rows of both.
    """
    types = (first.schema, second.schema)
    names = sorted(set(first.schema) | set(second.schema))
    different = tuple(name for name in names if types[0].get(name) != types[1].get(name))
    if different:
        return Compared(first.rows, first.rows, second.rows, different)
    only_first, only_second = _surplus(first, second, sorted(first.schema))
    changed: list[str] = []
    if only_first or only_second:
        changed = [name for name in first.schema if any(_surplus(first, second, [name]))]
    return Compared(first.rows, only_first, only_second, (), tuple(changed))


def _surplus(first: Snapshot, second: Snapshot, columns: Sequence[str]) -> tuple[int, int]:
    """Count the rows, of some columns alone, that only the first has and only the second."""
    sides = [
        plan.select(pl.struct(columns).alias("row"), pl.lit(side).alias(_SIDE))
        for plan, side in ((first.plan(), 1), (second.plan(), -1))
    ]
    surplus = (
        pl.concat(sides)
        .group_by("row")
        .agg(pl.col(_SIDE).sum())
        .select(
            pl.col(_SIDE).filter(pl.col(_SIDE) > 0).sum().alias("first"),
            -pl.col(_SIDE).filter(pl.col(_SIDE) < 0).sum().alias("second"),
        )
        .collect(engine="streaming")
    )
    return surplus["first"].item(), surplus["second"].item()
