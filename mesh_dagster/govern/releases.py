"""Keep what was released in the registry, one row for each time that a product changed.

In:  declarations and a clock reading.
Out: what is released now. The latest row of a product counts; one without a declaration ends it.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from mesh_dagster.declare.address import Address
from mesh_dagster.govern.declared import Declared
from mesh_dagster.govern.reading import columns_read
from mesh_dagster.run.dialects import Json, UtcDateTime, upsert
from mesh_dagster.run.registry import Registry

METADATA = sa.MetaData()

releases = sa.Table(
    "releases",
    METADATA,
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("major", sa.Integer, primary_key=True),
    sa.Column("released_at", UtcDateTime, primary_key=True),
    sa.Column("version", sa.String, nullable=False),
    sa.Column("declaration", Json(none_as_null=True)),
    # Why it went out although it breaks consumers.
    sa.Column("because", sa.String),
)


def released(registry: Registry, domains: Collection[str]) -> list[Declared]:
    """Return what is released of some domains, by key and major version."""
    registry.make(METADATA)
    newest = (
        sa.select(releases.c.key, releases.c.major, sa.func.max(releases.c.released_at).label("at"))
        .group_by(releases.c.key, releases.c.major)
        .subquery()
    )
    query = (
        sa.select(releases.c.declaration)
        .join(
            newest,
            (releases.c.key == newest.c.key)
            & (releases.c.major == newest.c.major)
            & (releases.c.released_at == newest.c.at),
        )
        .order_by(releases.c.key, releases.c.major)
    )
    rows = (row["declaration"] for row in registry.rows(query))
    found = (Declared.from_json(row) for row in rows if row is not None)
    return [product for product in found if product.domain in domains]


def release(
    registry: Registry, tree: Sequence[Declared], now: datetime, because: str | None = None
) -> list[Declared]:
    """Record a working tree as released.

    Args:
        registry: Where to.
        tree: Every product of the working tree. What its domains released before, and is no
            longer among them, ends.
        now: Aware UTC.
        because: Why it goes out although it breaks consumers.

    Returns:
        The products that differ from what was released before, those that end included.
    """
    known = {one.identity: one for one in released(registry, {one.domain for one in tree})}
    current = {product.identity: product for product in tree}
    changed = [one for one in tree if known.get(one.identity) != one]
    ended = [one for identity, one in known.items() if identity not in current]
    rows = [_row(one, now, because, one.as_json()) for one in changed]
    rows += [_row(one, now, because, None) for one in ended]
    with registry.begin() as connection:
        upsert(connection, releases, rows)
    return [*changed, *ended]


def elsewhere(registry: Registry, domains: Collection[str]) -> list[Declared]:
    """Return what other domains registered, and which columns they read where that is proved.

    Products that nobody declares any more are left out.
    """
    ports: defaultdict[tuple[str, int], list[Mapping[str, Any]]] = defaultdict(list)
    for row in registry.ports():
        ports[row["product_key"], _major(row["address"])].append(row)
    latest = registry.latest()
    found = []
    for row in registry.products():
        own = ports[row["key"], row["major"]]
        withdrawn = bool(own) and all(port["withdrawn_at"] for port in own)
        if not withdrawn and row["key"].partition("/")[0] not in domains:
            reads = columns_read([port["address"] for port in own], latest)
            known = {} if reads is None else {"columns_read": reads}
            found.append(Declared.of({**row, "declaration": {**row["declaration"], **known}}, own))
    return found


def _row(product: Declared, now: datetime, because: str | None, written: object) -> dict[str, Any]:
    return {
        "key": product.key,
        "major": product.major,
        "released_at": now,
        "version": product.version,
        "declaration": written,
        "because": because,
    }


def _major(address: str) -> int:
    return Address.parse(address).major
