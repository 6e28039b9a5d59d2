"""Judge a batch against a contract: pandera's verdict, at full depth, in one streaming pass.

In:  a frame, a plan or Parquet files, and a contract.
Out: a `Verdict` with a finding for every rule, and the profile of the batch.
Nothing is written here, and nothing is published; `run/publish.py` decides what a verdict means.

Why: one query answers every rule; what pandera alone can judge, it judges on the collected batch.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Union

import pandera.polars as pa
import polars as pl

from mesh_dagster.declare.contract import Contract, PanderaContract
from mesh_dagster.declare.slo import require_row_keys
from mesh_dagster.run.casts import uncastable
from mesh_dagster.run.draft import Draft
from mesh_dagster.run.explain import absent_faults, findings_of, refuses
from mesh_dagster.run.frames import as_plan, is_relation
from mesh_dagster.run.fuse import NotFusableError, draft_of
from mesh_dagster.run.keys import Others
from mesh_dagster.run.native import ANYTHING
from mesh_dagster.run.profile import ProfileDepth
from mesh_dagster.run.query import Answers, answers_to
from mesh_dagster.run.row_keys import with_keys
from mesh_dagster.run.schemas import (
    absent_columns,
    columns_of,
    drops_rows,
    labelled,
    without_columns,
    without_parsing,
)
from mesh_dagster.run.verdict import Verdict
from mesh_dagster.run.whole import judged_whole

if TYPE_CHECKING:
    import duckdb

# A pyarrow Table is taken too; pyarrow has no types, so naming it would admit everything.
Batch = Union[pl.LazyFrame, pl.DataFrame, "duckdb.DuckDBPyRelation", str, Path]


def audit(
    batch: Batch,
    contract: Contract | PanderaContract,
    *,
    others: pl.LazyFrame | None = None,
    profile: ProfileDepth = "full",
    row_keys: int = 0,
) -> Verdict:
    """Say whether a batch keeps a contract, as pandera says it at full depth.

    Args:
        batch: Any of the four frames, or the path of Parquet files.
        contract: A `pandera.polars` model or schema.
        others: Rows published in other partitions; what is unique is unique over both. Only the
            columns of keys are read from them.
        profile: How much the profile says; "rows" costs nothing beside the verdict, "full" half
            a scan and more.
        row_keys: How many rows of each broken rule to name, at most 100: by the contract's key,
            without columns whose metadata says that they are sensitive, or else by number.

    Returns:
        A verdict that accepts exactly what pandera accepts, whatever depth the environment sets.
        Of a schema with `drop_invalid_rows`, the rows that pandera would drop break no rule.

    Raises:
        ContractRefusedError: The contract is no pandera model or schema.
        DeclarationError: So many row keys are not given.
        FrameRefusedError: The batch is no frame or path.
        polars.exceptions.PolarsError: The batch itself cannot be read.
    """
    known = Contract.of(contract)
    require_row_keys(row_keys, "audit")
    return _judged(_plan_of(batch), known, known.schema, _Wish(others, profile, row_keys))


def audit_staged(
    plan: pl.LazyFrame,
    contract: Contract,
    *,
    others: pl.LazyFrame | Others | None = None,
    profile: ProfileDepth = "full",
    absent: Collection[str] = (),
    row_keys: int = 0,
) -> Verdict:
    """Audit data that was conformed and written: types and rules are checked, nothing is parsed.

    Args:
        plan: A scan of staged files.
        contract: The contract that the data was conformed to.
        others: As in `audit`.
        profile: As in `audit`.
        absent: Optional columns that the batch lacked, which `conform` filled with nulls; the
            batch is judged without them, as pandera would have judged it.
        row_keys: As in `audit`.
    """
    schema = without_parsing(contract.schema)
    return _judged(plan.drop(absent), contract, schema, _Wish(others, profile, row_keys))


@dataclass(frozen=True)
class _Wish:
    others: pl.LazyFrame | Others | None
    profile: ProfileDepth
    row_keys: int


def _plan_of(batch: object) -> pl.LazyFrame:
    if isinstance(batch, str | Path):
        return pl.scan_parquet(batch)
    plan = as_plan(batch, "audit", "was given")
    # What explains a broken rule reads again; a query of DuckDB may then answer otherwise.
    return plan.collect(engine="streaming").lazy() if is_relation(batch) else plan


def _judged(
    plan: pl.LazyFrame, contract: Contract, schema: pa.DataFrameSchema, wish: _Wish
) -> Verdict:
    present = plan.collect_schema().names()
    declared = [name for label in schema.columns for name in columns_of(label, schema, present)]
    declared = declared or present if schema.dtype is not None else declared
    undeclared = tuple(name for name in present if name not in declared)
    try:
        if drops_rows(schema):
            raise NotFusableError("drop_invalid_rows")
        answers = _fused(plan, labelled(schema), declared, wish)
    except ANYTHING:  # pandera itself has the last word on whatever went wrong
        frame = plan.collect(engine="streaming")
        plan = frame.lazy()
        verdict = judged_whole(frame, contract, schema, wish.others, wish.row_keys)
    else:
        verdict = Verdict(
            accepted=not refuses(contract, answers.faults),
            profile=answers.profile,
            findings=tuple(findings_of(contract, answers.faults)),
        )
    verdict = replace(verdict, undeclared=undeclared)
    return with_keys(verdict, plan, contract) if wish.row_keys else verdict


def _fused(
    plan: pl.LazyFrame,
    schema: pa.DataFrameSchema,
    declared: list[str],
    wish: _Wish,
) -> Answers:
    draft = draft_of(plan, schema)
    if draft.root is not None and draft.error is None:
        try:
            return _answers(draft.root, draft, declared, wish)
        except ANYTHING:
            # A cast or a check cannot be run.
            resisting = uncastable(draft, schema)
            if resisting:
                draft = draft_of(plan, schema, uncastable=resisting)
            return _apart(draft, declared, wish)
    absent = absent_columns(schema, plan.collect_schema().names())
    if absent:
        # pandera casts and fills what is not there, and raises; judge what is there.
        rest = without_columns(schema, set(absent))
        answers = _fused(plan, rest, declared, wish)
        return replace(answers, faults=[*absent_faults(absent), *answers.faults])
    resisting = uncastable(draft, schema)
    if not resisting:
        raise NotFusableError("pandera did not plan it") from draft.error
    return _apart(draft_of(plan, schema, uncastable=resisting), declared, wish)


def _apart(draft: Draft, declared: list[str], wish: _Wish) -> Answers:
    if draft.root is None or draft.error is not None:
        raise NotFusableError("pandera did not plan it") from draft.error
    return _answers(draft.root, draft, declared, wish, apart=True)


def _answers(
    root: pl.LazyFrame, draft: Draft, declared: list[str], wish: _Wish, *, apart: bool = False
) -> Answers:
    return answers_to(
        root,
        draft,
        declared,
        wish.others,
        depth=wish.profile,
        apart=apart,
        row_keys=wish.row_keys,
    )
