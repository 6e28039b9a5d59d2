"""List every product in short.

In:  the registry.
Out: one `Headline` for each product in each major version, by two SQL statements.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from mesh_dagster.observe.ledger import METADATA as LEDGER
from mesh_dagster.observe.ledger import slo_states
from mesh_dagster.observe.status import State
from mesh_dagster.run.dialects import UtcDateTime
from mesh_dagster.run.registry import Registry, ports, products, publications

Row = Mapping[str, Any]  # Any: one row of a table
_SEVERITY: tuple[State, ...] = ("ok", "paused", "warn", "no_data", "breached")


@dataclass(frozen=True)
class Headline:
    """One product in one major version, in short."""

    key: str
    major: int
    guid: str
    version: str
    owner: str
    alignment: str
    purpose: str
    addresses: tuple[str, ...]
    """Its ports that are not withdrawn."""
    state: State | None
    """The worst of its promises when they were judged last; `None` before the first time."""
    registered_at: datetime
    published_at: datetime | None
    """Its newest publication."""


def headlines(registry: Registry) -> list[Headline]:
    """Return every product with ports that somebody declares, by key and major version."""
    registry.make(LEDGER)
    newest = (
        sa.select(publications.c.address, sa.func.max(publications.c.published_at).label("at"))
        .group_by(publications.c.address)
        .subquery("newest")
    )
    worst = sa.case({state: n for n, state in enumerate(_SEVERITY)}, value=slo_states.c.state)
    judged = (
        sa.select(slo_states.c.address, sa.func.max(worst).label("severity"))
        .group_by(slo_states.c.address)
        .subquery("judged")
    )
    query = (
        sa.select(
            ports.c.address, sa.type_coerce(newest.c.at, UtcDateTime).label("at"), judged.c.severity
        )
        .join_from(ports, newest, newest.c.address == ports.c.address, isouter=True)
        .join(judged, judged.c.address == ports.c.address, isouter=True)
        .where(ports.c.withdrawn_at.is_(None))
        .order_by(ports.c.address)
    )
    shown = [column for column in products.c if column.name != "declaration"]
    own: dict[str, list[Row]] = {}
    for row in registry.rows(query):
        own.setdefault(row["address"].rpartition("/")[0], []).append(row)
    listed = registry.rows(sa.select(*shown).order_by(products.c.key, products.c.major))
    known = ((row, own.get(f"mesh://{row['key']}/v{row['major']}", [])) for row in listed)
    return [_headline(row, mine) for row, mine in known if mine]


def _headline(row: Row, its_ports: Sequence[Row]) -> Headline:
    severities = [port["severity"] for port in its_ports if port["severity"] is not None]
    times = [port["at"] for port in its_ports if port["at"]]
    names = ("key", "major", "guid", "version", "owner", "alignment", "purpose", "registered_at")
    return Headline(
        **{name: row[name] for name in names},
        addresses=tuple(port["address"] for port in its_ports),
        state=_SEVERITY[max(severities)] if severities else None,
        published_at=max(times, default=None),
    )
