"""List every product in short.

In:  the registry.
Out: one `Headline` for each product in each major version, by three SQL statements.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from mesh_dagster.declare.lifecycle import Deprecated, endings_text
from mesh_dagster.observe.ledger import METADATA as LEDGER
from mesh_dagster.observe.ledger import slo_states
from mesh_dagster.observe.status import State
from mesh_dagster.run.consumers import deprecations_of
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
    deprecated: Mapping[str, Deprecated]
    """Those of its ports that are deprecated, by address."""

    @property
    def ending(self) -> str:
        """Say in short which of its ports end; empty where none does."""
        return endings_text(self.deprecated, self.addresses)


def headlines(registry: Registry, keys: Collection[str] | None = None) -> list[Headline]:
    """Return products with ports that somebody declares, by key and major version.

    Args:
        registry: What was declared, published and judged.
        keys: The products; all of them by default.
    """
    registry.make(LEDGER)
    shown = [column for column in products.c if column.name != "declaration"]
    of_ports, of_products = _of_ports(), sa.select(*shown)
    if keys is not None:
        of_ports = of_ports.where(ports.c.product_key.in_(keys))
        of_products = of_products.where(products.c.key.in_(keys))
    own: dict[str, list[Row]] = {}
    for row in registry.rows(of_ports):
        own.setdefault(row["address"].rpartition("/")[0], []).append(row)
    addresses = None if keys is None else [port["address"] for its in own.values() for port in its]
    leaving = deprecations_of(registry, addresses)
    listed = registry.rows(of_products.order_by(products.c.key, products.c.major))
    known = ((row, own.get(f"mesh://{row['key']}/v{row['major']}", [])) for row in listed)
    return [_headline(row, mine, leaving) for row, mine in known if mine]


def worst_states(
    registry: Registry, keys: Collection[str] | None = None
) -> dict[str, State | None]:
    """Return the worst promise of products as it was judged last, by `mesh://key/v1`.

    Products whose ports were all withdrawn are left out.

    Args:
        registry: What was declared and judged.
        keys: The products; all of them by default.
    """
    registry.make(LEDGER)
    query = _of_ports()
    query = query if keys is None else query.where(ports.c.product_key.in_(keys))
    found: dict[str, State | None] = {}
    for row in registry.rows(query.with_only_columns(ports.c.address, _severity())):
        product, severity = row["address"].rpartition("/")[0], row["severity"]
        state = None if severity is None else _SEVERITY[severity]
        found[product] = worse(found.get(product), state)
    return found


def worse(one: State | None, other: State | None) -> State | None:
    """Return the worse of two states; whatever was judged is worse than what was not."""
    known = [state for state in (one, other) if state is not None]
    return max(known, key=_SEVERITY.index, default=None)


def _of_ports() -> sa.Select[Any]:
    """Select every port with its newest publication and its worst promise."""
    newest = sa.select(sa.func.max(publications.c.published_at, type_=UtcDateTime))
    return (
        sa.select(
            ports.c.address,
            newest.where(publications.c.address == ports.c.address).scalar_subquery().label("at"),
            _severity(),
        )
        .where(ports.c.withdrawn_at.is_(None))
        .order_by(ports.c.address)
    )


def _severity() -> sa.Label[int | None]:
    worst = sa.case({state: n for n, state in enumerate(_SEVERITY)}, value=slo_states.c.state)
    of_port = sa.select(sa.func.max(worst)).where(slo_states.c.address == ports.c.address)
    return of_port.scalar_subquery().label("severity")


def _headline(row: Row, its_ports: Sequence[Row], leaving: Mapping[str, Deprecated]) -> Headline:
    addresses = tuple(port["address"] for port in its_ports)
    severities = [port["severity"] for port in its_ports if port["severity"] is not None]
    times = [port["at"] for port in its_ports if port["at"]]
    names = ("key", "major", "guid", "version", "owner", "alignment", "purpose", "registered_at")
    return Headline(
        **{name: row[name] for name in names},
        addresses=addresses,
        state=_SEVERITY[max(severities)] if severities else None,
        published_at=max(times, default=None),
        deprecated={address: leaving[address] for address in addresses if address in leaving},
    )
