"""Say who reads a port, and what a reader of ports has to expect of them.

In:  the registry, a clock reading.
Out: the registered products that declare a port as an input; the states of ports.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from mesh_dagster.declare.address import Address
from mesh_dagster.declare.lifecycle import Deprecated, State, state_of
from mesh_dagster.run.history import among, declarations
from mesh_dagster.run.registry import Registry, ports


@dataclass(frozen=True)
class Consumer:
    """A product that reads a port."""

    product: str
    """Its key and major version, such as `payments/royalties v2`."""
    owner: str
    ports: tuple[str, ...]
    """The addresses of its own ports, in order."""


def consumers(registry: Registry, now: datetime) -> Mapping[str, Sequence[Consumer]]:
    """Return who reads each port; a product whose ports are all withdrawn reads nothing."""
    reading: defaultdict[str, defaultdict[tuple[str, str], list[str]]]
    reading = defaultdict(lambda: defaultdict(list))
    for row in declarations(registry, now):
        product = f"{row.product_key} {row.address.split('/')[-2]}"
        for read in set(row.inputs.values()):
            reading[read][product, row.owner].append(row.address)
    return {
        read: [Consumer(*who, tuple(its_ports)) for who, its_ports in sorted(found.items())]
        for read, found in reading.items()
    }


def declared_ports(registry: Registry, keys: Collection[str] | None = None) -> set[str]:
    """Return the address of every port that somebody declares; of all products by default.

    Those of other products may be among them.
    """
    query = sa.select(ports.c.address).where(ports.c.withdrawn_at.is_(None))
    query = query.where(among(ports.c.product_key, keys))
    return {row["address"] for row in registry.rows(query)}


def offered(registry: Registry, keys: Collection[str] | None = None) -> set[tuple[str, int]]:
    """Return key and major version of products with a port that somebody declares; all by default.

    Some of other products may be among them.
    """
    addresses = map(Address.parse, declared_ports(registry, keys))
    return {(address.key, address.major) for address in addresses}


def states_of(registry: Registry, addresses: Collection[str]) -> dict[str, State]:
    """Return the state of each of these ports that is not active, as it is declared now."""
    return _states(registry, ports.c.state != "active", addresses)


def deprecations_of(
    registry: Registry, addresses: Collection[str] | None = None
) -> dict[str, Deprecated]:
    """Return which of these ports are deprecated now, by address; of all ports by default.

    What nobody declares any more, retired ports among it, is left out.
    """
    leaving = (ports.c.state == "deprecated") & ports.c.withdrawn_at.is_(None)
    found = _states(registry, leaving, addresses).items()
    return {address: state for address, state in found if isinstance(state, Deprecated)}


def _states(
    registry: Registry, which: sa.ColumnElement[bool], addresses: Collection[str] | None
) -> dict[str, State]:
    query = sa.select(ports.c.address, ports.c.declaration["state"].label("state"))
    query = query.where(which, among(ports.c.address, addresses)).order_by(ports.c.address)
    return {
        row["address"]: state_of(row["state"])
        for row in registry.rows(query)
        if addresses is None or row["address"] in addresses
    }
