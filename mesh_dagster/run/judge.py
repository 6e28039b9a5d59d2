"""Stage a batch and judge it, against its contract and against what is published beside it.

In:  a `Batch`: a port, the plan that its build function returned, what it was made from.
Out: `Judged`: a verdict, the staged rows that may be published, the rows that were rejected.
Nothing is committed here; `run/publish.py` does that.

Why: what is audited are the very bytes that will be read, so a batch is staged first. An audit
of the build's plan would run the build a second time, and might meet other rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import polars as pl
from pandera.errors import SchemaError, SchemaErrors

from mesh_dagster.declare.contract import Rule
from mesh_dagster.declare.port import OutputPort
from mesh_dagster.declare.storage import RULES_COLUMN, contract_schema
from mesh_dagster.errors import StagingFailedError
from mesh_dagster.run import delta
from mesh_dagster.run.audit import audit, audit_staged
from mesh_dagster.run.conform import conform
from mesh_dagster.run.record import last_digest
from mesh_dagster.run.split import NotSplittableError, split
from mesh_dagster.run.stage import Staged, Staging
from mesh_dagster.run.store import WHOLE, Store
from mesh_dagster.run.verdict import Finding, Profile, Verdict


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

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """The promised types of the port, in order."""
        return contract_schema(self.port.contract)

    @property
    def quarantine_schema(self) -> dict[str, pl.DataType]:
        """The types of the port's rejected rows, in order."""
        return {**self.schema, RULES_COLUMN: pl.List(pl.String())}


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
    where: str = ""
    """Where the fault lies, if not in the batch."""


def judge(batch: Batch, area: Staging, aside: Staging, base: delta.Snapshot | None) -> Judged:
    """Stage a batch and judge it.

    Args:
        batch: What was built.
        area: Where its rows are staged.
        aside: Where rejected rows are staged.
        base: The port's current version.

    Raises:
        StagingFailedError: The store cannot be written.
        polars.exceptions.PolarsError: The build itself failed when its plan ran.
    """
    try:
        plan = conform(batch.plan, batch.port.contract)
        fits = dict(plan.collect_schema()) == batch.schema
        staged = area.write(plan, batch.schema, batch.slice) if fits else None
    except (pl.exceptions.PolarsError, SchemaError, SchemaErrors, NotImplementedError):
        staged = None
    except OSError as error:
        raise StagingFailedError(str(batch.port.address), current(base)) from error
    if staged is None:
        # Runs the build again, unconformed; if the build itself is broken, this raises its error.
        verdict = audit(batch.plan, batch.port.contract)
        return Judged(replace(verdict, accepted=False))
    return judge_staged(batch, staged, area, aside, base)


def judge_staged(
    batch: Batch, staged: Staged, area: Staging, aside: Staging, base: delta.Snapshot | None
) -> Judged:
    """Judge rows that are staged already; otherwise as `judge`."""
    others = others_for(batch, base)
    verdict = audit_staged(
        staged.plan(), batch.port.contract, others=others.plan() if others else None
    )
    verdict = _inside_partition(batch, staged, verdict)
    if verdict.accepted:
        return Judged(verdict, staged, accepted=staged, published=verdict.profile)
    if batch.port.quality.otherwise == "refuse":
        return Judged(verdict, staged)
    return _parted(batch, Judged(verdict, staged), area, aside)


def judge_published(
    batch: Batch, judged: Judged, store: Store, base: delta.Snapshot | None
) -> Judged:
    """Refuse a batch whose contract changed so that partitions published earlier break it."""
    if base is None or judged.accepted is None or batch.slice == WHOLE:
        return judged
    others = base.of_slice(batch.slice, other=True)
    if not others.files or last_digest(store, base) == batch.port.contract.digest:
        return judged
    verdict = audit_staged(replace(others, schema=batch.schema).plan(), batch.port.contract)
    if verdict.accepted:
        return judged
    where = "in partitions that were published under an earlier contract"
    return replace(judged, verdict=verdict, accepted=None, where=where)


def others_for(batch: Batch, base: delta.Snapshot | None) -> delta.Snapshot | None:
    """Return the other partitions if a key of the contract could repeat across them."""
    if base is None or batch.slice == WHOLE:
        return None
    columns = set(batch.port.partition_columns.values())
    spanning = [key for key in batch.port.contract.keys if not columns or not columns <= set(key)]
    others = base.of_slice(batch.slice, other=True)
    return others if spanning and others.files else None


def current(base: delta.Snapshot | None) -> str:
    """Say what readers still see."""
    return f"version {base.version} stays current" if base else "there is no earlier version"


def _parted(batch: Batch, judged: Judged, area: Staging, aside: Staging) -> Judged:
    staged, port = judged.staged, batch.port
    if staged is None:
        return judged
    try:
        parts = split(staged.plan(), port.contract)
    except NotSplittableError:
        return judged
    rejected = aside.write(parts.rejected, batch.quarantine_schema, batch.slice)
    judged = replace(judged, rejected=rejected)
    if staged.rows - rejected.rows < port.quality.valid_rows * staged.rows:
        return judged
    valid = area.write(parts.valid, batch.schema, batch.slice)
    again = _inside_partition(batch, valid, audit_staged(valid.plan(), port.contract))
    if not again.accepted:
        return judged
    return replace(judged, accepted=valid, published=again.profile)


def _inside_partition(batch: Batch, staged: Staged, verdict: Verdict) -> Verdict:
    if not batch.inside:
        return verdict
    outside = staged.plan().select(
        (~inside).fill_null(value=True).sum().alias(column)
        for column, inside in batch.inside.items()
    )
    counts = outside.collect(engine="streaming").row(0, named=True)
    findings = tuple(
        Finding(Rule(f"{column} within the partition", "values", column), not count, count)
        for column, count in counts.items()
    )
    accepted = verdict.accepted and not any(counts.values())
    return replace(verdict, accepted=accepted, findings=verdict.findings + findings)
