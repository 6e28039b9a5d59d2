"""Let pandera itself judge a batch, where its rules cannot join one query.

In:  a collected batch, a contract and its schema.
Out: a `Verdict` that is not `fused`.
"""

import pandera.polars as pa
import polars as pl

from mesh_dagster.declare.contract import Contract, composite_keys
from mesh_dagster.run.explain import (
    Fault,
    absent_faults,
    faults_by_pandera,
    findings_of,
    refuses,
    validated,
)
from mesh_dagster.run.keys import Keys, key_of, repeats_of
from mesh_dagster.run.profile import profile_expressions, profile_of
from mesh_dagster.run.schemas import absent_columns, columns_of, labelled
from mesh_dagster.run.verdict import Finding, Profile, Verdict


def judged_whole(
    frame: pl.DataFrame,
    contract: Contract,
    schema: pa.DataFrameSchema,
    others: pl.LazyFrame | None,
) -> Verdict:
    """Let pandera judge a collected batch.

    Rows that pandera drops break no rule; their finding counts them. It would drop rows for the
    faults of a shape too, and let the batch pass: such a batch is refused here.
    """
    parsed, faults, unjudged = faults_by_pandera(frame, labelled(schema))
    if unjudged and not faults:
        faults = absent_faults(absent_columns(schema, frame.columns))
    if faults and not unjudged and all(_dropped(fault, schema) for fault in faults):
        return _verdict(validated(frame, schema), contract, faults, dropped=True)
    kept = frame if parsed is None else parsed
    if others is not None and not unjudged:
        faults = [fault for fault in faults if fault.demand[0] not in ("unique", "keys")]
        faults += _repeated(kept.lazy(), schema, others)
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
            finding
            if finding.passed
            else Finding(finding.rule, True, finding.failing_rows, "rows dropped")
            for finding in findings
        ]
    return Verdict(
        accepted=dropped or not (unjudged or refuses(contract, faults)),
        profile=_profile(kept, contract.schema),
        findings=tuple(findings),
        fused=False,
    )


def _profile(frame: pl.DataFrame, schema: pa.DataFrameSchema) -> Profile:
    declared = {name for label in schema.columns for name in columns_of(label, schema, frame.columns)}
    known = pl.Schema({k: v for k, v in frame.schema.items() if k in declared or not declared})
    return profile_of(known, frame.select(profile_expressions(known)).row(0, named=True))


def _repeated(plan: pl.LazyFrame, schema: pa.DataFrameSchema, others: pl.LazyFrame) -> list[Fault]:
    types = plan.collect_schema()
    wanted = [
        (("unique", label, 0), [name])
        for label, column in schema.columns.items()
        if column.unique
        for name in columns_of(label, schema, types.names())
    ]
    wanted += [(("keys", None, n), names) for n, names in enumerate(composite_keys(schema))]
    faults = []
    for demand, names in wanted:
        columns = [name for name in names if name in types]
        if not columns:
            continue
        keys = Keys()
        pl.collect_all([keys.pour(plan, key_of(columns, types))], engine="streaming")
        rows = repeats_of(plan, columns, keys, others).rows
        if rows:
            faults.append(Fault(demand, rows))
    return faults
