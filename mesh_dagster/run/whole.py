"""Let pandera itself judge a batch, where its rules cannot join one query.

In:  a collected batch, a contract and its schema.
Out: a `Verdict` that is not `fused`.
"""

from dataclasses import replace

import pandera.polars as pa
import polars as pl

from mesh_dagster.declare.contract import Contract, composite_keys
from mesh_dagster.run.explain import (
    Demand,
    Fault,
    absent_faults,
    faults_by_pandera,
    findings_of,
    refuses,
)
from mesh_dagster.run.keys import Key, Keys, Others, key_of, repeating, repeats_of
from mesh_dagster.run.native import without_invalid_rows
from mesh_dagster.run.profile import profile_expressions, profile_of
from mesh_dagster.run.schemas import absent_columns, columns_of, labelled
from mesh_dagster.run.verdict import Profile, Verdict


def judged_whole(
    frame: pl.DataFrame,
    contract: Contract,
    schema: pa.DataFrameSchema,
    others: pl.LazyFrame | Others | None,
    row_keys: int = 0,
) -> Verdict:
    """Let pandera judge a collected batch.

    Rows that pandera drops break no rule; their finding counts them. It would drop rows for the
    faults of a shape too, and let the batch pass: such a batch is refused here.
    """
    parsed, faults, unjudged = faults_by_pandera(frame, labelled(schema), row_keys)
    if unjudged and not faults:
        faults = absent_faults(absent_columns(schema, frame.columns))
    if faults and not unjudged and all(_dropped(fault, schema) for fault in faults):
        return _verdict(without_invalid_rows(frame, schema), contract, faults, dropped=True)
    kept = frame if parsed is None else parsed
    if others is not None and not unjudged:
        faults = [fault for fault in faults if fault.demand[0] not in ("unique", "keys")]
        faults += _repeated(kept.lazy(), schema, others, row_keys)
    return _verdict(kept, contract, faults, unjudged=unjudged)


def _dropped(fault: Fault, schema: pa.DataFrameSchema) -> bool:
    kind, label, _ = fault.demand
    column = schema.columns.get(label)
    drops = schema.drop_invalid_rows or (column is not None and column.drop_invalid_rows)
    return bool(drops) and fault.rows is not None and kind != "type"


def _verdict(
    kept: pl.DataFrame,
    contract: Contract,
    faults: list[Fault],
    *,
    unjudged: str = "",
    dropped: bool = False,
) -> Verdict:
    findings = findings_of(contract, faults, unjudged)
    if dropped:
        findings = [
            finding if finding.passed else replace(finding, passed=True, note="rows dropped")
            for finding in findings
        ]
    return Verdict(
        accepted=dropped or not (unjudged or refuses(contract, faults)),
        profile=_profile(kept, contract.schema),
        findings=tuple(findings),
        fused=False,
    )


def _profile(frame: pl.DataFrame, schema: pa.DataFrameSchema) -> Profile:
    declared = {
        name for label in schema.columns for name in columns_of(label, schema, frame.columns)
    }
    known = pl.Schema({k: v for k, v in frame.schema.items() if k in declared or not declared})
    return profile_of(known, frame.select(profile_expressions(known)))


def _repeated(
    plan: pl.LazyFrame, schema: pa.DataFrameSchema, others: pl.LazyFrame | Others, row_keys: int
) -> list[Fault]:
    types = plan.collect_schema()
    wanted: list[tuple[Demand, Key]] = [
        (("unique", label, 0), Key([name], alone=True))
        for label, column in schema.columns.items()
        if column.unique
        for name in columns_of(label, schema, types.names())
    ]
    wanted += [
        (("keys", None, n), Key([c for c in names if c in types], alone=False))
        for n, names in enumerate(composite_keys(schema))
    ]
    faults = []
    for demand, key in wanted:
        if not key.columns or key.columns[0] not in types:
            continue
        keys = Keys()
        pl.collect_all([keys.pour(plan, key_of(key, types))], engine="streaming")
        repeats = repeats_of(plan, key, keys, others)
        if repeats.rows:
            again = plan.select(repeating(key, types, repeats)).collect().to_series()
            faults.append(
                Fault(demand, repeats.rows, places=tuple(again.arg_true().head(row_keys)))
            )
    return faults
