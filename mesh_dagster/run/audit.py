"""Judge a batch against a contract: pandera's verdict, at full depth.

In:  a frame, plan or file, and a contract.
Out: a `Verdict` with a finding for every rule and the profile of the batch.
Nothing is written here, and nothing is published; `run/publish.py` decides what a verdict means.
"""

from pathlib import Path

import pandera.polars as pa
import polars as pl

from mesh_dagster.declare.contract import Contract, PanderaContract
from mesh_dagster.errors import FrameRefusedError
from mesh_dagster.run.explain import Fault, faults_by_pandera, findings_of
from mesh_dagster.run.profile import profile_expressions, profile_of
from mesh_dagster.run.schemas import labelled, without_parsing
from mesh_dagster.run.verdict import Profile, Verdict

Batch = pl.LazyFrame | pl.DataFrame | str | Path


def audit(
    batch: Batch,
    contract: Contract | PanderaContract,
    *,
    others: pl.LazyFrame | None = None,
) -> Verdict:
    """Say whether a batch keeps a contract, as pandera says it at full depth.

    Args:
        batch: A frame, a plan, or the path of Parquet files.
        contract: A `pandera.polars` model or schema.
        others: Rows published in other partitions; unique columns are unique over both. Only
            key columns are read from them.

    Raises:
        ContractRefusedError: The contract is no pandera model or schema.
        FrameRefusedError: The batch is no frame, plan or path.
    """
    known = Contract.of(contract)
    return _judged(_plan_of(batch), known, known.schema, others)


def audit_staged(
    plan: pl.LazyFrame, contract: Contract, *, others: pl.LazyFrame | None = None
) -> Verdict:
    """Audit data that was conformed and written: types and rules are checked, nothing is parsed.

    Args:
        plan: A scan of staged files.
        contract: The contract that the data was conformed to.
        others: As in `audit`.
    """
    return _judged(plan, contract, without_parsing(contract.schema), others)


def _plan_of(batch: Batch) -> pl.LazyFrame:
    if isinstance(batch, pl.LazyFrame):
        return batch
    if isinstance(batch, pl.DataFrame):
        return batch.lazy()
    if isinstance(batch, str | Path):
        return pl.scan_parquet(batch)
    raise FrameRefusedError("audit", type(batch).__name__)


def _judged(
    plan: pl.LazyFrame, contract: Contract, schema: pa.DataFrameSchema, others: pl.LazyFrame | None
) -> Verdict:
    frame = plan.collect(engine="streaming")
    parsed, faults, unjudged = faults_by_pandera(frame, labelled(schema))
    kept = frame if parsed is None else parsed
    if others is not None:
        faults = [fault for fault in faults if fault.demand[0] not in ("unique", "keys")]
        faults += _repeated(kept, contract, others)
    findings = findings_of(contract, faults, unjudged)
    refused = bool(unjudged) or any(
        not finding.passed and finding.rule.level == "error" for finding in findings
    )
    return Verdict(
        accepted=not refused,
        profile=_profile(kept),
        findings=tuple(findings),
        fused=False,
        undeclared=tuple(name for name in frame.columns if name not in _declared(frame, contract)),
    )


def _declared(frame: pl.DataFrame, contract: Contract) -> set[str]:
    named: set[str] = set()
    for name, column in contract.schema.columns.items():
        named |= set(frame.select(pl.col(column.selector)).columns) if column.regex else {name}
    return named


def _profile(frame: pl.DataFrame) -> Profile:
    return profile_of(frame.schema, frame.select(profile_expressions(frame.schema)).row(0, named=True))


def _repeated(frame: pl.DataFrame, contract: Contract, others: pl.LazyFrame) -> list[Fault]:
    known = others.collect_schema().names()
    faults = []
    for rule in contract.rules:
        if rule.kind not in ("unique", "keys"):
            continue
        names = [rule.column] if rule.column else list(contract.keys[-1])
        names = [name for name in names if name in frame.columns and name in known]
        if not names:
            continue
        theirs = others.select(names).cast({name: frame.schema[name] for name in names})
        both = pl.concat([frame.lazy().select(names), theirs]).collect(engine="streaming")
        rows = int(both.is_duplicated()[: frame.height].sum())
        if rows:
            faults.append(Fault((rule.kind, rule.column, rule.number), rows))
    return faults
