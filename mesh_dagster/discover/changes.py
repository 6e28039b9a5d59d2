"""Say how the promises of a port changed over time.

In:  its registered declarations, the oldest first.
Out: one `Change` for each, with what differs from the one before, in words.
Whether a change breaks consumers is judged by `govern/`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from mesh_dagster.run.registering import OF_THE_PRODUCT, declarations, make
from mesh_dagster.run.registry import Registry, publications

Json = Any  # Any: JSON
_ASPECTS = ("nullable", "unique", "required", "description", "metadata")
_OF_THE_PORT = ("cadence", "partition_columns", "freshness", "quality")
_OF_THE_CONTRACT = ("keys", "strict", "ordered", "coerce", "description")


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
    yield from _aspects("", before["product"], after["product"], OF_THE_PRODUCT)
    yield from _aspects("", before, after, ("description",))
    old, new = before["declaration"], after["declaration"]
    yield from _aspects("", old, new, _OF_THE_PORT)
    old, new = old.get("contract") or {}, new.get("contract") or {}
    yield from _columns(_by_name(old), _by_name(new))
    yield from _rules("", old, new)
    yield from _aspects("contract ", old, new, _OF_THE_CONTRACT)


def _columns(before: Mapping[str, Json], after: Mapping[str, Json]) -> Iterator[str]:
    yield from (f"column '{name}' is gone" for name in before if name not in after)
    for name, column in after.items():
        if name not in before:
            yield f"column '{name}' is new: {_shown(column['dtype'])}"
            continue
        old = before[name]
        if old["dtype"] != column["dtype"]:
            yield f"column '{name}': type {_shown(old['dtype'])} -> {_shown(column['dtype'])}"
        yield from _aspects(f"column '{name}': ", old, column, _ASPECTS)
        yield from _rules(f"column '{name}': ", old, column)


def _rules(where: str, before: Mapping[str, Json], after: Mapping[str, Json]) -> Iterator[str]:
    old = {rule["digest"]: rule["text"] for rule in before.get("rules", ())}
    new = {rule["digest"]: rule["text"] for rule in after.get("rules", ())}
    yield from (f"{where}rule '{old[digest]}' is gone" for digest in old if digest not in new)
    yield from (f"{where}rule '{new[digest]}' is new" for digest in new if digest not in old)


def _aspects(
    where: str,
    before: Mapping[str, Json],
    after: Mapping[str, Json],
    names: Sequence[str],
) -> Iterator[str]:
    for name in names:
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _aspects(f"{where}{name} ", old, new, sorted({*old, *new}))
        else:
            yield f"{where}{name} {_shown(old)} -> {_shown(new)}"


def _by_name(contract: Mapping[str, Json]) -> dict[str, Json]:
    return {column["name"]: column for column in contract.get("columns", ())}


def _shown(value: Json) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_shown(part)}" for name, part in value.items()) or "none"
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else f"'{value}'" if isinstance(value, str) else f"{value:g}"
