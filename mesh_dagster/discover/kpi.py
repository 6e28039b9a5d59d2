"""Measure how long it takes until a product is published, and until somebody uses it.

In:  the registry: declarations, publications, visits, reads.
Out: a `LeadTimes` for each product, and one for the whole mesh.
The lead time to publish counts from the first time that a declaration was seen. The lead time to
use counts, for each reader, from the first time that a search or a page showed them the product;
whoever read it before that knew it already and is left out, as are builds.

Source:
    Zhamak Dehghani, "Data Mesh", 2022: the lead times to make and to use data products as measures
    of success.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

import sqlalchemy as sa

from mesh_dagster.run.dialects import UtcDateTime
from mesh_dagster.run.reads import reads
from mesh_dagster.run.registering import make
from mesh_dagster.run.registry import Registry, ports, products, publications
from mesh_dagster.run.visits import METADATA as VISITS
from mesh_dagster.run.visits import visits


@dataclass(frozen=True)
class LeadTimes:
    """How long one product took."""

    key: str
    declared_at: datetime
    """When its declaration was first seen."""
    published_at: datetime | None
    """Its first publication, of whichever port."""
    to_publish: timedelta | None
    """`None` before it, and where the declaration was first seen only after it."""
    new_readers: int
    """Readers who met it in a search or on a page and read it afterwards."""
    to_use: timedelta | None
    """The median over them."""


@dataclass(frozen=True)
class Kpi:
    """How long products take, over the whole mesh."""

    products: tuple[LeadTimes, ...]
    published: int
    """The products that were ever published."""
    to_publish: timedelta | None
    """The median over products."""
    new_readers: int
    """Readers of each product, added up."""
    to_use: timedelta | None
    """The median over these."""


def kpi(registry: Registry) -> Kpi:
    """Measure the lead times of every product that is offered, by three SQL statements."""
    make(registry)
    registry.make(VISITS)
    with registry.begin() as connection:
        declared = connection.execute(_declared()).all()
        published = {row[0]: row[1] for row in connection.execute(_published())}
        used: dict[str, list[timedelta]] = {}
        for key, seen_at, read_at in connection.execute(_first_used()):
            if read_at >= seen_at:
                used.setdefault(key, []).append(read_at - seen_at)
    found = tuple(
        _lead_times(key, at, published.get(key), used.get(key, ())) for key, at in declared
    )
    known = {one.key for one in found}
    spans = [span for key, its_spans in used.items() if key in known for span in its_spans]
    return Kpi(
        products=found,
        published=sum(one.published_at is not None for one in found),
        to_publish=_middle(one.to_publish for one in found),
        new_readers=len(spans),
        to_use=_middle(spans),
    )


def _lead_times(
    key: str, declared_at: datetime, published_at: datetime | None, used: Iterable[timedelta]
) -> LeadTimes:
    known = published_at is not None and published_at >= declared_at
    to_publish = published_at - declared_at if known and published_at else None
    spans = list(used)
    return LeadTimes(key, declared_at, published_at, to_publish, len(spans), _middle(spans))


def _middle(spans: Iterable[timedelta | None]) -> timedelta | None:
    known = [span.total_seconds() for span in spans if span is not None]
    return timedelta(seconds=median(known)) if known else None


def _declared() -> sa.Select[Any]:
    first = sa.func.min(products.c.registered_at, type_=UtcDateTime)
    offered = sa.exists().where(
        ports.c.product_key == products.c.key, ports.c.withdrawn_at.is_(None)
    )
    query = sa.select(products.c.key, first).where(offered)
    return query.group_by(products.c.key).order_by(products.c.key)


def _published() -> sa.Select[Any]:
    first = sa.func.min(publications.c.published_at, type_=UtcDateTime)
    return (
        sa.select(ports.c.product_key, first)
        .join_from(ports, publications, publications.c.address == ports.c.address)
        .group_by(ports.c.product_key)
    )


def _first_used() -> sa.Select[Any]:
    """Select when each reader first met and first read each product."""
    seen = (
        sa.select(
            visits.c.product_key,
            visits.c.reader,
            sa.func.min(visits.c.first_at, type_=UtcDateTime).label("seen_at"),
        )
        .group_by(visits.c.product_key, visits.c.reader)
        .subquery("seen")
    )
    read = (
        sa.select(
            reads.c.product_key,
            reads.c.reader,
            sa.func.min(reads.c.first_read_at, type_=UtcDateTime).label("read_at"),
        )
        .where(reads.c.way != "build")
        .group_by(reads.c.product_key, reads.c.reader)
        .subquery("read")
    )
    same = (seen.c.product_key == read.c.product_key) & (seen.c.reader == read.c.reader)
    return sa.select(seen.c.product_key, seen.c.seen_at, read.c.read_at).join_from(seen, read, same)
