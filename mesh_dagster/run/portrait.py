"""Gather everything that the registry knows of one port.

In:  the registry, an address.
Out: a `Portrait`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mesh_dagster.declare.address import Address
from mesh_dagster.declare.lifecycle import Deprecated
from mesh_dagster.declare.written import WrittenColumn
from mesh_dagster.run.consumers import deprecations_of, offered
from mesh_dagster.run.failures import Failure, standing_failures
from mesh_dagster.run.overview import PortStatus
from mesh_dagster.run.registry import Publication, Refusal, Registry
from mesh_dagster.run.retired import Retired
from mesh_dagster.run.retirements import retirements_in
from mesh_dagster.run.retiring import known_port
from mesh_dagster.run.stated import Stated, stated_of

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
    failures: Sequence[Failure]
    """The crashes of slices that have not been published since, newest first."""
    withdrawn_at: datetime | None
    """Aware UTC; since when nobody declares the port any more."""
    read_by: Sequence[str]
    """The products that declare it as an input, and are offered themselves."""
    relied_on: Sequence[Mapping[str, Any]]  # Any: JSON
    """What consumers rely on: `consumer`, `owner`, `input`, `columns` and `rules`."""
    made_from: Mapping[str, int | None]
    """The ports that its product declares or that it was read from, in order, with the version."""
    deprecated_inputs: Mapping[str, Deprecated]
    """Those of them that are deprecated."""
    retired: Retired | None = None
    """How it ended; `None` while it lives."""


def portrait(registry: Registry, address: Address) -> Portrait:
    """Describe a port.

    Raises:
        NotPublishedError: The registry knows no such port.
    """
    text = str(address)
    status = known_port(registry, address)
    declared = next(iter(registry.ports(text)), None)
    products = registry.products()
    own = (p for p in products if (p["key"], p["major"]) == (address.key, address.major))
    product = next(own, {}).get("declaration") if declared else None
    publications = registry.publications(text, _NEWEST)
    living = offered(registry)
    versions = dict(publications[0].inputs) if publications else {}
    read = sorted({*(product or {}).get("inputs", {}).values(), *versions})
    return Portrait(
        status=status,
        description=declared["description"] if declared else None,
        declaration=declared["declaration"] if declared else None,
        product=product,
        publications=publications,
        refusals=registry.refusals(text, _NEWEST),
        failures=standing_failures(registry, [text])[:_NEWEST],
        withdrawn_at=declared["withdrawn_at"] if declared else None,
        read_by=[
            f"{p['key']} {p['version']}"
            for p in products
            if text in p["declaration"]["inputs"].values() and (p["key"], p["major"]) in living
        ],
        relied_on=[_relied_on(stated) for stated in stated_of(registry, text)],
        made_from={address: versions.get(address) for address in read},
        deprecated_inputs=deprecations_of(registry, read),
        retired=retirements_in(registry).get(text),
    )


def _relied_on(stated: Stated) -> dict[str, Any]:  # Any: JSON
    expected = stated.expected
    keys = [f"({', '.join(key)}) unique" for key in expected.keys]
    return {
        "consumer": stated.consumer,
        "owner": stated.owner,
        "input": stated.input,
        "columns": {column.name: _demands(column) for column in expected.columns},
        "rules": keys + [rule.text for rule in expected.rules],
    }


def _demands(column: WrittenColumn) -> list[str]:
    rules = [rule.text.removeprefix(f"{column.name} ") for rule in column.rules]
    flags = {"not null": not column.nullable, "unique": column.unique}
    dtype = [] if column.dtype is None else [str(column.dtype)]
    return [*dtype, *(text for text, stands in flags.items() if stands), *rules]
