"""Publish a batch or refuse it: the one place with the failure policy.

In:  a `Batch`, and the store and registry of the mesh.
Out: `Published` or `Refused`. Published means one Delta commit; refused means that the version
that was current stays current. An exception means the same as refused.
How a batch is judged is the business of `run/judge.py`, how a commit happens of `run/delta.py`.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from mesh_dagster.errors import CommitContendedError, PublicationRefusedError
from mesh_dagster.run import delta, record
from mesh_dagster.run.judge import (
    Batch,
    Judged,
    current,
    judge,
    judge_published,
    judge_staged,
    others_for,
)
from mesh_dagster.run.registry import Publication, Refusal, Registry
from mesh_dagster.run.stage import Staging
from mesh_dagster.run.store import Store
from mesh_dagster.run.verdict import Finding, Verdict

_TRIES = 60
_LONGEST_PAUSE_SECONDS = 0.5


@dataclass(frozen=True)
class Published:
    """A batch that became the current version."""

    publication: Publication
    verdict: Verdict
    """On the batch as it was built, before rejected rows were set aside."""


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

    Args:
        batch: What was built.
        store: Where it goes.
        registry: Where the outcome is recorded.
        clock: Returns aware UTC; stamps a refusal.

    Raises:
        StagingFailedError: The store cannot be written.
        CommitContendedError: Other writers won every race.
        polars.exceptions.PolarsError: The build itself failed when its plan ran.
    """
    uri = store.table(batch.port.address)
    aside_uri = store.quarantine(batch.port.address)
    with Staging(store, uri) as area, Staging(store, aside_uri) as aside:
        base = delta.snapshot(store, uri)
        judged = judge(batch, area, aside, base)
        _set_aside(batch, judged, store, aside)
        for attempt in range(_TRIES):
            judged = judge_published(batch, judged, store, base)
            if judged.accepted is None:
                return _refused(batch, judged, registry, base, area.publication_id, clock())
            facts = _facts(batch, judged, base, area.publication_id)
            files = judged.accepted.files
            try:
                version = delta.commit(store, uri, base, files, batch.schema, batch.slice, facts)
            except delta.LostRaceError:
                _pause(attempt)
                base = delta.snapshot(store, uri)
                if others_for(batch, base) and judged.staged:
                    judged = judge_staged(batch, judged.staged, area, aside, base)
                    _set_aside(batch, judged, store, aside)
                continue
            area.keep(judged.accepted)
            made = record.written(store, registry, batch.port.address, version)
            return Published(made, judged.verdict)
    raise CommitContendedError(str(batch.port.address), _TRIES, current(base))


def finding_text(finding: Finding, rows: int) -> str:
    """Say which rule failed, and on how many of the rows."""
    note = f" ({finding.note})" if finding.note else ""
    if finding.failing_rows is None:
        return f"'{finding.rule.text}'{note}"
    return f"'{finding.rule.text}' on {finding.failing_rows:,} of {rows:,} rows{note}"


def _set_aside(batch: Batch, judged: Judged, store: Store, aside: Staging) -> None:
    """Make the rejected rows the quarantine of this slice, or clear it."""
    uri = store.quarantine(batch.port.address)
    for attempt in range(_TRIES):
        base = delta.snapshot(store, uri)
        if judged.rejected is None and (base is None or judged.accepted is None):
            return
        files = judged.rejected.files if judged.rejected else ()
        facts = {"address": f"{batch.port.address}?quarantine", "run_id": batch.run_id}
        try:
            delta.commit(store, uri, base, files, batch.quarantine_schema, batch.slice, facts)
        except delta.LostRaceError:
            _pause(attempt)
            continue
        if judged.rejected:
            aside.keep(judged.rejected)
        return
    raise CommitContendedError(f"{batch.port.address}?quarantine", _TRIES, current(base))


def _facts(
    batch: Batch, judged: Judged, base: delta.Snapshot | None, publication_id: str
) -> record.Record:
    accepted, published = judged.accepted, judged.published or judged.verdict.profile
    others = base.of_slice(batch.slice, other=True).rows if base else 0
    known = record.facts(
        batch.port,
        judged.verdict,
        slice_=batch.slice,
        rows=accepted.rows if accepted else 0,
        rejected_rows=judged.rejected.rows if judged.rejected else 0,
        other_rows=others,
        published=published,
    )
    return {
        **known,
        "publication_id": publication_id,
        "run_id": batch.run_id,
        "inputs": dict(batch.inputs),
    }


def _refused(  # noqa: PLR0913 - one outcome, gathered from every step
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
    refusal = Refusal(address, publication_id, now, batch.slice, rows, counts, batch.run_id)
    registry.refuse(refusal)
    broken = [finding_text(finding, rows) for finding in verdict.broken]
    error = PublicationRefusedError(
        address, broken, len(verdict.findings), current(base), judged.where
    )
    return Refused(refusal, verdict, error)


def _pause(attempt: int) -> None:
    time.sleep(random.uniform(0, min(_LONGEST_PAUSE_SECONDS, 0.01 * 2**attempt)))  # noqa: S311
