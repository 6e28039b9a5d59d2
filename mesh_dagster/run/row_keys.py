"""Find some of the rows that broke a rule, so that people can look them up.

In:  a plan, what makes a row break each rule, and how many rows to find.
Out: numbers of rows and their keys. Each pass goes in the plan's order, stops as soon as every
rule has its rows, and keeps nothing but those.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from mesh_dagster.declare.contract import Contract
from mesh_dagster.run.columns import named
from mesh_dagster.run.draft import Draft, Mask, holds_by_demand
from mesh_dagster.run.explain import Demand, Fault
from mesh_dagster.run.keys import Key, Repeats, repeating
from mesh_dagster.run.native import ANYTHING
from mesh_dagster.run.profile import bound_of
from mesh_dagster.run.verdict import RowKey, Verdict

_ROW = "row"


@dataclass(frozen=True)
class Wanted:
    """Which rows to find, and how many of them."""

    breaks: pl.Expr
    """True where a row breaks the rule, never null."""
    count: int
    """At most as many as there are, or the whole plan is read."""


def places(plan: pl.LazyFrame, wanted: Mapping[Demand, Wanted]) -> dict[Demand, list[int]]:
    """Return the numbers of the first rows that break each rule."""
    found: dict[Demand, list[int]] = {demand: [] for demand in wanted}
    if not wanted:
        return found
    columns = {demand: str(number) for number, demand in enumerate(wanted)}

    def take(batch: pl.DataFrame) -> bool:
        for demand, column in columns.items():
            missing = wanted[demand].count - len(found[demand])
            if missing:
                found[demand] += batch.filter(pl.col(column))[_ROW].head(missing).to_list()
        return all(len(found[demand]) == one.count for demand, one in wanted.items())

    rows = plan.select(one.breaks.alias(columns[demand]) for demand, one in wanted.items())
    broken = rows.with_row_index(_ROW).filter(pl.any_horizontal(list(columns.values())))
    broken.sink_batches(take, engine="streaming")
    return found


def placed(
    root: pl.LazyFrame,
    draft: Draft,
    faults: Iterable[Fault],
    repeats: Sequence[tuple[Demand, Key, Repeats]],
    most: int,
) -> list[Fault]:
    """Say of each fault where some of its rows are.

    Args:
        root: The parsed plan of the draft.
        draft: The rules.
        faults: What the batch broke; those that are not about rows stay as they are.
        repeats: The rows that share each key.
        most: How many rows to find for each fault.
    """
    faults = list(faults)
    counts = {fault.demand: min(fault.rows, most) for fault in faults if fault.rows}
    breaks = {**draft.resists, **_broken(draft.masks), **_repeated(root, repeats, most)}
    wanted = {d: Wanted(breaks[d], count) for d, count in counts.items() if d in breaks}
    found = _tried(root, wanted)
    for mask in draft.masks:
        if mask.plan is not None and mask.in_order and mask.demand in counts:
            breaks_it = pl.first().fill_null(mask.null_holds).not_()
            found |= _tried(mask.plan, {mask.demand: Wanted(breaks_it, counts[mask.demand])})
    return [replace(fault, places=tuple(found.get(fault.demand, ()))) for fault in faults]


def with_keys(verdict: Verdict, plan: pl.LazyFrame, contract: Contract) -> Verdict:
    """Add the keys of the rows that a verdict names.

    Args:
        verdict: It names them by number only.
        plan: The batch.
        contract: Its first key with columns that are not sensitive is shown, without the others.
    """
    rows = {key.row for finding in verdict.findings for key in finding.row_keys}
    known = _keys(plan, _shown(contract, plan), rows)
    return replace(
        verdict,
        findings=tuple(
            replace(finding, row_keys=tuple(known[key.row] for key in finding.row_keys))
            for finding in verdict.findings
        ),
    )


def _broken(masks: Iterable[Mask]) -> dict[Demand, pl.Expr]:
    holds = holds_by_demand(masks)
    return {demand: expr.not_() for demand, expr in holds.items() if expr is not None}


def _repeated(
    root: pl.LazyFrame, repeats: Sequence[tuple[Demand, Key, Repeats]], most: int
) -> dict[Demand, pl.Expr]:
    schema = root.collect_schema()
    found: dict[Demand, pl.Expr] = {}
    for demand, key, repeated in repeats:
        few = replace(repeated, keys=repeated.keys.bottom_k(most))
        again = repeating(key, schema, few)
        found[demand] = found[demand] | again if demand in found else again
    return found


def _tried(plan: pl.LazyFrame, wanted: Mapping[Demand, Wanted]) -> dict[Demand, list[int]]:
    """Find what can be found; the verdict stands without it."""
    try:
        return places(plan, wanted)
    except ANYTHING:  # a rule that cannot be run on every row spoils no other
        if len(wanted) == 1:
            return {}
    apart = [_tried(plan, {demand: one}) for demand, one in wanted.items()]
    return {demand: rows for found in apart for demand, rows in found.items()}


def _shown(contract: Contract, plan: pl.LazyFrame) -> list[str]:
    """Return the columns whose values may be shown to tell rows apart."""
    present = plan.collect_schema()
    shown = {column.name for column in contract.columns if not column.sensitive}
    keys = [[name for name in key if name in shown and name in present] for key in contract.keys]
    return next((key for key in keys if key), [])


def _keys(plan: pl.LazyFrame, columns: list[str], rows: set[int]) -> dict[int, RowKey]:
    if not columns or not rows:
        return {row: RowKey(row) for row in rows}
    chosen = plan.select(named(name).alias(f"{number}") for number, name in enumerate(columns))
    whole = chosen.with_row_index(_ROW).head(max(rows) + 1)
    frame = whole.filter(pl.col(_ROW).is_in(sorted(rows))).collect(engine="streaming")
    return {
        row: RowKey(
            row,
            {
                name: bound_of(frame[f"{number}"].slice(place, 1))
                for number, name in enumerate(columns)
            },
        )
        for place, row in enumerate(frame[_ROW].to_list())
    }
