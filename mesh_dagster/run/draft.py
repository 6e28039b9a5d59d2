"""Hold what pandera would have run, and the plan that notes it.

In:  the selections that pandera and users' checks make from a `Fused` plan.
Out: a `Draft`, filled by `run/fuse.py` and answered by `run/query.py`.
"""

# ruff: noqa: ANN401, SLF001 - pandera leaves its signatures open, polars its inner plan private

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from mesh_dagster.run.explain import Demand, Fault
from mesh_dagster.run.keys import Key


@dataclass(frozen=True)
class Mask:
    """One rule on one column: true where it holds."""

    demand: Demand
    holds: pl.Expr | None
    """Over the parsed plan, each row by itself; `None` when only `plan` knows."""
    plan: pl.LazyFrame | None = None
    """One Boolean column, where `holds` is not known."""
    null_holds: bool = True
    in_order: bool = True
    """Whether `plan` has the rows in the order of the batch, if it has as many."""


@dataclass
class Draft:
    """What pandera would have run."""

    uncastable: dict[str, int | None] = field(default_factory=dict)
    """Columns known to resist their cast, with the rows that do; if any, nothing is cast."""
    resists: dict[Demand, pl.Expr] = field(default_factory=dict)
    """Per rule on their types, true where a value resists."""
    root: pl.LazyFrame | None = None
    """The parsed plan."""
    uncast: pl.LazyFrame | None = None
    """The plan before casting, if anything is cast."""
    casts: list[str] = field(default_factory=list)
    masks: list[Mask] = field(default_factory=list)
    keys: list[tuple[Demand, Key]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    unfusable: str = ""
    error: BaseException | None = None
    """What pandera raised, other than its own list of faults."""


def masks_by_demand(masks: Iterable[Mask]) -> dict[Demand, list[Mask]]:
    """Return the masks of each rule; one on several columns has several."""
    together: dict[Demand, list[Mask]] = {}
    for mask in masks:
        together.setdefault(mask.demand, []).append(mask)
    return together


def holds_by_demand(masks: Iterable[Mask]) -> dict[Demand, pl.Expr | None]:
    """Return, per rule, the expression that a row keeps it, never null; `None` if not by row."""
    return {demand: all_hold(same) for demand, same in masks_by_demand(masks).items()}


def all_hold(masks: list[Mask]) -> pl.Expr | None:
    """Return the same for the masks of one rule."""
    known = [mask.holds.fill_null(mask.null_holds) for mask in masks if mask.holds is not None]
    if len(known) < len(masks):
        return None
    return known[0] if len(known) == 1 else pl.all_horizontal(known)


class Fused(pl.LazyFrame):
    """A plan that remembers what was selected from it."""

    _rooted: bool
    _only: str | None
    _selected: list[pl.Expr] | None
    _known: pl.Schema | None

    @classmethod
    def _from_pyldf(cls, ldf: Any) -> "Fused":
        plan = cls.__new__(cls)
        plan._ldf = ldf
        plan._rooted = False
        plan._only = None
        plan._selected = None
        plan._known = None
        return plan

    @classmethod
    def of(cls, plan: pl.LazyFrame, *, rooted: bool, only: str | None = None) -> "Fused":
        """Wrap a plan; of a rooted one, selections are remembered."""
        fused = cls._from_pyldf(plan._ldf)
        fused._rooted = rooted
        fused._only = only
        return fused

    def clone(self) -> "Fused":
        """Return the plan itself, which nothing can change."""
        return self

    def collect_schema(self) -> pl.Schema:
        """Return the schema, for which pandera asks again for each column."""
        if self._known is None:
            self._known = super().collect_schema()
        return self._known

    def select(self, *exprs: Any, **named_exprs: Any) -> pl.LazyFrame:
        """Select as polars does, and remember the expressions."""
        selected = super().select(*exprs, **named_exprs)
        if self._rooted and isinstance(selected, Fused):
            selected._selected = _expressions(exprs, named_exprs)
            selected._only = self._only
        return selected


def _expressions(exprs: tuple[Any, ...], named_exprs: dict[str, Any]) -> list[pl.Expr] | None:
    """Return the selected expressions, or nothing where one of them has another form."""
    flat: list[Any] = []
    for expr in exprs:
        flat += expr if isinstance(expr, list | tuple) else [expr]
    flat += named_exprs.values()
    return flat if all(isinstance(expr, pl.Expr) for expr in flat) else None


def judges_by_row(expr: pl.Expr, only: str | None) -> bool:
    """Say whether an expression judges each row by itself, and, if wanted, by one column."""
    try:
        if not expr.meta.is_length_preserving() or not _separable(expr):
            return False
        return only is None or set(expr.meta.root_names()) == {only}
    except pl.exceptions.PolarsError:
        return False  # it names several columns at once, or calls Python


def _separable(expr: pl.Expr) -> bool:
    # polars answers for the outermost operation only.
    return expr.meta.is_row_separable() and all(_separable(part) for part in expr.meta.pop())
