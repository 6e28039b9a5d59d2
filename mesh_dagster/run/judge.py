"""Stage a batch and judge it, against its contract and against what is published beside it.

In:  a `Batch`: a port, the plan that its build function returned, what it was made from.
Out: `Judged`: a verdict, the staged rows that may be published, the rows that were rejected.
Nothing is committed here; `run/publish.py` does that.

Why: what is audited are the very bytes that will be read, so a batch is staged first. An audit
of the build's plan would run the build a second time, and might meet other rows.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import polars as pl

from mesh_dagster.declare.port import OutputPort
from mesh_dagster.declare.storage import RULES_COLUMN, contract_schema
from mesh_dagster.errors import NotSplittableError
from mesh_dagster.run import delta
from mesh_dagster.run.audit import audit, audit_staged
from mesh_dagster.run.conform import NOT_CONFORMING, conform
from mesh_dagster.run.edges import Lineage
from mesh_dagster.run.honour import Relied
from mesh_dagster.run.placing import with_placing
from mesh_dagster.run.recheck import broken_by_published
from mesh_dagster.run.sample import write_sample
from mesh_dagster.run.sidecar import Beside, write_sidecar
from mesh_dagster.run.split import split
from mesh_dagster.run.stage import Staged, Staging
from mesh_dagster.run.store import WHOLE, Store
from mesh_dagster.run.verdict import Finding, Profile, Verdict
from mesh_dagster.run.volume import with_volume

_FAILURES = (pl.exceptions.PolarsError, OSError)
"""What polars raises when it cannot compute, read or write."""
_DIMENSION_BORDER = "|"
"""Between the parts of a partition key of several dimensions."""


@dataclass(frozen=True)
class Batch:
    """What a build function made for one publication."""

    port: OutputPort
    plan: pl.LazyFrame
    slice: str = WHOLE
    """The partition key; `WHOLE` for a port without partitions."""
    inside: Mapping[str, pl.Expr] = field(default_factory=dict)
    """Column to the condition that its rows belong to this partition."""
    inputs: Mapping[str, int] = field(default_factory=dict)
    """Address to the version that was read."""
    run_id: str | None = None
    begun: float = field(default_factory=time.monotonic, compare=False)
    """When its build began, on the monotonic clock."""
    lineage: Lineage = field(default_factory=Lineage)
    """Where its columns come from."""
    relied: Relied = field(default_factory=Relied)
    """What the consumers of the port rely on."""
    cut: str = ""
    """How time is cut into the port's partitions, a cron and a zone; empty where it is not."""
    code_version: str | None = None
    revision: str | None = None
    """Both as in a `Publication`."""

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """The promised types of the port, in order."""
        return contract_schema(self.port.contract)

    @property
    def quarantine_schema(self) -> dict[str, pl.DataType]:
        """The types of the port's rejected rows, in order."""
        return {**self.schema, RULES_COLUMN: pl.List(pl.String())}

    @property
    def absent(self) -> list[str]:
        """The optional columns that the build left out; they are stored as nulls."""
        present, contract = self.plan.collect_schema(), self.port.contract
        optional = (column.name for column in contract.columns if not column.required)
        return [name for name in optional if name not in present]


@dataclass(frozen=True)
class Judged:
    """A verdict and what follows from it."""

    verdict: Verdict
    """On the batch as it was built, before rejected rows were set aside."""
    staged: Staged | None = None
    """All rows of the batch, where they have the promised types."""
    accepted: Staged | None = None
    """The rows that may be published; `None` refuses the batch."""
    rejected: Staged | None = None
    """The rows for quarantine, staged there."""
    published: Profile | None = None
    """The profile of the accepted rows."""
    elsewhere: bool = False
    """Whether the fault lies in other partitions, published under an earlier contract."""


def judge(
    batch: Batch, store: Store, area: Staging, aside: Staging, base: delta.Snapshot | None
) -> Judged:
    """Stage a batch and judge it.

    Args:
        batch: What was built.
        store: Where it goes.
        area: Where its rows are staged.
        aside: Where rejected rows are staged.
        base: The port's current version.

    Raises:
        NotWrittenError: The store cannot be written.
        Exception: Whatever the build itself raised when its plan ran.
    """
    failure: Exception | None = None
    misfits: dict[str, pl.DataType] = {}
    try:
        plan = conform(batch.plan, batch.port.contract)
        misfits = _misfits(plan, batch)
        staged = area.write(plan, batch.schema, batch.slice) if not misfits else None
    except (*_FAILURES, *NOT_CONFORMING) as error:
        failure, staged = error, None
    if staged is not None:
        return judge_staged(batch, staged, store, area, aside, base)
    # Runs the build again, unconformed; if the build itself is broken, this raises its error.
    verdict = audit(batch.plan, batch.port.contract, row_keys=batch.port.quality.row_keys)
    if isinstance(failure, _FAILURES) and not _misshapen(verdict):
        raise delta.NotWrittenError from failure
    return Judged(_with_misfits(verdict, misfits))


def judge_staged(
    batch: Batch,
    staged: Staged,
    store: Store,
    area: Staging,
    aside: Staging,
    base: delta.Snapshot | None,
) -> Judged:
    """Judge rows that are staged already; otherwise as `judge`."""
    elsewhere = _verdict_elsewhere(batch, store, base)
    others = None if elsewhere else _others_for(batch, store, base)
    quality = batch.port.quality
    verdict = _audited(batch, staged, others, quality.row_keys)
    verdict = with_volume(verdict, quality, staged.rows, _rows_of_last(base))
    judged = Judged(verdict, staged)
    if verdict.accepted:
        judged = replace(judged, accepted=staged, published=verdict.profile)
    elif quality.otherwise == "quarantine" and _of_rows(verdict):
        judged = _parted(batch, judged, area, aside, others)
    judged = _honoured(batch, judged, base)
    if judged.accepted and elsewhere:
        return replace(judged, verdict=elsewhere, accepted=None, elsewhere=True)
    if judged.accepted:
        sensitive = batch.port.contract.sensitive_columns
        write_sidecar(store, judged.accepted.content, _spanning(batch), sensitive)
        write_sample(store, judged.accepted.content, batch.port)
    return judged


def _honoured(batch: Batch, judged: Judged, base: delta.Snapshot | None) -> Judged:
    """Judge what is to be published by what consumers rely on; none of its rows is set aside."""
    if judged.accepted is None or not batch.relied.demands:
        return judged
    others = base.of_slice(batch.slice, other=True) if base and batch.slice != WHOLE else None
    present = replace(others, schema=batch.schema).plan() if others and others.files else None
    findings = batch.relied.findings(judged.accepted.plan(), present)
    verdict = replace(judged.verdict, findings=judged.verdict.findings + findings)
    if any(not finding.passed and finding.rule.level == "error" for finding in findings):
        return replace(judged, verdict=replace(verdict, accepted=False), accepted=None)
    return replace(judged, verdict=verdict)


def depends_on_others(batch: Batch, store: Store, base: delta.Snapshot | None) -> bool:
    """Say whether a batch must be judged again because other partitions have changed."""
    if batch.slice != WHOLE and batch.relied.questions.keys:
        return True  # what consumers rely on to be unique may repeat there
    return _others_for(batch, store, base) is not None or _changed(batch, base) is not None


def current(base: delta.Snapshot | None) -> str:
    """Say what readers still see."""
    return f"version {base.version} stays current" if base else "there is no earlier version"


def _audited(batch: Batch, staged: Staged, others: Beside | None, row_keys: int = 0) -> Verdict:
    plan, contract = staged.plan(), batch.port.contract
    verdict = audit_staged(plan, contract, others=others, absent=batch.absent, row_keys=row_keys)
    return with_placing(verdict, plan, batch.inside, contract, row_keys)


def _rows_of_last(base: delta.Snapshot | None) -> int | None:
    """Return how many rows the last batch had, those that were set aside included."""
    last = base.record if base else {}
    return last["rows"] + last["rejected_rows"] if last else None


def _of_rows(verdict: Verdict) -> bool:
    """Say whether every broken rule is about rows, so that some rows may keep them all."""
    return all(finding.failing_rows is not None for finding in verdict.broken)


def _misshapen(verdict: Verdict) -> bool:
    """Say whether a batch could not be staged because of what it is."""
    return any(finding.rule.check == "schema" for finding in verdict.broken)


def _misfits(plan: pl.LazyFrame, batch: Batch) -> dict[str, pl.DataType]:
    """Return the columns whose type is not the one that the port promises."""
    got = plan.collect_schema()
    return {name: got[name] for name, dtype in batch.schema.items() if got[name] != dtype}


def _with_misfits(verdict: Verdict, misfits: Mapping[str, pl.DataType]) -> Verdict:
    """Refuse a batch; where pandera takes several types for one, a port still keeps only one."""
    findings = verdict.findings
    if verdict.accepted:
        findings = tuple(_misfit(finding, misfits) for finding in findings)
    return replace(verdict, accepted=False, findings=findings)


def _misfit(finding: Finding, misfits: Mapping[str, pl.DataType]) -> Finding:
    column = finding.rule.column or ""
    if finding.rule.kind != "type" or column not in misfits:
        return finding
    return replace(finding, passed=False, failing_rows=None, note=f"is {misfits[column]}")


def _spanning(batch: Batch) -> list[tuple[str, ...]]:
    """Return the keys of the contract that could repeat across partitions."""
    if batch.slice == WHOLE:
        return []
    placing = batch.port.partition_columns
    dimensions = 1 if "" in placing else batch.slice.count(_DIMENSION_BORDER) + 1
    columns = set(placing.values()) if len(placing) == dimensions else None
    return [key for key in batch.port.contract.keys if columns is None or columns - set(key)]


def _others_for(batch: Batch, store: Store, base: delta.Snapshot | None) -> Beside | None:
    """Return the other partitions if a key of the contract could repeat across them."""
    others = base.of_slice(batch.slice, other=True) if base and _spanning(batch) else None
    return Beside(replace(others, schema=batch.schema), store) if others and others.files else None


def _changed(batch: Batch, base: delta.Snapshot | None) -> delta.Snapshot | None:
    """Return the other partitions if they were published under another contract."""
    if base is None or batch.slice == WHOLE:
        return None
    others = base.of_slice(batch.slice, other=True)
    same = base.record.get("contract_digest") == batch.port.contract.digest
    return None if same or not others.files else others


def _verdict_elsewhere(batch: Batch, store: Store, base: delta.Snapshot | None) -> Verdict | None:
    """Judge the other partitions if the contract has changed; `None` when they keep it."""
    others = _changed(batch, base)
    if others is None:
        return None
    return broken_by_published(others, batch.schema, batch.port.contract, store)


def _parted(
    batch: Batch, judged: Judged, area: Staging, aside: Staging, others: Beside | None
) -> Judged:
    staged, port = judged.staged, batch.port
    if staged is None:
        return judged
    try:
        parts = split(staged.plan(), port.contract, others=others, absent=batch.absent)
    except NotSplittableError:
        return judged
    rejected = _written(aside, parts.rejected, batch.quarantine_schema, batch.slice)
    if not rejected.rows:
        return judged
    judged = replace(judged, rejected=rejected)
    # A quotient is the number that people write for it; a product need not be whole.
    if (staged.rows - rejected.rows) / staged.rows < port.quality.valid_rows:
        return judged
    valid = _written(area, parts.valid, batch.schema, batch.slice)
    again = _audited(batch, valid, others)
    if not again.accepted:
        return judged
    return replace(judged, accepted=valid, published=again.profile)


def _written(
    place: Staging, plan: pl.LazyFrame, schema: Mapping[str, pl.DataType], slice_: str
) -> Staged:
    """Stage a part of what is staged already, where only the store can fail."""
    try:
        return place.write(plan, schema, slice_)
    except _FAILURES as error:
        raise delta.NotWrittenError from error
