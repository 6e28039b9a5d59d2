"""Free what nobody can read any more: orphans of dead writers, and versions past their retention.

In:  a store, the retention of each port, a clock reading.
Out: what was deleted, port by port. The current version, and every version that was still current
within the retention, keeps all its files; a retired port has no current version. Rejected rows are
let go by their own age, even those that nothing has replaced: they may be personal, and the port
may never publish again.

Why: a staging marker is locked while its writer lives, so an unlocked marker tells an orphan at
once. Where there are no locks (object stores), or the marker is lost, age tells.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl
from filelock import FileLock, Timeout
from upath import UPath

from mesh_dagster.declare.address import Address
from mesh_dagster.errors import QuarantineKeptError
from mesh_dagster.run import delta
from mesh_dagster.run.internal import current_file
from mesh_dagster.run.quarantine import let_go
from mesh_dagster.run.retired import retirement
from mesh_dagster.run.sidecar import sidecars_of
from mesh_dagster.run.stage import DATA, MARKERS
from mesh_dagster.run.store import Store

LONGEST_RUN = timedelta(hours=24)
"""An unreferenced file younger than this may belong to a run on another machine."""
_ACTIONS = {
    "add": pl.Struct({"path": pl.String(), "modificationTime": pl.Int64()}),
    "remove": pl.Struct({"path": pl.String(), "deletionTimestamp": pl.Int64()}),
}


@dataclass(frozen=True)
class Vacuumed:
    """What was, or would be, deleted at one place of the store."""

    place: str
    """The table or folder, relative to the root."""
    orphans: int
    """Files of publications that never happened."""
    expired: int
    """Files of versions, or of rejected rows, past their retention."""
    bytes: int


def vacuum(
    store: Store,
    retention: Callable[[Address], timedelta],
    now: datetime,
    *,
    quarantine: Callable[[Address], timedelta] | None = None,
    dry_run: bool = False,
) -> list[Vacuumed]:
    """Delete orphans and expired files in the whole store.

    Args:
        store: The store.
        retention: How long the replaced versions of a port are kept.
        now: Aware UTC.
        quarantine: How long a port's rejected rows are kept; as long as its replaced versions by
            default.
        dry_run: Only say what would be deleted.

    Returns:
        The places where something was found, in order.

    Raises:
        QuarantineKeptError: A quarantine cannot be written.
    """
    found = []
    for address in store.addresses(published=False):
        before, ended = now - retention(address), retirement(store, address)
        over = ended is not None and ended.retired_at < before
        replaced = _Expiry(before, by_age=False, dry_run=dry_run, over=over)
        aged = _Expiry(now - (quarantine or retention)(address), by_age=True, dry_run=dry_run)
        found.append(_table(store, store.table(address), now, replaced))
        try:
            found.append(_table(store, store.quarantine(address), now, aged))
        except delta.NotWrittenError as error:
            raise QuarantineKeptError(str(address)) from error
    found += [_internal(store, folder, now, dry_run=dry_run) for folder in store.internals()]
    return [one for one in found if one.orphans or one.expired]


@dataclass(frozen=True)
class _Expiry:
    before: datetime
    by_age: bool
    """Whether a file expires by the time when it was added, and not when it was replaced."""
    dry_run: bool
    over: bool = False
    """Whether the port was retired before; then nothing of it is current."""


def _table(store: Store, uri: str, now: datetime, expiry: _Expiry) -> Vacuumed:
    # In this order: what is listed and whose writer is dead can no longer be committed after it.
    present = {
        f"{DATA}/{file.name}": file for file in store.path(f"{uri}/{DATA}").glob("*.parquet")
    }
    dead = set(_dead_writers(store, uri, now))
    current = delta.snapshot(store, uri)
    logged = _logged(store, uri)
    expired = _expired(store, current, logged, expiry) & present.keys()
    active = {file.path for file in current.files} if current else set()
    unknown = present.keys() - active - logged.keys()
    orphans = {
        path
        for path in unknown
        if path.removeprefix(f"{DATA}/").split("-")[0] in dead
        or _written_at(present[path], now) < now - LONGEST_RUN
    }
    doomed = [present[path] for path in sorted(orphans | expired)]
    # A sidecar goes first, so that none is left without its file.
    beside = [file.with_name(name) for file in doomed for name in sidecars_of(file.name)]
    beside = [sidecar for sidecar in beside if sidecar.exists()]
    size = _delete([*beside, *doomed], dry_run=expiry.dry_run)
    if not expiry.dry_run:
        for writer in dead:
            store.path(f"{uri}/{MARKERS}/{writer}.lock").unlink(missing_ok=True)
    return Vacuumed(_place(store, uri), len(orphans), len(doomed) - len(orphans), size)


def _internal(store: Store, folder: str, now: datetime, *, dry_run: bool) -> Vacuumed:
    current = current_file(store, folder)
    replaced = [
        file
        for file in store.path(folder).glob("*.parquet*")
        if f"{folder}/{file.name}" != current and _written_at(file, now) < now - LONGEST_RUN
    ]
    return Vacuumed(_place(store, folder), 0, len(replaced), _delete(replaced, dry_run=dry_run))


def _expired(
    store: Store,
    current: delta.Snapshot | None,
    logged: Mapping[str, tuple[datetime | None, datetime | None]],
    expiry: _Expiry,
) -> set[str]:
    """Return the files whose time is over, once none of them can be read any more."""
    active = {file.path for file in current.files} if current else set()
    if not expiry.by_age:
        gone = {path for path, (_, at) in logged.items() if at and at < expiry.before}
        return gone | active if expiry.over else gone - active
    old = {path for path, (at, _) in logged.items() if at and at < expiry.before}
    if current and old & active and not expiry.dry_run:
        return old - let_go(store, current, old)
    return old


def _logged(store: Store, uri: str) -> dict[str, tuple[datetime | None, datetime | None]]:
    """Return every file that some version had, when it was added and when it was replaced."""
    logs = [str(log) for log in store.path(f"{uri}/_delta_log").glob("*.json")]
    if not logs:
        return {}
    plan = pl.scan_ndjson(
        logs,
        schema=_ACTIONS,
        ignore_errors=True,
        storage_options=dict(store.storage_options) or None,
    )
    added, removed = pl.col("add").struct, pl.col("remove").struct
    actions = plan.select(
        path=pl.coalesce(added.field("path"), removed.field("path")),
        added=_moment(added.field("modificationTime")),
        removed=_moment(removed.field("deletionTimestamp")),
    )
    frame = actions.drop_nulls("path").group_by("path").max().collect()
    return {path: (add, remove) for path, add, remove in frame.iter_rows()}


def _moment(milliseconds: pl.Expr) -> pl.Expr:
    return pl.from_epoch(milliseconds, time_unit="ms").dt.replace_time_zone("UTC")


def _dead_writers(store: Store, uri: str, now: datetime) -> Iterator[str]:
    for marker in store.path(f"{uri}/{MARKERS}").glob("*.lock"):
        if not store.local:
            if _written_at(marker, now) < now - LONGEST_RUN:
                yield marker.stem
            continue
        try:
            with FileLock(str(marker), timeout=0):
                yield marker.stem
        except Timeout:
            continue


def _written_at(file: UPath, now: datetime) -> datetime:
    try:
        return datetime.fromtimestamp(file.stat().st_mtime, now.tzinfo)
    except FileNotFoundError:
        return now  # its writer has thrown it away since it was listed


def _delete(files: list[UPath], *, dry_run: bool) -> int:
    size = 0
    for file in files:
        with suppress(FileNotFoundError):  # as above, or another vacuum came first
            size += file.stat().st_size
            if not dry_run:
                file.unlink()
    return size


def _place(store: Store, uri: str) -> str:
    return uri.removeprefix(f"{store.root}/")
