"""List products in short, and say how their promises stand.

In:  the registry, a clock reading.
Out: one `Headline` for each product in each major version; its promises are judged at that moment.
To judge thousands takes too long for a page or a search, so `worst_states` tells of all products
what the sensors judged last.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from mesh_dagster.declare.lifecycle import Deprecated, endings_text
from mesh_dagster.observe.judgement import statuses
from mesh_dagster.observe.ledger import METADATA as LEDGER
from mesh_dagster.observe.ledger import slo_states
from mesh_dagster.observe.status import SloStatus, State
from mesh_dagster.run.consumers import deprecations_of
from mesh_dagster.run.dialects import UtcDateTime
from mesh_dagster.run.registry import Registry, ports, products, publications

Row = Mapping[str, Any]  # Any: one row of a table
_AT_ONCE = 400
"""So many ports are judged at a time; of more than 500, the registry would read all that it has."""
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
    """The worst of its promises now; `None` where nothing can be judged yet."""
    registered_at: datetime
    published_at: datetime | None
    """Its newest publication."""
    deprecated: Mapping[str, Deprecated]
    """Those of its ports that are deprecated, by address."""

    @property
    def ending(self) -> str:
        """Say in short which of its ports end; empty where none does."""
        return endings_text(self.deprecated, self.addresses)


def headlines(
    registry: Registry,
    keys: Collection[str],
    now: datetime,
    judged: Iterable[SloStatus] | None = None,
) -> list[Headline]:
    """Return products with ports that somebody declares, by key and major version.

    Args:
        registry: What was declared and published.
        keys: The products.
        now: Aware UTC, at which their promises are judged.
        judged: The promises of all their ports, where they were judged just now.
    """
    shown = [column for column in products.c if column.name != "declaration"]
    query = sa.select(*shown).where(products.c.key.in_(keys))
    own: dict[str, list[Row]] = {}
    for row in registry.rows(_of_ports().where(ports.c.product_key.in_(keys))):
        own.setdefault(row["address"].rpartition("/")[0], []).append(row)
    addresses = [port["address"] for its in own.values() for port in its]
    leaving = deprecations_of(registry, addresses)
    states = worst_of(_judged(registry, addresses, now) if judged is None else judged)
    listed = registry.rows(query.order_by(products.c.key, products.c.major))
    known = ((f"mesh://{row['key']}/v{row['major']}", row) for row in listed)
    return [
        _headline(row, own[name], states.get(name), leaving) for name, row in known if name in own
    ]


def worst_of(judged: Iterable[SloStatus]) -> dict[str, State]:
    """Return the worst promise of each product, by `mesh://key/v1`."""
    found: dict[str, State] = {}
    for one in judged:
        product = one.address.rpartition("/")[0]
        found[product] = max(found.get(product, one.state), one.state, key=_SEVERITY.index)
    return found


def worst_states(
    registry: Registry, keys: Collection[str] | None = None
) -> dict[str, State | None]:
    """Return the worst promise of products as the sensors judged it last, by `mesh://key/v1`.

    Products whose ports were all withdrawn are left out.

    Args:
        registry: What was declared and judged.
        keys: The products; all of them by default.
    """
    registry.make(LEDGER)
    query = sa.select(ports.c.address, _severity()).where(ports.c.withdrawn_at.is_(None))
    query = query if keys is None else query.where(ports.c.product_key.in_(keys))
    found: dict[str, int] = {}
    for row in registry.rows(query.order_by(ports.c.address)):
        product, severity = row["address"].rpartition("/")[0], row["severity"]
        found[product] = max(found.get(product, -1), -1 if severity is None else severity)
    return {name: None if worst < 0 else _SEVERITY[worst] for name, worst in found.items()}


def _judged(registry: Registry, addresses: Sequence[str], now: datetime) -> Iterator[SloStatus]:
    for start in range(0, len(addresses), _AT_ONCE):
        yield from statuses(registry, now, only=addresses[start : start + _AT_ONCE])


def _of_ports() -> sa.Select[Any]:
    """Select every port that somebody declares, with its newest publication."""
    newest = sa.select(sa.func.max(publications.c.published_at, type_=UtcDateTime))
    return (
        sa.select(
            ports.c.address,
            newest.where(publications.c.address == ports.c.address).scalar_subquery().label("at"),
        )
        .where(ports.c.withdrawn_at.is_(None))
        .order_by(ports.c.address)
    )


def _severity() -> sa.Label[int | None]:
    worst = sa.case({state: n for n, state in enumerate(_SEVERITY)}, value=slo_states.c.state)
    of_port = sa.select(sa.func.max(worst)).where(slo_states.c.address == ports.c.address)
    return of_port.scalar_subquery().label("severity")


def _headline(
    row: Row, its_ports: Sequence[Row], state: State | None, leaving: Mapping[str, Deprecated]
) -> Headline:
    addresses = tuple(port["address"] for port in its_ports)
    times = [port["at"] for port in its_ports if port["at"]]
    names = ("key", "major", "guid", "version", "owner", "alignment", "purpose", "registered_at")
    return Headline(
        **{name: row[name] for name in names},
        addresses=addresses,
        state=state,
        published_at=max(times, default=None),
        deprecated={address: leaving[address] for address in addresses if address in leaving},
    )
