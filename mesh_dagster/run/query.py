"""Answer every rule of a draft in one streaming query.

In:  a `Draft`: what pandera would have run.
Out: `Answers`: how many rows broke each rule, and the profile of the batch.

Why: counts come back, never a Boolean made by the query. polars once proved a Boolean without
casting the column that it was about.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from mesh_dagster.run.explain import Demand, Fault
from mesh_dagster.run.fuse import Draft, Mask
from mesh_dagster.run.keys import Keys, key_of, repeats_of
from mesh_dagster.run.profile import profile_expressions, profile_of
from mesh_dagster.run.verdict import Profile

_CAST_ERRORS = (TypeError, pl.exceptions.InvalidOperationError, pl.exceptions.ComputeError)


@dataclass(frozen=True)
class Answers:
    """What one query said."""

    faults: list[Fault]
    profile: Profile


@dataclass(frozen=True)
class _Question:
    demand: Demand
    failing: pl.Expr | None
    """A count, over the parsed plan."""
    plan: pl.LazyFrame | None = None
    """A count and a length, where only a plan of its own can tell."""


def answers_to(
    draft: Draft, declared: Iterable[str], others: pl.LazyFrame | None, *, apart: bool = False
) -> Answers:
    """Run a draft.

    Args:
        draft: With a parsed plan.
        declared: The columns to profile.
        others: Rows of other partitions, for uniqueness.
        apart: Ask every rule by itself, so that one that cannot be run spoils no other.

    Raises:
        Exception: Whatever polars raises; if `apart`, only for the batch itself.
    """
    root = _root(draft)
    schema = root.collect_schema()
    profiled = pl.Schema({name: schema[name] for name in declared if name in schema})
    questions = _questions(draft.masks)
    if apart:
        faults, questions = _answered_apart(root, questions)
    else:
        faults = []
    fused = [question for question in questions if question.failing is not None]
    odd = [question for question in questions if question.plan is not None]
    poured = [(demand, columns, Keys()) for demand, columns in draft.keys]
    main = root.select(
        *profile_expressions(profiled),
        *(q.failing.alias(f"rule:{n}") for n, q in enumerate(fused) if q.failing is not None),
        # A cast that nothing else looks at must run too.
        *(pl.col(name).null_count().alias(f"cast:{name}") for name in draft.casts if name in schema),
    )
    pours = [keys.pour(root, key_of(columns, schema)) for _, columns, keys in poured]
    asked = [main, *(question.plan for question in odd if question.plan is not None), *pours]
    first, *rest = pl.collect_all(asked, engine="streaming")
    row = first.row(0, named=True)
    profile = profile_of(profiled, row)
    faults += [
        Fault(question.demand, row[f"rule:{number}"])
        for number, question in enumerate(fused)
        if row[f"rule:{number}"]
    ]
    for question, frame in zip(odd, rest, strict=False):
        faults += _odd_fault(question.demand, frame, profile.rows)
    for demand, columns, keys in poured:
        repeats = repeats_of(root, columns, keys, others)
        if repeats.rows:
            faults.append(Fault(demand, repeats.rows))
    return Answers(_joined([*draft.faults, *faults]), profile)


def holds_by_demand(masks: list[Mask]) -> dict[Demand, pl.Expr | None]:
    """Return, per rule, whether a row keeps it, as an expression that is never null."""
    together: dict[Demand, list[Mask]] = {}
    for mask in masks:
        together.setdefault(mask.demand, []).append(mask)
    return {demand: _all_hold(same) for demand, same in together.items()}


def _all_hold(masks: list[Mask]) -> pl.Expr | None:
    known = [mask.holds.fill_null(mask.null_holds) for mask in masks if mask.holds is not None]
    if len(known) < len(masks):
        return None
    return known[0] if len(known) == 1 else pl.all_horizontal(known)


def _questions(masks: list[Mask]) -> list[_Question]:
    questions = []
    for demand, holds in holds_by_demand(masks).items():
        same = [mask for mask in masks if mask.demand == demand]
        if holds is None:
            questions += [_Question(demand, None, _odd_plan(mask)) for mask in same]
        elif len(same) == 1 and same[0].null_holds and same[0].holds is not None:
            questions.append(_Question(demand, same[0].holds.not_().sum()))
        else:
            questions.append(_Question(demand, holds.not_().sum()))
    return questions
