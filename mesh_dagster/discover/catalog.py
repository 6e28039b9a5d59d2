"""Tell everything that is known of one product.

In:  the registry, the store for samples, a clock reading.
Out: a `ProductEntry`, by a constant number of SQL statements; `headlines.py` lists all products.
Products register themselves: when a port is published, and when the sensor of their code location
first sees a changed declaration.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from mesh_dagster.declare.address import Address
from mesh_dagster.declare.lifecycle import Deprecated, state_of
from mesh_dagster.discover.changes import all_changes
from mesh_dagster.discover.consumers import consumers
from mesh_dagster.discover.contracts import contract_entry, without_values
from mesh_dagster.discover.entries import (
    Consumer,
    PortEntry,
    ProductEntry,
    Reading,
    Upstream,
)
from mesh_dagster.discover.samples import sample_entry
from mesh_dagster.errors import UnknownProductError
from mesh_dagster.observe.judgement import statuses
from mesh_dagster.observe.ledger import METADATA as LEDGER
from mesh_dagster.observe.ledger import watches
from mesh_dagster.observe.status import SloStatus
from mesh_dagster.run.consumers import deprecations_of
from mesh_dagster.run.dialects import UtcDateTime
from mesh_dagster.run.failures import Failure, standing_failures
from mesh_dagster.run.registry import (
    Publication,
    Refusal,
    Registry,
    ports,
    products,
    publications,
    refusals,
)
from mesh_dagster.run.retired import Retired
from mesh_dagster.run.retirements import retirements_in
from mesh_dagster.run.select import view_name
from mesh_dagster.run.store import Store

NEWEST = 20
"""So many publications and refusals of each port are listed."""
Row = Mapping[str, Any]  # Any: one row of a table


def product(
    registry: Registry, store: Store, key: str, now: datetime, *, major: int | None = None
) -> ProductEntry:
    """Describe a product.

    Args:
        registry: What was declared, published, judged and read.
        store: Where its samples lie.
        key: Such as `media_player/plays`.
        now: Aware UTC, at which its promises are judged.
        major: The major version; the highest by default.

    Raises:
        UnknownProductError: The registry knows no such product.
    """
    versions = registry.rows(sa.select(products).where(products.c.key == key))
    by_major = {row["major"]: row for row in versions}
    wanted = max(by_major, default=None) if major is None else major
    if wanted not in by_major:
        raise UnknownProductError(key, major, sorted(by_major), _keys(registry))
    row, prefix = by_major[wanted], f"mesh://{key}/v{wanted}/"
    query = sa.select(ports).where(ports.c.product_key == key).order_by(ports.c.address)
    its_ports = [port for port in registry.rows(query) if port["address"].startswith(prefix)]
    addresses = [port["address"] for port in its_ports]
    known = _Known.of(registry, addresses, now)
    found = tuple(_port(port, known, store) for port in its_ports)
    origin = row["declaration"].get("origin") or {}
    domain, _, name = key.partition("/")
    return ProductEntry(
        key=key,
        major=row["major"],
        majors=tuple(sorted(by_major)),
        domain=domain,
        name=name,
        guid=row["guid"],
        version=row["version"],
        owner=row["owner"],
        alignment=row["alignment"],
        purpose=row["purpose"],
        tags=row["declaration"].get("tags", {}),
        module=origin.get("module"),
        file=origin.get("file"),
        location=_location(registry, addresses),
        retention_seconds=row["declaration"].get("retention_seconds"),
        registered_at=row["registered_at"],
        first_published_at=known.first_published_at,
        reads_from=tuple(_upstreams(registry, row, found)),
        read_by=tuple(one for port in found for one in port.consumers),
        ports=found,
    )


def reading(address: str) -> Reading:
    """Say how to read a port."""
    view = view_name(Address.parse(address))
    return Reading(
        python=f'md.read("{address}")',
        duckdb=f'md.relation("{address}")',
        sql=f'mesh sql "SELECT * FROM {view}"',  # noqa: S608 - shown, not run
        command=f"mesh read {address}",
        view=view,
    )


@dataclass(frozen=True)
class _Known:
    """What the registry knows of the ports of one product, by address."""

    promises: Mapping[str, Sequence[SloStatus]]
    publications: Mapping[str, Sequence[Publication]]
    refusals: Mapping[str, Sequence[Refusal]]
    failures: Mapping[str, Sequence[Failure]]
    changes: Mapping[str, Any]  # Any: as `all_changes` returns them
    consumers: Mapping[str, Sequence[Consumer]]
    first_published_at: datetime | None
    retired: Mapping[str, Retired]

    @classmethod
    def of(cls, registry: Registry, addresses: Sequence[str], now: datetime) -> "_Known":
        made = publications.c.address.in_(addresses)
        first = sa.select(sa.func.min(publications.c.published_at, type_=UtcDateTime)).where(made)
        with registry.begin() as connection:
            first_published_at = connection.scalar(first)
        published = _newest(registry, publications, publications.c.version, addresses)
        refused = _newest(registry, refusals, refusals.c.refused_at, addresses)
        return cls(
            promises=_by_address(statuses(registry, now, only=addresses)),
            publications=_by_address([Publication(**row) for row in published]),
            refusals=_by_address([Refusal(**row) for row in refused]),
            failures=_by_address(standing_failures(registry, addresses)),
            changes=all_changes(registry, addresses),
            consumers=_by_address(consumers(registry, addresses)),
            first_published_at=first_published_at,
            retired=retirements_in(registry),
        )


def _port(row: Row, known: _Known, store: Store) -> PortEntry:
    address, declared = row["address"], row["declaration"]
    contract, state = contract_entry(declared["contract"]), state_of(declared.get("state"))
    made = tuple(without_values(contract, one) for one in known.publications.get(address, ()))
    return PortEntry(
        address=address,
        name=address.rpartition("/")[2],
        description=row["description"],
        version=declared["version"],
        registered_at=row["registered_at"],
        state=row["state"] or "active",
        deprecated=state if isinstance(state, Deprecated) else None,
        retired=known.retired.get(address),
        withdrawn_at=row["withdrawn_at"],
        contract=contract,
        freshness=declared["freshness"],
        quality=declared["quality"],
        cadence=declared["cadence"],
        partition_columns=declared["partition_columns"],
        promises=tuple(known.promises.get(address, ())),
        publications=made,
        refusals=tuple(known.refusals.get(address, ())),
        failures=tuple(known.failures.get(address, ())[:NEWEST]),
        changes=known.changes.get(address, ()),
        consumers=tuple(known.consumers.get(address, ())),
        sample=sample_entry(store, contract, made[0]) if made else None,
        reading=reading(address),
    )


def _newest(
    registry: Registry,
    table: sa.Table,
    order: sa.ColumnElement[Any],  # Any: a number or a time
    addresses: Sequence[str],
) -> Sequence[Row]:
    """Return the newest rows of each address, newest first, in one statement."""
    place = sa.func.row_number().over(partition_by=table.c.address, order_by=order.desc())
    numbered = sa.select(table, place.label("place")).where(table.c.address.in_(addresses))
    ranked = numbered.subquery("ranked")
    wanted = [ranked.c[column.name] for column in table.c]
    query = sa.select(*wanted).where(ranked.c.place <= NEWEST)
    return registry.rows(query.order_by(ranked.c.address, ranked.c.place))


def _by_address(rows: Sequence[Any]) -> dict[str, list[Any]]:  # Any: each has an address
    found: dict[str, list[Any]] = {}
    for row in rows:
        found.setdefault(row.address, []).append(row)
    return found


def _upstreams(registry: Registry, row: Row, found: Sequence[PortEntry]) -> Iterator[Upstream]:
    inputs: Mapping[str, str] = row["declaration"].get("inputs", {})
    keys = {Address.parse(address).key for address in inputs.values()}
    query = sa.select(products.c.key, products.c.major, products.c.owner)
    known = registry.rows(query.where(products.c.key.in_(keys)))
    owners = {(one["key"], one["major"]): one["owner"] for one in known}
    leaving = deprecations_of(registry, inputs.values())
    versions: dict[str, int] = {}
    for port in found:
        versions |= dict(port.current.inputs) if port.current else {}
    for name, address in sorted(inputs.items()):
        parsed = Address.parse(address)
        owner = owners.get((parsed.key, parsed.major))
        yield Upstream(name, address, owner, versions.get(address), leaving.get(address))


def _location(registry: Registry, addresses: Sequence[str]) -> str | None:
    registry.make(LEDGER)
    query = sa.select(watches.c.location).where(watches.c.address.in_(addresses))
    found = {row["location"] for row in registry.rows(query)}
    return min(found) if found else None


def _keys(registry: Registry) -> list[str]:
    return [row["key"] for row in registry.rows(sa.select(products.c.key).distinct())]
