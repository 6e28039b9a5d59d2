"""Say how the mesh stands, domain by domain.

In:  the registry, a clock reading.
Out: a `Standing`: one page of domains with some of their products, counts, broken promises, the
newest publications. Products that are listed are judged anew, and a mesh of few ports as a whole;
of a large one, what the sensors judged last is counted, so that a page never waits for thousands of
judgements. Then it says how old that is.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from mesh_dagster.discover.headlines import Headline, headlines, worst_of, worst_states
from mesh_dagster.observe.attention import OpenBreach, open_list
from mesh_dagster.observe.judgement import statuses
from mesh_dagster.observe.status import SloStatus, State
from mesh_dagster.observe.vitals import judged_at, silent
from mesh_dagster.run.consumers import declared_ports
from mesh_dagster.run.registry import Registry, publications

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
    judged_at: datetime | None
    """When `states` and `broken` were judged, the oldest of them; `None` if they never were."""
    silent: Mapping[str, timedelta]
    """Code locations whose sensor has stopped: nobody is told of what breaks there."""


def standing(registry: Registry, now: datetime, *, offset: int = 0) -> Standing:
    """Return how the mesh stands, with the domains of one page."""
    port_count = len(declared_ports(registry))
    judged = statuses(registry, now) if port_count <= _JUDGED_AT_ONCE else None
    states = {**worst_states(registry), **worst_of(judged or ())}
    beats = judged_at(registry)
    by_domain: dict[str, list[str]] = {}
    for product in sorted(states):
        by_domain.setdefault(_parts(product)[0], []).append(product)
    page = list(by_domain.items())[offset : offset + DOMAINS_OF_A_PAGE]
    shown = [one for _, products in page for one in products[:PRODUCTS_OF_A_DOMAIN]]
    keys = sorted({_key(product) for product in shown})
    known = {
        f"mesh://{one.key}/v{one.major}": one for one in headlines(registry, keys, now, judged)
    }
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
        judged_at=min(beats.values(), default=None) if judged is None else now,
        silent=silent(beats, now),
    )


def of_domain(
    registry: Registry, name: str, now: datetime, *, offset: int, limit: int
) -> tuple[list[Headline], int]:
    """Return some products of one domain, by key, and how many it has."""
    known = {address.rpartition("/")[0] for address in declared_ports(registry)}
    mine = sorted(product for product in known if _parts(product)[0] == name)
    shown = mine[offset : offset + limit]
    found = headlines(registry, sorted({_key(product) for product in shown}), now)
    return [one for one in found if f"mesh://{one.key}/v{one.major}" in shown], len(mine)


def _domain(
    name: str, products: Sequence[str], states: States, known: Mapping[str, Headline]
) -> Domain:
    counted = Counter(states[product] for product in products)
    shown = tuple(known[product] for product in products if product in known)
    return Domain(name, len(products), counted, shown)


def _broken(opened: Sequence[OpenBreach], judged: Sequence[SloStatus] | None) -> tuple[Broken, ...]:
    """Return what is broken, the longest first: what the sensors hold open where nothing is judged.

    Else what they hold open and is broken still, and what they have not seen yet.
    """
    broken = {(one.address, one.objective): one for one in judged or () if one.broken}
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
        if judged is None or (one.address, one.objective) in broken
    }
    for promise, one in broken.items():
        if promise not in found:
            found[promise] = Broken(
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


def _parts(product: str) -> list[str]:
    return product.removeprefix("mesh://").split("/")


def _key(product: str) -> str:
    return "/".join(_parts(product)[:2])
