"""Say how the mesh stands, domain by domain.

In:  the registry, a clock reading.
Out: a `Standing`: one page of domains with some of their products, counts, broken promises, the
newest publications. A mesh of few ports is judged anew; of a large one, what the sensor judged
last is shown, so that a page never waits for thousands of judgements.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from mesh_dagster.discover.headlines import Headline, headlines, worse, worst_states
from mesh_dagster.observe.attention import OpenBreach, open_list
from mesh_dagster.observe.judgement import statuses
from mesh_dagster.observe.status import SloStatus, State
from mesh_dagster.run.registry import Registry, ports, publications

DOMAINS_OF_A_PAGE, PRODUCTS_OF_A_DOMAIN = 20, 6
_JUDGED_AT_ONCE = 400
_MOST_BROKEN, _NEWEST = 25, 12
States = Mapping[str, State | None]
"""The worst promise of each product, by `mesh://key/v1`; `None` before it was judged."""


@dataclass(frozen=True)
class Broken:
    """A promise that is broken."""

    address: str
    objective: str
    since: datetime
    owner: str
    caused_by: str | None
    told: tuple[str, ...]
    acknowledged_by: str | None


@dataclass(frozen=True)
class Made:
    """A publication, in short."""

    address: str
    version: int
    published_at: datetime
    slice: str
    rows: int
    rejected_rows: int


@dataclass(frozen=True)
class Domain:
    """A domain with its first products."""

    name: str
    products: int
    states: Mapping[State | None, int]
    shown: tuple[Headline, ...]


@dataclass(frozen=True)
class Standing:
    """How the mesh stands."""

    domains: tuple[Domain, ...]
    """Those of one page."""
    domain_count: int
    product_count: int
    port_count: int
    states: Mapping[State | None, int]
    """Products by the worst of their promises."""
    broken: tuple[Broken, ...]
    broken_count: int
    newest: tuple[Made, ...]
    judged_now: bool
    """Whether the states are those of now; else, of when the sensor judged last."""


def standing(registry: Registry, now: datetime, *, offset: int = 0) -> Standing:
    """Return how the mesh stands, with the domains of one page."""
    port_count = _port_count(registry)
    judged_now = port_count <= _JUDGED_AT_ONCE
    judged = statuses(registry, now) if judged_now else []
    states = _updated(worst_states(registry), judged)
    by_domain: dict[str, list[str]] = {}
    for product in sorted(states):
        by_domain.setdefault(_parts(product)[0], []).append(product)
    page = list(by_domain.items())[offset : offset + DOMAINS_OF_A_PAGE]
    shown = [one for _, products in page for one in products[:PRODUCTS_OF_A_DOMAIN]]
    known = _headlines(registry, shown, states)
    broken = _broken(open_list(registry, now), judged)
    return Standing(
        domains=tuple(_domain(name, products, states, known) for name, products in page),
        domain_count=len(by_domain),
        product_count=len(states),
        port_count=port_count,
        states=Counter(states.values()),
        broken=broken[:_MOST_BROKEN],
        broken_count=len(broken),
        newest=_newest(registry),
        judged_now=judged_now,
    )


def of_domain(registry: Registry, name: str, now: datetime) -> list[Headline]:
    """Return the products of one domain, with their states as `standing` tells them."""
    states = worst_states(registry)
    mine = [product for product in sorted(states) if _parts(product)[0] == name]
    found = _headlines(registry, mine, states)
    addresses = [address for one in found.values() for address in one.addresses]
    if len(addresses) > _JUDGED_AT_ONCE:
        return list(found.values())
    judged = _updated(states, statuses(registry, now, only=addresses))
    return [replace(one, state=judged[product]) for product, one in found.items()]


def states_now(registry: Registry, addresses: Collection[str], now: datetime) -> States:
    """Return the worst promise of each product that has some ports, judged anew."""
    return _updated({}, statuses(registry, now, only=addresses) if addresses else [])


def _updated(states: States, judged: Sequence[SloStatus]) -> States:
    fresh: dict[str, State | None] = {}
    for one in judged:
        product = one.address.rpartition("/")[0]
        fresh[product] = worse(fresh.get(product), one.state)
    return {**states, **fresh}


def _domain(
    name: str, products: Sequence[str], states: States, known: Mapping[str, Headline]
) -> Domain:
    counted = Counter(states[product] for product in products)
    shown = tuple(known[product] for product in products if product in known)
    return Domain(name, len(products), counted, shown)


def _headlines(registry: Registry, products: Sequence[str], states: States) -> dict[str, Headline]:
    keys = sorted({_key(product) for product in products})
    found = {f"mesh://{one.key}/v{one.major}": one for one in headlines(registry, keys)}
    return {
        product: replace(found[product], state=states[product])
        for product in products
        if product in found
    }


def _broken(opened: Sequence[OpenBreach], judged: Sequence[SloStatus]) -> tuple[Broken, ...]:
    """Return what the sensor holds open, and what it has not seen yet, the longest first."""
    found = {
        (one.address, one.objective): Broken(
            address=one.address,
            objective=one.objective,
            since=one.since,
            owner=one.owner,
            caused_by=one.caused_by,
            told=one.told,
            acknowledged_by=one.acknowledged_by,
        )
        for one in opened
    }
    for one in judged:
        if one.broken and (one.address, one.objective) not in found:
            found[one.address, one.objective] = Broken(
                address=one.address,
                objective=one.objective,
                since=one.since,
                owner=one.owner,
                caused_by=one.caused_by,
                told=(),
                acknowledged_by=None,
            )
    return tuple(sorted(found.values(), key=lambda one: (one.since, one.address)))


def _newest(registry: Registry) -> tuple[Made, ...]:
    shown = [publications.c[name] for name in Made.__dataclass_fields__]
    query = sa.select(*shown).order_by(publications.c.published_at.desc()).limit(_NEWEST)
    return tuple(Made(**row) for row in registry.rows(query))


def _port_count(registry: Registry) -> int:
    query = sa.select(sa.func.count().label("ports")).where(ports.c.withdrawn_at.is_(None))
    return int(registry.rows(query.select_from(ports))[0]["ports"])


def _parts(product: str) -> list[str]:
    return product.removeprefix("mesh://").split("/")


def _key(product: str) -> str:
    return "/".join(_parts(product)[:2])
