"""Free what nobody can read any more: orphans of dead writers, and versions past their retention.

In:  a store, the retention of each port, a clock reading.
Out: what was deleted, port by port. The current version, and every version that was still current
within the retention, keeps all its files.

Why: a staging marker is locked while its writer lives, so an unlocked marker tells an orphan at
once. Where there are no locks (object stores), or the marker is lost, age tells.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl
from filelock import FileLock, Timeout
from upath import UPath

from mesh_dagster.declare.address import Address
from mesh_dagster.run import delta
from mesh_dagster.run.internal import current_file
from mesh_dagster.run.sidecar import sidecars_of
from mesh_dagster.run.stage import DATA, MARKERS
from mesh_dagster.run.store import Store

LONGEST_RUN = timedelta(hours=24)
"""An unreferenced file younger than this may belong to a run on another machine."""
_REMOVES = {"remove": pl.Struct({"path": pl.String(), "deletionTimestamp": pl.Int64()})}


@dataclass(frozen=True)
class Vacuumed:
    """What was, or would be, deleted at one place of the store."""

    place: str
    """The table or folder, relative to the root."""
    orphans: int
    """Files of publications that never happened."""
    expired: int
    """Files of versions past their retention."""
    bytes: int


def vacuum(
    store: Store,
    retention: Callable[[Address], timedelta],
    now: datetime,
    *,
    dry_run: bool = False,
) -> list[Vacuumed]:
    """Delete orphans and expired files in the whole store.

    Args:
        store: The store.
        retention: How long the replaced versions of a port are kept.
        now: Aware UTC.
        dry_run: Only say what would be deleted.

    Returns:
        The places where something was found, in order.
    """
    found = [
        _table(store, uri, now, retention(address), dry_run=dry_run)
        for address in store.addresses(published=False)
        for uri in (store.table(address), store.quarantine(address))
    ]
    found += [_internal(store, folder, now, dry_run=dry_run) for folder in store.internals()]
    return [one for one in found if one.orphans or one.expired]


def _table(
    store: Store, uri: str, now: datetime, retention: timedelta, *, dry_run: bool
) -> Vacuumed:
    # In this order: what is listed and whose writer is dead can no longer be committed after it.
    present = {
        f"{DATA}/{file.name}": file for file in store.path(f"{uri}/{DATA}").glob("*.parquet")
    }
    dead = set(_dead_writers(store, uri, now))
    current = delta.snapshot(store, uri)
    removed_at = _removals(store, uri)
    active = {file.path for file in current.files} if current else set()
    expired = {path for path, at in removed_at.items() if at < now - retention} - active
    unknown = present.keys() - active - removed_at.keys()
    orphans = {
        path
        for path in unknown
        if path.removeprefix(f"{DATA}/").split("-")[0] in dead
        or _written_at(present[path], now) < now - LONGEST_RUN
    }
    doomed = [present[path] for path in sorted(orphans | (expired & present.keys()))]
    # A sidecar goes first, so that none is left without its file.
    beside = [file.with_name(name) for file in doomed for name in sidecars_of(file.name)]
    beside = [sidecar for sidecar in beside if sidecar.exists()]
    size = _delete([*beside, *doomed], dry_run=dry_run)
    if not dry_run:
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


def _removals(store: Store, uri: str) -> dict[str, datetime]:
    """Return every file that some version replaced, and when."""
    logs = [str(log) for log in store.path(f"{uri}/_delta_log").glob("*.json")]
    if not logs:
        return {}
    plan = pl.scan_ndjson(
        logs,
        schema=_REMOVES,
        ignore_errors=True,
        storage_options=dict(store.storage_options) or None,
    )
    removes = plan.select(pl.col("remove").struct.unnest()).drop_nulls("path")
    moment = pl.from_epoch("deletionTimestamp", time_unit="ms").dt.replace_time_zone("UTC")
    frame = removes.select("path", moment).collect()
    return dict(frame.iter_rows())


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
    return datetime.fromtimestamp(file.stat().st_mtime, now.tzinfo)


def _delete(files: list[UPath], *, dry_run: bool) -> int:
    size = sum(file.stat().st_size for file in files)
    if not dry_run:
        for file in files:
            file.unlink(missing_ok=True)
    return size


def _place(store: Store, uri: str) -> str:
    return uri.removeprefix(f"{store.root}/")
