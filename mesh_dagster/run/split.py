"""Part a batch into the rows that keep the contract and the rows that do not.

In:  a conformed plan and its contract.
Out: two plans; each rejected row names the rules that caught it. Whether the valid rows may be
published is decided by `run/publish.py`.
"""

from collections.abc import Collection
from dataclasses import dataclass

import polars as pl

from mesh_dagster.declare.contract import Contract
from mesh_dagster.declare.storage import RULES_COLUMN
from mesh_dagster.errors import NotSplittableError
from mesh_dagster.run.draft import Draft, holds_by_demand
from mesh_dagster.run.explain import Demand
from mesh_dagster.run.fuse import NotFusableError, draft_of
from mesh_dagster.run.keys import Keys, Others, key_of, repeating, repeats_of
from mesh_dagster.run.query import odd_faults
from mesh_dagster.run.schemas import labelled, without_parsing


@dataclass(frozen=True)
class Split:
    """A batch in two parts; together they hold every row once."""

    valid: pl.LazyFrame
    rejected: pl.LazyFrame
    """With `mesh_rules`, the texts of the rules that caught the row, in the contract's order."""


def split(
    plan: pl.LazyFrame,
    contract: Contract,
    *,
    others: pl.LazyFrame | Others | None = None,
    absent: Collection[str] = (),
) -> Split:
    """Part a conformed batch by the rules that speak of rows.

    Every row of a repeated key is rejected, whatever `report_duplicates` says, as pandera does on
    polars. Rules that only warn reject nothing. Keys are looked up once, here; both parts are
    plans that stream.

    Args:
        plan: Conformed rows, which can be read again.
        contract: What they were conformed to.
        others: Rows published in other partitions, which keys must not repeat.
        absent: As in `audit_staged`; in both parts these columns hold nulls, as in the plan.

    Raises:
        NotSplittableError: A broken rule is not about rows, so the batch can only be refused.
    """
    draft = _draft(plan.drop(absent), contract)
    root = draft.root if draft.root is not None else plan
    errors = {(r.kind, r.column, r.number): r.text for r in contract.rules if r.level == "error"}
    faults = [*draft.faults, *odd_faults(root, draft)]
    broken = {fault.demand for fault in faults if fault.demand in errors or not fault.certain}
    if broken:
        raise NotSplittableError(contract.name, _texts(broken, contract))
    holds = {**holds_by_demand(draft.masks), **_alone(root, draft, others)}
    kept = [(text, holds.get(demand)) for demand, text in errors.items()]
    types = plan.collect_schema()
    whole = root.with_columns(pl.lit(None, dtype=types[name]).alias(name) for name in absent)
    return _parted(whole, [(text, expr) for text, expr in kept if expr is not None])


def _draft(plan: pl.LazyFrame, contract: Contract) -> Draft:
    try:
        draft = draft_of(plan, labelled(without_parsing(contract.schema)))
    except NotFusableError as error:
        raise NotSplittableError(contract.name, [str(error)]) from error
    if draft.error is not None:
        raise NotSplittableError(contract.name, [type(draft.error).__name__]) from draft.error
    return draft


def _texts(broken: set[Demand], contract: Contract) -> list[str]:
    known = {(rule.kind, rule.column, rule.number): rule.text for rule in contract.rules}
    return [known.get(demand, demand[0]) for demand in broken]


def _alone(
    root: pl.LazyFrame, draft: Draft, others: pl.LazyFrame | Others | None
) -> dict[Demand, pl.Expr]:
    """Return, per key, the expression that no other row has it."""
    schema = root.collect_schema()
    poured = [(demand, key, Keys()) for demand, key in draft.keys]
    pours = [keys.pour(root, key_of(key, schema)) for _, key, keys in poured]
    if pours:
        pl.collect_all(pours, engine="streaming")
    alone: dict[Demand, pl.Expr] = {}
    for demand, key, keys in poured:
        repeats = repeats_of(root, key, keys, others)
        single = repeating(key, schema, repeats).not_()
        alone[demand] = alone[demand] & single if demand in alone else single
    return alone


def _parted(plan: pl.LazyFrame, kept: list[tuple[str, pl.Expr]]) -> Split:
    all_kept = pl.all_horizontal([expr for _, expr in kept]) if kept else pl.lit(value=True)
    nothing = pl.lit(None, dtype=pl.String)
    caught = [pl.when(expr).then(nothing).otherwise(pl.lit(text)) for text, expr in kept]
    rules = pl.concat_list(caught or [nothing]).list.drop_nulls().alias(RULES_COLUMN)
    return Split(plan.filter(all_kept), plan.filter(all_kept.not_()).with_columns(rules))
