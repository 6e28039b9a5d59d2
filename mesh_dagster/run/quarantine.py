"""Set rejected rows aside, and let them go when their time is over.

In:  the rejected rows of a batch, staged in the quarantine of its port; or files that are too old.
Out: a commit to the quarantine's own table, which no reader meets but one that asks for it.
How long rows stay is decided by `run/vacuum.py`, which also deletes the files.
"""

import random
import time
from collections.abc import Collection
from uuid import uuid4

from mesh_dagster.errors import CommitContendedError
from mesh_dagster.run import delta
from mesh_dagster.run.judge import Batch, Judged, current
from mesh_dagster.run.stage import Staging
from mesh_dagster.run.store import Store

TRIES = 60
"""So many races may be lost before a writer gives up."""
_LONGEST_PAUSE_SECONDS = 0.5


def set_aside(batch: Batch, judged: Judged, store: Store, aside: Staging) -> None:
    """Make the rejected rows the quarantine of this slice, or clear it.

    Raises:
        NotWrittenError: The store cannot be written.
        CommitContendedError: Other writers won every race.
    """
    who, uri = f"{batch.port.address}?quarantine", store.quarantine(batch.port.address)
    files = judged.rejected.files if judged.rejected else ()
    facts = {"publication_id": aside.publication_id, "address": who, "run_id": batch.run_id}
    change = delta.Change(files, batch.quarantine_schema, batch.slice, facts)
    for attempt in range(TRIES):
        base = delta.snapshot(store, uri)
        present = set(base.of_slice(batch.slice).files) if base else set()
        if present == set(files) or (judged.accepted is None and not files):
            return
        try:
            with aside.keeping(files):
                delta.commit(store, uri, base, change)
        except delta.LostRaceError:
            pause(attempt)
        else:
            return
    still = current(delta.snapshot(store, store.table(batch.port.address)))
    raise CommitContendedError(who, TRIES, still)


def let_go(store: Store, base: delta.Snapshot, paths: Collection[str]) -> set[str]:
    """Take files out of a quarantine, a slice at a time.

    Returns:
        The files that are still in it. Where a batch is set aside at the same time, what it leaves
        is taken out the next time.

    Raises:
        NotWrittenError: The store cannot be written.
    """
    for slice_ in sorted({file.slice for file in base.files}):
        if not all(file.path in paths for file in base.of_slice(slice_).files):
            continue
        change = delta.Change((), base.schema, slice_, {"publication_id": uuid4().hex})
        try:
            delta.commit(store, base.uri, base, change)
        except delta.LostRaceError:
            break
        base = delta.snapshot(store, base.uri) or base
    return {file.path for file in base.files}


def pause(attempt: int) -> None:
    """Wait before another try, longer after each."""
    time.sleep(random.uniform(0, min(_LONGEST_PAUSE_SECONDS, 0.01 * 2**attempt)))  # noqa: S311
