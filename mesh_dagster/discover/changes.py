"""Say how the promises of a port changed over time.

In:  its registered declarations, the oldest first.
Out: one `Change` for each, with what differs from the one before, in words.
What differs, and how it is said, is known to `govern/`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from mesh_dagster.declare.notation import NotWritableError
from mesh_dagster.govern.declared import DeclaredPort
from mesh_dagster.run.registering import declarations, make
from mesh_dagster.run.registry import Registry, publications

Json = Any  # Any: JSON


@dataclass(frozen=True)
class Change:
    """What a port promised from a moment on."""

    declared_at: datetime
    version: str
    """The product's."""
    contract_digest: str
    first_version: int | None
    """The first publication since then; `None` where there is none."""
    differences: tuple[str, ...]
    """What differs from before; empty for the first declaration."""


def changes(registry: Registry, address: str) -> tuple[Change, ...]:
    """Return how one port changed, newest first; nothing for a port that is not registered."""
    return all_changes(registry, [address]).get(address, ())


def all_changes(registry: Registry, addresses: Sequence[str]) -> dict[str, tuple[Change, ...]]:
    """Return how ports changed, newest first, by address."""
    make(registry)
    first = (
        sa.select(sa.func.min(publications.c.version))
        .where(publications.c.address == declarations.c.address)
        .where(publications.c.published_at >= declarations.c.declared_at)
        .scalar_subquery()
    )
    query = (
        sa.select(declarations, first.label("first_version"))
        .where(declarations.c.address.in_(addresses))
        .order_by(declarations.c.declared_at)
    )
    past: dict[str, list[Mapping[str, Any]]] = {}  # Any: rows
    for row in registry.rows(query):
        past.setdefault(row["address"], []).append(row)
    return {address: tuple(_changes(rows)) for address, rows in past.items()}


def _changes(rows: Sequence[Mapping[str, Any]]) -> Iterator[Change]:  # Any: rows
    for number in range(len(rows) - 1, -1, -1):
        now = rows[number]
        found = tuple(_differences(rows[number - 1], now)) if number else ()
        if found or not number:
            digest = (now["declaration"].get("contract") or {}).get("digest", "")
            first, version = now["first_version"], now["product"]["version"]
            yield Change(now["declared_at"], version, digest, first, found)


def _differences(before: Mapping[str, Json], after: Mapping[str, Json]) -> Iterator[str]:
    # Comparing rules needs pandera, which takes longer than all that a look costs otherwise.
    from mesh_dagster.govern.compatibility import (  # noqa: PLC0415
        about_changes,
        port_changes,
    )
    from mesh_dagster.govern.wording import sentence  # noqa: PLC0415

    old, new = before["product"], after["product"]
    if old["version"] != new["version"]:
        yield f"version: {old['version']} becomes {new['version']}"
    yield from map(sentence, about_changes(old, new))
    try:
        yield from map(sentence, port_changes(_port(before), _port(after)))
    except NotWritableError:
        yield "contract: one of the two was written by another version of mesh_dagster"


def _port(row: Mapping[str, Json]) -> DeclaredPort:
    return DeclaredPort(row["address"], row["description"], row["declaration"])
