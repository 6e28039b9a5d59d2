"""Gather everything that the registry knows of one port.

In:  the registry, an address.
Out: a `Portrait`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mesh_dagster.declare.address import Address
from mesh_dagster.errors import NotPublishedError
from mesh_dagster.run.overview import PortStatus, overview
from mesh_dagster.run.registry import Publication, Refusal, Registry

_NEWEST = 5
Declaration = Mapping[str, Any]  # Any: JSON, as `run/declared.py` writes it


@dataclass(frozen=True)
class Portrait:
    """What is known of one port."""

    status: PortStatus
    description: str | None
    declaration: Declaration | None
    """The port's, as `run/declared.py` writes it; `None` where it is not declared."""
    product: Declaration | None
    """The product's, likewise."""
    publications: Sequence[Publication]
    """The newest ones, newest first."""
    refusals: Sequence[Refusal]
    """Likewise."""
    read_by: Sequence[str]
    """The products that declare it as an input."""


def portrait(registry: Registry, address: Address) -> Portrait:
    """Describe a port.

    Raises:
        NotPublishedError: The registry knows no such port.
    """
    text = str(address)
    ports = {status.address: status for status in overview(registry)}
    if text not in ports:
        raise NotPublishedError(text, ports)
    declared = next(iter(registry.ports(text)), None)
    products = registry.products()
    own = (p for p in products if (p["key"], p["major"]) == (address.key, address.major))
    return Portrait(
        status=ports[text],
        description=declared["description"] if declared else None,
        declaration=declared["declaration"] if declared else None,
        product=next(own, {}).get("declaration") if declared else None,
        publications=registry.publications(text, _NEWEST),
        refusals=registry.refusals(text, _NEWEST),
        read_by=[
            f"{p['key']} {p['version']}"
            for p in products
            if text in p["declaration"]["inputs"].values()
        ],
    )
