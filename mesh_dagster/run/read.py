"""Turn an address into a frame: the newest publication, one by number, or one as of a time.

In:  the text of an address.
Out: a lazy frame or a DuckDB relation with the promised columns and types.
Only whole publications that passed their audit can be met here.
"""

import warnings
from bisect import bisect_left
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import polars as pl

from mesh_dagster.declare.address import Reference
from mesh_dagster.declare.lifecycle import Deprecated, state_of, state_text
from mesh_dagster.declare.storage import RULES_COLUMN
from mesh_dagster.errors import DeprecatedPortWarning, NotPublishedError, UnknownVersionError
from mesh_dagster.run import delta, frames
from mesh_dagster.run.count import Read, Way, count, who_reads, why_read
from mesh_dagster.run.lookup import declared_state
from mesh_dagster.run.rejected import Rejected
from mesh_dagster.run.retired import require_readable
from mesh_dagster.run.store import Store

if TYPE_CHECKING:
    import duckdb

    from mesh_dagster.declare.contract import PanderaContract


def read(
    address: str,
    *,
    store: Store | None = None,
    purpose: str | None = None,
    expects: "PanderaContract | None" = None,
) -> pl.LazyFrame:
    """Read a port by its address.

    The registry, where there is one, counts who reads what: MESH_READER, else the user.

    Args:
        address: Such as `mesh://media_player/plays/v1/events`, with `?version=12`,
            `?as_of=2026-11-01T00:00:00Z` or `?quarantine` where wanted.
        store: The store to read; the one of MESH_ROOT by default.
        purpose: What it is read for, shown to the port's owner; MESH_PURPOSE by default.
        expects: What is relied on, a `pandera.polars` model or schema. Its columns alone are
            returned, after an audit that happens at once.

    Returns:
        The port's columns and types as its contract promises them, in no promised order of rows.
        `?quarantine` adds `mesh_rules`, the list of the rules that a row broke.

    Raises:
        AddressRefusedError: The text is no address.
        NotPublishedError: Nothing was published there.
        UnknownVersionError: There is no such publication, or it is no longer kept.
        ExpectationBrokenError: The publication does not keep what is expected.
        RetiredError: The port is retired. Its publications can still be read by their numbers
            until they are past their retention.

    Warns:
        DeprecatedPortWarning: The port is deprecated, as it is declared now; where the registry
            cannot tell at once, as it was when what is read was published.
    """
    if expects is None:
        return _resolved(address, store, purpose).plan()
    from mesh_dagster.declare.expectation import expectation_of  # noqa: PLC0415 - needs pandera
    from mesh_dagster.run.take import take  # noqa: PLC0415 - likewise

    port = str(Reference.parse(address).address)
    expected = expectation_of(port, expects)
    content = _resolved(address, store, purpose, expected.schema.columns)
    return take(content, expected, port, "This reader", "Nothing was read").plan()


def relation(
    address: str,
    connection: "duckdb.DuckDBPyConnection | None" = None,
    *,
    store: Store | None = None,
    purpose: str | None = None,
) -> "duckdb.DuckDBPyRelation":
    """Read a port by its address as a DuckDB relation; otherwise as `read`.

    Args:
        address: As for `read`.
        connection: Where the relation lives; a new connection in memory by default.
        store: As for `read`.
        purpose: As for `read`.
    """
    content = _resolved(address, store, purpose)
    return frames.relation(content, connection or connect())


def connect() -> "duckdb.DuckDBPyConnection":
    """Open a DuckDB connection in memory that reads times as UTC and fetches nothing."""
    import duckdb  # noqa: PLC0415 - most readers never need it

    connection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def counted(
    reference: Reference,
    store: Store,
    way: Way,
    purpose: str | None = None,
    columns: Iterable[str] | None = None,
) -> delta.Snapshot:
    """Find the snapshot that a reference means, and count it as read; raises as `read` does."""
    content = resolve(reference, store)
    if not reference.quarantine:
        count(store.registry_url, read_of(reference, content, way, purpose, columns))
    return content


def read_of(
    reference: Reference,
    content: delta.Snapshot,
    way: Way,
    purpose: str | None = None,
    columns: Iterable[str] | None = None,
) -> Read:
    """Describe a read of this process."""
    return Read(
        str(reference.address),
        content.version,
        way,
        datetime.now(timezone.utc),
        who_reads(),
        why_read() if purpose is None else purpose,
        None if columns is None else tuple(sorted(columns)),
    )


def _resolved(
    address: str,
    store: Store | None,
    purpose: str | None,
    columns: Iterable[str] | None = None,
) -> delta.Snapshot:
    """Count a read of this process, and warn its caller of a deprecated port."""
    reference, store = Reference.parse(address), store or Store.at()
    content = counted(reference, store, "python", purpose, columns)
    told = deprecation(reference, content, store)
    if told:
        warnings.warn(told, DeprecatedPortWarning, stacklevel=3)
    return content


def deprecation(reference: Reference, content: delta.Snapshot, store: Store) -> str | None:
    """Say that a port is deprecated now; where the registry cannot tell, when it was published."""
    declared = declared_state(store.registry_url, str(reference.address))
    state = declared or state_of(content.record.get("state"))
    if not isinstance(state, Deprecated):
        return None
    return f"'{reference.address}' is {state_text(state)}."


def resolve(reference: Reference, store: Store) -> delta.Snapshot:
    """Find the snapshot that a reference means; raises as `read` does."""
    if reference.version is None:
        require_readable(store, reference.address)
    if reference.quarantine:
        rejected = delta.snapshot(store, store.quarantine(reference.address))
        return Rejected.of(rejected) if rejected else _empty_quarantine(reference, store)
    uri = store.table(reference.address)
    if reference.version is not None or reference.as_of is not None:
        return _earlier(reference, store, uri)
    newest = delta.snapshot(store, uri)
    if newest is None:
        raise NotPublishedError(str(reference.address), map(str, store.addresses()), store.root)
    return newest


def _earlier(reference: Reference, store: Store, uri: str) -> delta.Snapshot:
    made = {entry["version"]: entry["published_at"] for entry in delta.history(store, uri)}
    if not made:
        raise NotPublishedError(str(reference.address), map(str, store.addresses()), store.root)
    version = (
        reference.version
        if reference.as_of is None
        else max((v for v, at in made.items() if at <= reference.as_of), default=None)
    )
    found = None if version is None or version not in made else _kept(store, uri, version)
    if found is None:
        require_readable(store, reference.address)
        versions = sorted(made)
        first = bisect_left(versions, 1, key=lambda one: _kept(store, uri, one) is not None)
        raise _unknown(reference, {one: made[one] for one in versions[first:] or versions[-1:]})
    return found


def _kept(store: Store, uri: str, version: int) -> delta.Snapshot | None:
    """Return a version whose files were not vacuumed; those of the oldest go first."""
    found = delta.snapshot(store, uri, version)
    return found if found and all(store.path(url).exists() for url in found.urls) else None


def _unknown(reference: Reference, made: dict[int, datetime]) -> UnknownVersionError:
    first, last = min(made), max(made)
    if reference.as_of is not None:
        return UnknownVersionError(
            str(reference.address),
            f"of {_written(reference.as_of)} or before",
            f"those of {_written(made[first])}",
            _written(made[last]),
        )
    return UnknownVersionError(
        str(reference.address), f"with version {reference.version}", f"versions {first}", str(last)
    )


def _written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _empty_quarantine(reference: Reference, store: Store) -> delta.Snapshot:
    published = resolve(Reference(reference.address), store)
    schema = {**published.schema, RULES_COLUMN: pl.List(pl.String)}
    return delta.Snapshot(published.uri, -1, (), schema, store.storage_options)
