"""Publish a batch or refuse it: the one place with the failure policy.

In:  a `Batch`, and the store and registry of the mesh.
Out: `Published` or `Refused`. Published means one Delta commit; refused means that the version
that was current stays current. An exception means the same as refused.
How a batch is judged is the business of `run/judge.py`, how a commit happens of `run/delta.py`.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime

from mesh_dagster.declare.transcribe import written
from mesh_dagster.errors import (
    CommitContendedError,
    PartitioningChangedError,
    PublicationRefusedError,
    RegistryError,
    StagingFailedError,
)
from mesh_dagster.run import delta, record
from mesh_dagster.run.groups import group_facts
from mesh_dagster.run.honour import Relied
from mesh_dagster.run.judge import (
    Batch,
    Judged,
    current,
    depends_on_others,
    judge,
    judge_staged,
)
from mesh_dagster.run.quarantine import TRIES, pause, set_aside
from mesh_dagster.run.registry import Publication, Refusal, Registry
from mesh_dagster.run.retired import require_publishable
from mesh_dagster.run.stage import Staged, Staging
from mesh_dagster.run.stated import stated_of
from mesh_dagster.run.store import WHOLE, Store
from mesh_dagster.run.verdict import Verdict, finding_text

_ELSEWHERE = "in partitions that were published under an earlier contract"


@dataclass(frozen=True)
class Published:
    """A batch that became the current version."""

    publication: Publication
    verdict: Verdict
    """On the batch as it was built, before rejected rows were set aside."""
    recorded: bool = True
    """False when the registry was lost after the commit. The commit stands; the port's next
    publication, or a reindex, brings the registry up to date."""


@dataclass(frozen=True)
class Refused:
    """A batch that was not published."""

    refusal: Refusal
    verdict: Verdict
    error: PublicationRefusedError


def publish(
    batch: Batch, store: Store, registry: Registry, clock: Callable[[], datetime]
) -> Published | Refused:
    """Stage, judge and commit one batch.

    Its rejected rows become the quarantine of its slice, whether the others are published or not.

    Args:
        batch: What was built.
        store: Where it goes.
        registry: Where the outcome is recorded.
        clock: Returns aware UTC; stamps a refusal, and is the latest that an event counts as.

    Raises:
        RetiredPortError: The port is retired.
        PartitioningChangedError: The port was published whole so far, or in other partitions.
        StagingFailedError: The store cannot be written.
        RegistryError: The registry cannot be written.
        CommitContendedError: Other writers won every race.
        TooManyGroupsError: The port promises the freshness of more groups than are watched.
        Exception: Whatever the build itself raised when its plan ran.
    """
    require_publishable(store, batch.port.address)
    uri, aside_uri = store.table(batch.port.address), store.quarantine(batch.port.address)
    base = delta.snapshot(store, uri)
    _require_partitioning(batch, base, delta.snapshot(store, aside_uri))
    known = stated_of(registry, str(batch.port.address))
    if known:
        relied = Relied.on(written(batch.port.contract), known, batch.port.honours)
        batch = replace(batch, relied=relied)
    try:
        with Staging(store, uri) as area, Staging(store, aside_uri) as aside:
            return _published_or_refused(batch, store, registry, clock, base, area, aside)
    except delta.NotWrittenError as error:
        still = current(delta.snapshot(store, uri))
        raise StagingFailedError(str(batch.port.address), still) from error


def _published_or_refused(
    batch: Batch,
    store: Store,
    registry: Registry,
    clock: Callable[[], datetime],
    base: delta.Snapshot | None,
    area: Staging,
    aside: Staging,
) -> Published | Refused:
    uri = store.table(batch.port.address)
    judged = judge(batch, store, area, aside, base)
    with ExitStack() as queue:
        for attempt in range(TRIES):
            set_aside(batch, judged, store, aside)
            registry.require_writable()
            if judged.accepted is None:
                return _refused(batch, judged, registry, base, area.publication_id, clock())
            version = _committed(batch, judged, judged.accepted, store, base, area, clock())
            if version is not None:
                queue.close()
                return _published(batch, judged, store, registry, version)
            if attempt:
                pause(attempt)
            else:
                queue.enter_context(delta.turn(store, uri))
            base = delta.snapshot(store, uri)
            if judged.staged and depends_on_others(batch, store, base):
                judged = judge_staged(batch, judged.staged, store, area, aside, base)
    raise CommitContendedError(str(batch.port.address), TRIES, current(base))


def _committed(
    batch: Batch,
    judged: Judged,
    accepted: Staged,
    store: Store,
    base: delta.Snapshot | None,
    area: Staging,
    now: datetime,
) -> int | None:
    """Return the new version, or `None` when another writer came first."""
    groups = group_facts(batch.port, accepted, batch.slice, base, now)
    facts = _facts(batch, judged, accepted, base, area.publication_id) | groups
    change = delta.Change(accepted.files, batch.schema, batch.slice, facts)
    try:
        with area.keeping(accepted.files):
            return delta.commit(store, store.table(batch.port.address), base, change)
    except delta.LostRaceError:
        return None


def _published(
    batch: Batch, judged: Judged, store: Store, registry: Registry, version: int
) -> Published:
    made = record.newest(store, batch.port.address, version)
    published = Published(made[version], judged.verdict)
    try:
        registry.record(*made.values())
    except RegistryError:
        return replace(published, recorded=False)
    return published


def _facts(
    batch: Batch,
    judged: Judged,
    accepted: Staged,
    base: delta.Snapshot | None,
    publication_id: str,
) -> record.Record:
    others = base.of_slice(batch.slice, other=True) if base else None
    known = record.facts(
        batch.port,
        judged.verdict,
        slice_=batch.slice,
        rows=accepted.rows,
        rejected_rows=judged.rejected.rows if judged.rejected else 0,
        other_rows=others.rows if others else 0,
        published=judged.published or judged.verdict.profile,
    )
    return {
        **known,
        "port_bytes": accepted.content.bytes + (others.bytes if others else 0),
        "duration_seconds": round(time.monotonic() - batch.begun, 3),
        "publication_id": publication_id,
        "run_id": batch.run_id,
        "code_version": batch.code_version,
        "revision": batch.revision,
        "inputs": dict(batch.inputs),
        "cut": batch.cut,
        "lineage": batch.lineage.record(),
    }


def _refused(
    batch: Batch,
    judged: Judged,
    registry: Registry,
    base: delta.Snapshot | None,
    publication_id: str,
    now: datetime,
) -> Refused:
    verdict, address = judged.verdict, str(batch.port.address)
    counts = {finding.rule.text: finding.failing_rows for finding in verdict.broken}
    rows = verdict.profile.rows
    about = (batch.slice, rows, counts, batch.run_id, verdict.checks)
    refusal = Refusal(address, publication_id, now, *about)
    registry.refuse(refusal)
    error = PublicationRefusedError(
        address,
        [finding_text(finding, rows) for finding in verdict.broken],
        len(verdict.findings),
        current(base),
        _ELSEWHERE if judged.elsewhere else "",
        _remedy(batch, judged),
    )
    return Refused(refusal, verdict, error)


def _remedy(batch: Batch, judged: Judged) -> str:
    if judged.elsewhere:
        return "Mend those partitions under the earlier contract, or declare a new major version."
    if any(finding.rule.check == "expectations" for finding in judged.verdict.broken):
        return "Fix the batch, or come to terms with these consumers."
    if judged.rejected is not None and judged.staged is not None:
        return _remedy_of_parted(batch, judged.staged.rows, judged.rejected.rows)
    if not any(finding.failing_rows for finding in judged.verdict.broken):
        return "Fix the batch."
    if batch.port.quality.otherwise == "quarantine":
        return "Fix the batch; none of its rows could be set aside."
    return ""


def _remedy_of_parted(batch: Batch, rows: int, rejected: int) -> str:
    aside, promised = f"'{batch.port.address}?quarantine'", batch.port.quality.valid_rows
    if (rows - rejected) / rows >= promised:
        return (
            f"Fix the batch: not all of its bad rows can be set aside; the others lie at {aside}."
        )
    return (
        f"Fix the batch: {rows - rejected:,} of {rows:,} rows are valid, {100 * promised:g}% "
        f"were promised, and the others lie at {aside}."
    )


def _require_partitioning(
    batch: Batch, base: delta.Snapshot | None, aside: delta.Snapshot | None
) -> None:
    address, partitioned = str(batch.port.address), batch.slice != WHOLE
    for table in (base, aside):
        if table is not None and table.partitioned != partitioned:
            ways = ("whole", "in partitions") if partitioned else ("in partitions", "whole")
            raise PartitioningChangedError(address, *ways, current(base))
    cut = base.record.get("cut") if base else ""
    if cut and batch.cut and cut != batch.cut:
        # Days and hours would stand side by side, and be read twice.
        was, now = (f"in partitions by '{one}'" for one in (cut, batch.cut))
        raise PartitioningChangedError(address, was, now, current(base))
