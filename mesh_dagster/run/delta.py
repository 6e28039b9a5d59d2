"""Read snapshots of Delta tables and commit new versions to them.

In:  staged files, the schema of a contract, facts about the publication.
Out: snapshots (files, types, version) and commits that either happened whole or not at all.
A commit is tried at exactly one version; whoever loses the race reopens the table and decides
anew, so no update is lost. What may be committed is decided by `run/publish.py`.

Source:
    Delta transaction log protocol: commit files, application transactions, table schema.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

import polars as pl
from deltalake import CommitProperties, DeltaTable, Field, Schema, TableFeatures, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.schema import PrimitiveType
from deltalake.transaction import AddAction, RemoveAction, create_table_with_add_actions
from filelock import FileLock

from mesh_dagster.declare.storage import PARTITION_COLUMN, stored_type
from mesh_dagster.run.columns import delta_schema, named, promised, promised_schema
from mesh_dagster.run.store import WHOLE, Store

_LONGEST_WAIT_SECONDS = 60
_POLL_SECONDS = 0.005
RECORD_KEY = "mesh"
"""Under this key a commit carries the record of its publication."""
_CONFIGURATION = {
    # To open a table is to read all its commits since the last checkpoint.
    "delta.checkpointInterval": "10",
    # The history is the source of `mesh reindex` and of reads by version; `mesh vacuum` ends it.
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": "interval 36500 days",
}


class LostRaceError(Exception):
    """Another writer committed first; reopen the table and decide anew."""


class NotWrittenError(Exception):
    """The store did not take the commit; the table is what it was."""


@dataclass(frozen=True)
class DataFile:
    """One Parquet file of a table."""

    path: str
    """Relative to the table."""
    size_bytes: int
    rows: int
    slice: str
    """The partition it belongs to; `WHOLE` in a port without partitions."""


@dataclass(frozen=True)
class Snapshot:
    """One version of a Delta table."""

    uri: str
    version: int
    files: tuple[DataFile, ...]
    schema: dict[str, pl.DataType]
    """The promised types, in order."""
    storage_options: Mapping[str, str]
    partitioned: bool = False
    """Whether each commit replaces one partition."""
    record: Mapping[str, Any] = field(default_factory=dict, compare=False)  # Any: JSON
    """What its last publication says of itself."""

    @property
    def rows(self) -> int:
        """The rows of all files."""
        return sum(file.rows for file in self.files)

    @property
    def bytes(self) -> int:
        """The size of all files."""
        return sum(file.size_bytes for file in self.files)

    @property
    def urls(self) -> list[str]:
        """Where the files are read."""
        return [f"{self.uri}/{file.path}" for file in self.files]

    def of_slice(self, slice_: str, *, other: bool = False) -> "Snapshot":
        """Return the same version with the files of one slice only, or of all other slices."""
        files = tuple(file for file in self.files if (file.slice == slice_) != other)
        return replace(self, files=files)

    def plan(self) -> pl.LazyFrame:
        """Return the rows, typed as promised; reads nothing until it is collected."""
        if not self.files:
            return pl.LazyFrame(schema=self.schema)
        return scan(self.urls, self.schema, self.storage_options)


@dataclass(frozen=True)
class Change:
    """What one commit does: it replaces the files of one slice."""

    files: Sequence[DataFile]
    schema: Mapping[str, pl.DataType]
    """The promised types, in order."""
    slice: str
    """The partition to replace; `WHOLE` in a port without partitions."""
    record: Mapping[str, Any]  # Any: JSON
    """Carried by the commit; its `publication_id` tells it from all others."""


def scan(
    urls: Sequence[str], schema: Mapping[str, pl.DataType], storage_options: Mapping[str, str]
) -> pl.LazyFrame:
    """Read stored Parquet files as the promised types; columns added later are null."""
    plan = pl.scan_parquet(
        list(urls),
        schema={name: stored_type(dtype) for name, dtype in schema.items()},
        missing_columns="insert",
        extra_columns="ignore",
        cast_options=pl.ScanCastOptions(integer_cast="upcast", float_cast="upcast"),
        storage_options=dict(storage_options) or None,
        hive_partitioning=False,
        glob=False,
    )
    return plan.select(promised(named(name), dtype) for name, dtype in schema.items())


def snapshot(store: Store, uri: str, version: int | None = None) -> Snapshot | None:
    """Open a table at its newest version, or at a version that its history names.

    Returns:
        `None` when there is no table.
    """
    try:
        table = DeltaTable(uri, version=version, storage_options=dict(store.storage_options))
    except TableNotFoundError:
        return None
    return _snapshot(table, uri, store.storage_options)


def commit(store: Store, uri: str, base: Snapshot | None, change: Change) -> int:
    """Replace one slice of a table in one commit on top of `base`, and return the new version.

    Args:
        store: Where the table lies.
        uri: The table.
        base: The snapshot on which the decision to commit rests; `None` creates the table. Its
            `partitioned` agrees with the change's slice.
        change: What to commit.

    Raises:
        LostRaceError: The table is no longer at `base`; nothing was committed.
        NotWrittenError: The store did not take it; nothing was committed.
    """
    try:
        if base is None:
            return _create(store, uri, change)
        return _replace(store, base, change)
    except CommitFailedError as error:
        raise LostRaceError from error
    except (DeltaError, OSError) as error:
        # It may have failed after the commit, such as while it wrote a checkpoint.
        newest = snapshot(store, uri)
        if newest is None or (base is not None and newest.version == base.version):
            raise NotWrittenError from error
        since = newest.version - (base.version if base else -1)
        for made in history(store, uri, since):
            if made["publication_id"] == change.record["publication_id"]:
                return int(made["version"])
        raise LostRaceError from error


@contextmanager
def turn(store: Store, uri: str) -> Iterator[None]:
    """Queue with the other writers of a table.

    This only saves races, it decides none: where there are no locks, and after a minute of
    waiting, everyone races.
    """
    with ExitStack() as lock:
        if store.local:
            with suppress(OSError):
                place = store.path(store.turn(uri))
                place.parent.mkdir(parents=True, exist_ok=True)
                queue = FileLock(str(place), timeout=_LONGEST_WAIT_SECONDS)
                lock.enter_context(queue.acquire(poll_interval=_POLL_SECONDS))
        yield


def history(store: Store, uri: str, limit: int | None = None) -> Iterator[dict[str, Any]]:
    """Yield the record of every publication of a table, newest first, with its `version`."""
    try:
        table = DeltaTable(uri, storage_options=dict(store.storage_options))
    except TableNotFoundError:
        return
    for made in table.history(limit):
        if RECORD_KEY in made:
            yield entry_of(made, made["version"])


def entry_of(made: Mapping[str, Any], version: int) -> dict[str, Any]:
    """Return what a commit that made a publication says of it, as `history` does."""
    moment = datetime.fromtimestamp(made["timestamp"] / 1000, timezone.utc)
    return {**made[RECORD_KEY], "version": version, "published_at": moment}


def _create(store: Store, uri: str, change: Change) -> int:
    create_table_with_add_actions(
        uri,
        _fields(change),
        [_add_action(file) for file in change.files],
        partition_by=_partition_by(change.slice),
        configuration=_CONFIGURATION,
        storage_options=dict(store.storage_options),
        commit_properties=_properties(change, 0),
    )
    return 0


def _replace(store: Store, base: Snapshot, change: Change) -> int:
    options = dict(store.storage_options)
    table = DeltaTable(base.uri, version=base.version, storage_options=options)
    fields, slice_ = _fields(change), change.slice
    _allow_zoneless_times(table, fields)
    adds: list[AddAction | RemoveAction] = [_add_action(file) for file in change.files]
    table.create_write_transaction(
        adds,
        mode="overwrite",
        schema=fields,
        partition_by=_partition_by(slice_),
        partition_filters=[(PARTITION_COLUMN, "=", slice_)] if slice_ != WHOLE else None,
        commit_properties=_properties(change, table.transaction_version(slice_) or 0),
    )
    # At zero retries the commit lands right behind the version it was made on, or not at all.
    return table.version() + 1


def _fields(change: Change) -> Schema:
    own = [Field(name, PrimitiveType("string")) for name in _partition_by(change.slice)]
    return Schema([*delta_schema(change.schema).fields, *own])


def _partition_by(slice_: str) -> list[str]:
    return [PARTITION_COLUMN] if slice_ != WHOLE else []


def _snapshot(table: DeltaTable, uri: str, storage_options: Mapping[str, str]) -> Snapshot:
    fields = [field for field in table.schema().fields if field.name != PARTITION_COLUMN]
    schema = promised_schema(fields)
    actions = pl.DataFrame(table.get_add_actions(flatten=True))
    slices = f"partition.{PARTITION_COLUMN}"
    files = tuple(
        DataFile(row["path"], row["size_bytes"], row["num_records"] or 0, row.get(slices) or WHOLE)
        for row in actions.iter_rows(named=True)
    )
    partitioned = PARTITION_COLUMN in table.metadata().partition_columns
    records = (made[RECORD_KEY] for made in table.history(2) if RECORD_KEY in made)
    return Snapshot(
        uri, table.version(), files, schema, storage_options, partitioned, next(records, {})
    )


def _add_action(file: DataFile) -> AddAction:
    return AddAction(
        path=file.path,
        size=file.size_bytes,
        partition_values={PARTITION_COLUMN: file.slice} if file.slice != WHOLE else {},
        modification_time=int(time.time() * 1000),
        data_change=True,
        stats=json.dumps({"numRecords": file.rows}),
    )


def _properties(change: Change, last: int) -> CommitProperties:
    return CommitProperties(
        custom_metadata={RECORD_KEY: dict(change.record)},
        max_commit_retries=0,
        app_transactions=[Transaction(change.slice, last + 1)],
    )


def _allow_zoneless_times(table: DeltaTable, fields: Schema) -> None:
    # delta-rs writes the commit before it notices that the table lacks the feature.
    supported = table.protocol().reader_features or []
    if '"timestamp_ntz"' in fields.to_json() and "timestampNtz" not in supported:
        table.alter.add_feature(
            TableFeatures.TimestampWithoutTimezone,
            allow_protocol_versions_increase=True,
            commit_properties=CommitProperties(max_commit_retries=0),
        )
        raise LostRaceError  # against this very change: the decision rests on the version before
