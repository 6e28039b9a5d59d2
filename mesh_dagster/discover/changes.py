"""Say how the promises of a port changed over time.

In:  its registered declarations, the oldest first.
Out: one `Change` for each, with what differs from the last one that readers saw, in words.
What differs, and how it is said, is known to `govern/`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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
    """The first publication while it held; `None` where there is none."""
    differences: tuple[str, ...]
    """What differs from the last declaration that was published, else from the one before.

    What may break readers comes first. Empty for the first declaration, and for one that is as
    that was.
    """
    breaking: tuple[str, ...] = ()
    """Those of the differences that may break readers."""
    superseded_at: datetime | None = None
    """When the next one was declared; `None` for the newest."""

    @property
    def unseen(self) -> bool:
        """Whether nothing was published before the next one was declared."""
        return self.first_version is None and self.superseded_at is not None


def changes(registry: Registry, address: str) -> tuple[Change, ...]:
    """Return how one port changed, newest first; nothing for a port that is not registered."""
    return all_changes(registry, [address]).get(address, ())


def all_changes(registry: Registry, addresses: Sequence[str]) -> dict[str, tuple[Change, ...]]:
    """Return how ports changed, newest first, by address."""
    make(registry)
    later = sa.func.lead(declarations.c.declared_at).over(
        partition_by=declarations.c.address, order_by=declarations.c.declared_at
    )
    held = sa.select(declarations, later.label("until")).where(
        declarations.c.address.in_(addresses)
    )
    known = held.subquery("held")
    first = (
        sa.select(sa.func.min(publications.c.version))
        .where(publications.c.address == known.c.address)
        .where(publications.c.published_at >= known.c.declared_at)
        .where(known.c.until.is_(None) | (publications.c.published_at < known.c.until))
        .scalar_subquery()
    )
    query = sa.select(known, first.label("first_version")).order_by(known.c.declared_at)
    past: dict[str, list[Mapping[str, Any]]] = {}  # Any: rows
    for row in registry.rows(query):
        past.setdefault(row["address"], []).append(row)
    return {address: tuple(reversed(_changes(rows))) for address, rows in past.items()}


def _changes(rows: Iterable[Mapping[str, Any]]) -> list[Change]:  # Any: rows
    made: list[Change] = []
    last: Mapping[str, Any] | None = None  # Any: a row
    seen: Mapping[str, Any] | None = None  # Any: a row
    for row in rows:
        base = seen or last
        found = list(_differences(base, row)) if base else []
        if base and base is last and not found:
            # The same again: what is published now is published under the one before.
            if made[-1].first_version is None and row["first_version"] is not None:
                made[-1], seen = replace(made[-1], first_version=row["first_version"]), base
            continue
        if made:
            made[-1] = replace(made[-1], superseded_at=row["declared_at"])
        digest = (row["declaration"].get("contract") or {}).get("digest", "")
        first, version = row["first_version"], row["product"]["version"]
        breaking = tuple(text for text, breaks in found if breaks)
        texts = (*breaking, *(text for text, breaks in found if not breaks))
        made.append(Change(row["declared_at"], version, digest, first, texts, breaking))
        last, seen = row, seen if first is None else row
    return made


def _differences(
    before: Mapping[str, Json], after: Mapping[str, Json]
) -> Iterator[tuple[str, bool]]:
    """Yield what differs, in words, and whether it may break readers."""
    # Comparing rules needs pandera, which takes longer than all that a look costs otherwise.
    from mesh_dagster.govern.compatibility import (  # noqa: PLC0415
        about_changes,
        port_changes,
    )
    from mesh_dagster.govern.wording import sentence  # noqa: PLC0415

    old, new = before["product"], after["product"]
    if old["version"] != new["version"]:
        yield f"version: {old['version']} becomes {new['version']}", False
    try:
        found = port_changes(_port(before), _port(after))
    except NotWritableError:
        found = []
        yield "contract: one of the two was written by another version of mesh_dagster", False
    for one in (*about_changes(old, new), *found):
        yield sentence(one), one.breaking


def _port(row: Mapping[str, Json]) -> DeclaredPort:
    return DeclaredPort(row["address"], row["description"], row["declaration"])
