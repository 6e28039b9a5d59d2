"""Read snapshots of Delta tables and commit new versions to them.

In:  staged files, the schema of a contract, facts about the publication.
Out: snapshots (files, types, version) and commits that either happened whole or not at all.
A commit is tried at exactly one version; whoever loses the race reopens the table and decides
anew, so no update is lost. What may be committed is decided by `run/publish.py`.

Source:
    Delta transaction log protocol: commit files, application transactions, table schema.
"""

import base64
import io
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import polars as pl
from deltalake import CommitProperties, DeltaTable, Field, Schema, TableFeatures, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, create_table_with_add_actions

from mesh_dagster.declare.storage import PARTITION_COLUMN, stored_type
from mesh_dagster.run.store import WHOLE, Store

RECORD_KEY = "mesh"
"""Under this key a commit carries the record of its publication."""
_TYPE_KEY = "mesh_dagster.type"
_CONFIGURATION = {
    # The history is the source of `mesh reindex` and of reads by version; `mesh vacuum` ends it.
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": "interval 36500 days",
}


class LostRaceError(Exception):
    """Another writer committed first; reopen the table and decide anew."""


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

    @property
    def rows(self) -> int:
        """The rows of all files."""
        return sum(file.rows for file in self.files)

    @property
    def urls(self) -> list[str]:
        """Where the files are read."""
        return [f"{self.uri}/{file.path}" for file in self.files]

    def of_slice(self, slice_: str, *, other: bool = False) -> "Snapshot":
        """Return the same version with the files of one slice only, or of all other slices."""
        files = tuple(file for file in self.files if (file.slice == slice_) != other)
        return Snapshot(self.uri, self.version, files, self.schema, self.storage_options)

    def plan(self) -> pl.LazyFrame:
        """Return the rows, typed as promised; reads nothing until it is collected."""
        if not self.files:
            return pl.LazyFrame(schema=self.schema)
        return scan(self.urls, self.schema, self.storage_options)


def scan(
    urls: Sequence[str], schema: Mapping[str, pl.DataType], storage_options: Mapping[str, str]
) -> pl.LazyFrame:
    """Read stored Parquet files as the promised types; columns added later are null."""
    stored = {name: stored_type(dtype) for name, dtype in schema.items()}
    plan = pl.scan_parquet(
        list(urls),
        schema=stored,
        missing_columns="insert",
        extra_columns="ignore",
        cast_options=pl.ScanCastOptions(integer_cast="upcast", float_cast="upcast"),
        storage_options=dict(storage_options) or None,
        hive_partitioning=False,
        glob=False,
    )
    return plan.select(
        pl.col(name) if stored[name] == dtype else promised(pl.col(name), dtype)
        for name, dtype in schema.items()
    )


def promised(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Turn a stored column back into its promised type."""
    if isinstance(dtype, pl.Datetime) and dtype.time_zone:
        return column.dt.cast_time_unit(dtype.time_unit).dt.convert_time_zone(dtype.time_zone)
    return column.cast(dtype)


def stored(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Turn a column of a promised type into the type under which it is stored."""
    kept = stored_type(dtype)
    if isinstance(dtype, pl.Datetime) and dtype.time_zone:
        return column.dt.convert_time_zone("UTC").dt.cast_time_unit("us")
    return column if kept == dtype else column.cast(kept)


def snapshot(
    store: Store, uri: str, version: int | None = None
) -> Snapshot | None:
    """Open a table at its newest version, or at a version that its history names.

    Returns:
        `None` when there is no table.
    """
    try:
        table = DeltaTable(uri, version=version, storage_options=dict(store.storage_options))
    except TableNotFoundError:
        return None
    return _snapshot(table, uri, store.storage_options)


def commit(
    store: Store,
    uri: str,
    base: Snapshot | None,
    files: Sequence[DataFile],
    schema: Mapping[str, pl.DataType],
    slice_: str,
    record: Mapping[str, Any],  # Any: JSON
    *,
    append: bool = False,
) -> int:
    """Replace one slice of a table in one commit on top of `base`, and return the new version.

    Args:
        base: The snapshot on which the decision to commit rests; `None` creates the table.
        append: Add the files and replace nothing.

    Raises:
        LostRaceError: The table is no longer at `base`; nothing was committed.
    """
    fields = delta_schema(schema)
    partition_by = [PARTITION_COLUMN] if slice_ != WHOLE else []
    if partition_by:
        fields = Schema([*fields.fields, Field(PARTITION_COLUMN, "string")])
    options = dict(store.storage_options)
    adds = [_add_action(file) for file in files]
    try:
        if base is None:
            create_table_with_add_actions(
                uri,
                fields,
                adds,
                partition_by=partition_by,
                configuration=_CONFIGURATION,
                storage_options=options,
                commit_properties=_properties(record, slice_, 0),
            )
            return 0
        table = DeltaTable(uri, version=base.version, storage_options=options)
        _allow_zoneless_times(table, fields)
        table.create_write_transaction(
            adds,  # type: ignore[arg-type]  # list is invariant
            mode="append" if append else "overwrite",
            schema=fields,
            partition_by=partition_by,
            partition_filters=[(PARTITION_COLUMN, "=", slice_)] if partition_by else None,
            commit_properties=_properties(record, slice_, table.transaction_version(slice_) or 0),
        )
    except CommitFailedError as error:
        raise LostRaceError from error
    except DeltaError as error:
        if base is None and snapshot(store, uri) is not None:
            raise LostRaceError from error
        raise
    # At zero retries the commit lands right behind the version it was made on, or not at all.
    return table.version() + 1


def history(store: Store, uri: str, limit: int | None = None) -> Iterator[dict[str, Any]]:
    """Yield the record of every publication of a table, newest first, with its `version`."""
    try:
        table = DeltaTable(uri, storage_options=dict(store.storage_options))
    except TableNotFoundError:
        return
    for entry in table.history(limit):
        if RECORD_KEY in entry:
            moment = datetime.fromtimestamp(entry["timestamp"] / 1000, timezone.utc)
            yield {**entry[RECORD_KEY], "version": entry["version"], "published_at": moment}


def delta_schema(schema: Mapping[str, pl.DataType]) -> Schema:
    """Write promised types as a Delta schema; a type that Delta lacks stands in the metadata."""
    kept = {name: stored_type(dtype) for name, dtype in schema.items()}
    plain = Schema.from_arrow(pl.DataFrame(schema=kept).to_arrow().schema)
    return Schema(
        [
            field
            if kept[field.name] == schema[field.name]
            else Field(
                field.name, field.type, True, {_TYPE_KEY: _encoded(schema[field.name])}
            )
            for field in plain.fields
        ]
    )


def _snapshot(table: DeltaTable, uri: str, storage_options: Mapping[str, str]) -> Snapshot:
    fields = [field for field in table.schema().fields if field.name != PARTITION_COLUMN]
    plain = pl.Schema(Schema(fields))
    schema = {
        field.name: _decoded(field.metadata[_TYPE_KEY])
        if _TYPE_KEY in field.metadata
        else plain[field.name]
        for field in fields
    }
    actions = pl.DataFrame(table.get_add_actions(flatten=True))
    slices = f"partition.{PARTITION_COLUMN}"
    files = tuple(
        DataFile(row["path"], row["size_bytes"], row["num_records"] or 0, row.get(slices) or WHOLE)
        for row in actions.iter_rows(named=True)
    )
    return Snapshot(uri, table.version(), files, schema, storage_options)


def _add_action(file: DataFile) -> AddAction:
    return AddAction(
        path=file.path,
        size=file.size_bytes,
        partition_values={PARTITION_COLUMN: file.slice} if file.slice != WHOLE else {},
        modification_time=int(time.time() * 1000),
        data_change=True,
        stats=json.dumps({"numRecords": file.rows}),
    )


def _properties(record: Mapping[str, Any], slice_: str, last: int) -> CommitProperties:
    return CommitProperties(
        custom_metadata={RECORD_KEY: dict(record)},
        max_commit_retries=0,
        app_transactions=[Transaction(slice_, last + 1)],
    )


def _allow_zoneless_times(table: DeltaTable, fields: Schema) -> None:
    # delta-rs writes the commit before it notices that the table lacks the feature.
    supported = table.protocol().reader_features or []
    if '"timestamp_ntz"' in fields.to_json() and "timestampNtz" not in supported:
        table.alter.add_feature(
            TableFeatures.TimestampWithoutTimezone, allow_protocol_versions_increase=True
        )


def _encoded(dtype: pl.DataType) -> str:
    buffer = io.BytesIO()
    pl.DataFrame(schema={"type": dtype}).write_ipc(buffer)
    return base64.b64encode(buffer.getvalue()).decode()


def _decoded(text: str) -> pl.DataType:
    return pl.read_ipc(io.BytesIO(base64.b64decode(text))).schema["type"]
