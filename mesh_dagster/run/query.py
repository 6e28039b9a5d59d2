"""Answer every rule of a draft in one streaming query.

In:  a `Draft`: what pandera would have run.
Out: `Answers`: how many rows broke each rule, and the profile of the batch.

Why: counts come back, never a Boolean made by the query. polars once proved a Boolean without
casting the column that it was about.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import polars as pl

from mesh_dagster.run.draft import Draft, Mask, all_hold, masks_by_demand
from mesh_dagster.run.explain import Demand, Fault
from mesh_dagster.run.keys import Key, Keys, Others, Repeats, key_of, repeating, repeats_of
from mesh_dagster.run.native import ANYTHING
from mesh_dagster.run.profile import (
    ProfileDepth,
    profile_expressions,
    profile_of,
    profiled_columns,
    with_distinct,
)
from mesh_dagster.run.row_keys import placed
from mesh_dagster.run.verdict import Profile

_FAILING, _LENGTH = "failing", "length"


@dataclass(frozen=True)
class Answers:
    """What one query said."""

    faults: list[Fault]
    profile: Profile


@dataclass(frozen=True)
class _Questions:
    fused: list[tuple[Demand, pl.Expr]]
    """Counts over the parsed plan, batch by batch."""
    odd: list[tuple[Demand, pl.LazyFrame]]
    """A count and a length each, where only a plan of its own can tell."""


def answers_to(
    root: pl.LazyFrame,
    draft: Draft,
    profiled: Iterable[str],
    others: pl.LazyFrame | Others | None,
    *,
    depth: ProfileDepth = "full",
    apart: bool = False,
    row_keys: int = 0,
) -> Answers:
    """Run a draft.

    Args:
        root: The parsed plan of the draft.
        draft: The rules.
        profiled: The columns to profile.
        others: Rows of other partitions, for uniqueness.
        depth: How much of these columns the profile says.
        apart: Ask every rule by itself, so that one that cannot be run spoils no other.
        row_keys: How many rows of each broken rule to name.

    Raises:
        Exception: Whatever polars raises.
    """
    schema = root.collect_schema()
    known = pl.Schema({name: schema[name] for name in profiled if name in schema})
    known = profiled_columns(known, depth)
    questions = _questions(root, draft.masks)
    faults = list(draft.faults)
    if apart:
        faults += _asked_apart(root, questions)
        questions = _Questions([], [])
    poured = [(demand, key, Keys()) for demand, key in draft.keys]
    counted = {key.columns[0] for _, key in draft.keys if key.alone and others is None}
    main = [
        *profile_expressions(known, depth, counted),
        *_main(known, draft, questions),
        *(keys.tap(key_of(k, schema)).alias(f"key:{n}") for n, (_, k, keys) in enumerate(poured)),
    ]
    plans = [root.select(main), *(plan for _, plan in questions.odd)]
    first, *rest = pl.collect_all(plans, engine="streaming")
    profile = profile_of(known, first)
    _pour_rest(root, poured, profile.rows)
    for number, (demand, _) in enumerate(questions.fused):
        faults += _fault(demand, first[f"rule:{number}"].item(), by_row=True)
    for (demand, _), frame in zip(questions.odd, rest, strict=True):
        faults += _fault(demand, *_odd(frame, profile.rows))
    repeats = [(demand, key, repeats_of(root, key, k, others)) for demand, key, k in poured]
    faults += _repeat_faults(root, repeats)
    if depth == "full":
        # Of keys that are shared, each counts once.
        profile = with_distinct(
            profile,
            {
                key.columns[0]: profile.rows - found.rows + len(found.keys)
                for _, key, found in repeats
                if key.columns[0] in counted
            },
        )
    return Answers(placed(root, draft, faults, repeats, row_keys) if row_keys else faults, profile)


def _pour_rest(root: pl.LazyFrame, poured: list[tuple[Demand, Key, Keys]], rows: int) -> None:
    """Pour keys of which not every row was seen: of a literal, polars shows one value."""
    schema = root.collect_schema()
    for _, key, keys in poured:
        if keys.rows != rows:
            keys.chunks.clear()
            pl.collect_all([keys.pour(root, key_of(key, schema))], engine="streaming")


def odd_faults(root: pl.LazyFrame, draft: Draft) -> list[Fault]:
    """Answer the rules that do not speak of single rows, and say which of them are broken."""
    return list(_asked_apart(root, _Questions([], _questions(root, draft.masks).odd)))


def _questions(root: pl.LazyFrame, masks: list[Mask]) -> _Questions:
    fused: list[tuple[Demand, pl.Expr]] = []
    odd: list[tuple[Demand, pl.LazyFrame]] = []
    for demand, same in masks_by_demand(masks).items():
        holds = all_hold(same)
        if holds is None:
            odd += [(demand, _odd_plan(root, mask)) for mask in same]
        elif len(same) == 1 and same[0].null_holds and same[0].holds is not None:
            fused.append((demand, same[0].holds.not_().sum()))
        else:
            fused.append((demand, holds.not_().sum()))
    return _Questions(fused, odd)


def _odd_plan(root: pl.LazyFrame, mask: Mask) -> pl.LazyFrame:
    plan = mask.plan if mask.plan is not None else root.select(holds=mask.holds)
    failing = pl.col("holds").fill_null(mask.null_holds).not_().sum()
    return plan.select(failing.alias(_FAILING), pl.len().alias(_LENGTH))


def _main(profiled: pl.Schema, draft: Draft, questions: _Questions) -> Iterator[pl.Expr]:
    for number, (_, failing) in enumerate(questions.fused):
        yield failing.alias(f"rule:{number}")
    for name in draft.casts:
        # A cast that nothing else looks at must run too.
        if name not in profiled:
            yield pl.selectors.by_name(name).null_count().alias(f"cast:{name}")


def _repeat_faults(root: pl.LazyFrame, found: list[tuple[Demand, Key, Repeats]]) -> Iterator[Fault]:
    schema = root.collect_schema()
    broken: dict[Demand, list[tuple[Key, Repeats]]] = {}
    for demand, key, repeats in found:
        if repeats.rows:
            broken.setdefault(demand, []).append((key, repeats))
    for demand, same in broken.items():
        rows = same[0][1].rows
        if len(same) > 1:
            # Columns of one pattern break one rule; a row counts once.
            any_of_them = pl.any_horizontal([repeating(k, schema, r) for k, r in same])
            rows = root.select(any_of_them.sum()).collect(engine="streaming").item()
        yield Fault(demand, rows)


def _odd(frame: pl.DataFrame, rows: int) -> tuple[int, bool]:
    failing, length = frame.row(0)
    return failing, length == rows


def _fault(demand: Demand, failing: int, by_row: bool) -> list[Fault]:  # noqa: FBT001 - unpacked
    return [Fault(demand, failing if by_row else None)] if failing else []


def _asked_apart(root: pl.LazyFrame, questions: _Questions) -> Iterator[Fault]:
    rows = root.select(pl.len()).collect(engine="streaming").item()
    plans = [
        (demand, root.select(failing.alias(_FAILING), pl.lit(rows).alias(_LENGTH)))
        for demand, failing in questions.fused
    ]
    for demand, plan in [*plans, *questions.odd]:
        try:
            frame = plan.collect(engine="streaming")
        except ANYTHING as error:  # noqa: PERF203 - a check that cannot be run fails
            note = f"could not be run: {type(error).__name__}"
            yield Fault(demand, None, note, certain=False)
        else:
            yield from _fault(demand, *_odd(frame, rows))
