"""Say who reads a port, and what a reader of ports has to expect of them.

In:  the registry, a clock reading.
Out: the registered products that declare a port as an input; the states of ports.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mesh_dagster.declare.lifecycle import State, state_of
from mesh_dagster.run.history import declarations
from mesh_dagster.run.registry import Registry


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


def states_of(registry: Registry, addresses: Iterable[str]) -> dict[str, State]:
    """Return the state of each of these ports that is not active, as it is declared now."""
    found: dict[str, State] = {}
    for address in sorted(addresses):
        for row in registry.ports(address):
            state = state_of(row["declaration"].get("state"))
            if state != "active":
                found[address] = state
    return found
