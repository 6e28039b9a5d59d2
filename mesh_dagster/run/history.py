"""Ask the registry what was published and refused, for all ports at once.

In:  the registry, clock readings; nothing later counts.
Out: rows. Each function is one SQL statement, however many ports there are.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from mesh_dagster.run.dialects import UtcDateTime
from mesh_dagster.run.registry import Registry, ports, products, publications, refusals


class Made(NamedTuple):
    """What judgement needs of one publication; a tuple, since there are many."""

    published_at: datetime
    event: datetime | None
    """How far its data reaches: its newest event, or the earliest of the newest of each group; its
    own time where it knows none; `None` where it holds no rows. Never later than its own time."""


class Before(NamedTuple):
    """What was published up to the begin of a port's window."""

    first_published_at: datetime
    newest_event: datetime | None
    last: Made


_CHUNK = 1_000
_MOST_NAMED = 500
"""So many addresses are asked for by name; more than that, and all rows are read."""
Only = Collection[str] | None
"""The addresses that are asked for; all of them for `None`."""
Rows = Sequence[Any]  # Any: rows of many kinds, as SQLAlchemy gives them


def declarations(registry: Registry, now: datetime, only: Only = None) -> Rows:
    """Return address, product, owner, inputs, promises and registration of every port.

    Ports that were withdrawn by then are left out.
    """
    declared = ports.c.declaration
    query = (
        sa.select(
            ports.c.address,
            ports.c.product_key,
            products.c.owner,
            products.c.declaration["inputs"].label("inputs"),
            ports.c.registered_at,
            declared["freshness"].label("freshness"),
            declared["hides_groups"].label("hides_groups"),
            declared["quality"].label("quality"),
            declared["partitions"].label("partitions"),
            declared["partitioned"].label("partitioned"),
        )
        .join_from(ports, products, of_its_product(ports.c.address))
        .where(sa.or_(ports.c.withdrawn_at.is_(None), ports.c.withdrawn_at > now))
        .where(among(ports.c.address, only))
        .order_by(ports.c.address)
    )
    return _rows(registry, query)


def since(
    registry: Registry, starts: Mapping[str, datetime], now: datetime, only: Only = None
) -> dict[str, list[Made]]:
    """Return the publications of each port since its start, oldest first."""
    query = (
        sa.select(publications.c.address, publications.c.published_at, _event(publications))
        .where(publications.c.published_at <= now, among(publications.c.address, only))
        .where(_beyond(publications.c.address, publications.c.published_at, starts))
        .order_by(publications.c.published_at)
    )
    return _by_address(registry, query)


def before(
    registry: Registry, starts: Mapping[str, datetime], only: Only = None
) -> dict[str, Before]:
    """Return the last publication up to each port's start, and what was before it."""
    own = publications.alias("own")
    reached = (
        sa.select(own.c.published_at)
        .where(own.c.address == ports.c.address)
        .where(sa.not_(_beyond(ports.c.address, own.c.published_at, starts)))
        .limit(1)
    )
    first = reached.order_by(own.c.published_at)
    last = reached.order_by(own.c.published_at.desc())
    # An event later than its publication, from a wrong clock, would be the newest for ever.
    dated = reached.with_only_columns(own.c.data_time)
    dated = dated.where(own.c.data_time <= own.c.published_at)
    columns = [
        first.scalar_subquery(),
        dated.order_by(own.c.data_time.desc()).scalar_subquery(),
        last.scalar_subquery(),
        last.with_only_columns(_event(own)).scalar_subquery(),
    ]
    query = sa.select(ports.c.address, *columns).where(among(ports.c.address, only))
    rows = _rows(registry, query)
    return {row[0]: Before(row[1], row[2], Made(row[3], row[4])) for row in rows if row[1]}


def up_to(registry: Registry, addresses: Collection[str], now: datetime) -> dict[str, list[Made]]:
    """Return every publication of some ports up to a moment, oldest first."""
    query = (
        sa.select(publications.c.address, publications.c.published_at, _event(publications))
        .where(publications.c.address.in_(addresses), publications.c.published_at <= now)
        .order_by(publications.c.published_at)
    )
    return _by_address(registry, query)


def by_data_time(
    registry: Registry, addresses: Collection[str], now: datetime
) -> dict[str, list[Made]]:
    """Return the publications whose events all happened by a moment, as if made with the last."""
    query = (
        sa.select(publications.c.address, publications.c.data_time, publications.c.data_time)
        .where(publications.c.address.in_(addresses), publications.c.data_time <= now)
        .order_by(publications.c.data_time)
    )
    return _by_address(registry, query)


def groups(
    registry: Registry, now: datetime | None, only: Only = None
) -> dict[str, dict[str, datetime]]:
    """Return the newest event of each group of each port that promises groups."""
    own = publications.alias("own")
    newest = sa.select(sa.func.max(own.c.version)).where(own.c.address == ports.c.address)
    if now is not None:
        newest = newest.where(own.c.published_at <= now)
    query = (
        sa.select(publications.c.address, publications.c.groups)
        .join_from(
            ports,
            publications,
            (publications.c.address == ports.c.address)
            & (publications.c.version == newest.scalar_subquery()),
        )
        .where(publications.c.oldest_group.is_not(None), among(ports.c.address, only))
    )
    return {
        address: {name: datetime.fromisoformat(time) for name, time in found.items()}
        for address, found in _rows(registry, query)
    }


def slices(
    registry: Registry, now: datetime, only: Only = None, *, by_data: bool = False
) -> dict[str, dict[str, datetime]]:
    """Return for each port the partitions that were published, each with its first time."""
    time = publications.c.data_time if by_data else publications.c.published_at
    query = (
        sa.select(publications.c.address, publications.c.slice, sa.func.min(time))
        .where(publications.c.slice != "", time <= now, among(publications.c.address, only))
        .group_by(publications.c.address, publications.c.slice)
    )
    found: dict[str, dict[str, datetime]] = {}
    for address, slice_, first in _rows(registry, query):
        found.setdefault(address, {})[slice_] = first
    return found


def refused(
    registry: Registry, start: datetime, now: datetime, only: Only = None
) -> dict[str, list[datetime]]:
    """Return when batches were refused, oldest first."""
    query = (
        sa.select(refusals.c.address, refusals.c.refused_at)
        .where(refusals.c.refused_at > start, refusals.c.refused_at <= now)
        .where(among(refusals.c.address, only))
        .order_by(refusals.c.refused_at)
    )
    found: dict[str, list[datetime]] = {}
    for address, time in _rows(registry, query):
        found.setdefault(address, []).append(time)
    return found


def refused_since(registry: Registry, now: datetime, only: Only = None) -> dict[str, datetime]:
    """Return the first refusal of a slice that has not been published since, for each port."""
    published = sa.exists().where(
        publications.c.address == refusals.c.address,
        publications.c.slice == refusals.c.slice,
        publications.c.published_at >= refusals.c.refused_at,
        publications.c.published_at <= now,
    )
    query = (
        sa.select(refusals.c.address, sa.func.min(refusals.c.refused_at))
        .where(refusals.c.refused_at <= now, ~published, among(refusals.c.address, only))
        .group_by(refusals.c.address)
    )
    return {row[0]: row[1] for row in _rows(registry, query)}


def _event(made: sa.FromClause) -> sa.ColumnElement[datetime]:
    """Return the column that `Made.event` describes."""
    known = sa.func.coalesce(made.c.oldest_group, made.c.data_time, made.c.published_at)
    event = sa.case(
        (made.c.rows == 0, None),
        (made.c.published_at < known, made.c.published_at),
        else_=known,
    )
    return sa.type_coerce(event, UtcDateTime).label("event")


def _by_address(registry: Registry, query: sa.Select[Any]) -> dict[str, list[Made]]:
    """Part publications that are sorted by time, as they come; a tick reads many."""
    found: defaultdict[str, list[Made]] = defaultdict(list)
    with registry.begin() as connection:
        for address, published_at, event in connection.execute(query).yield_per(_CHUNK):
            found[address].append(Made(published_at, event))
    return found


def of_its_product(address: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Join a port to its product in its own major version; others may have other owners."""
    prefix = sa.literal("mesh://") + products.c.key + "/v" + sa.cast(products.c.major, sa.String)
    return (products.c.key == ports.c.product_key) & address.startswith(prefix + "/")


def among(address: sa.ColumnElement[str], only: Only) -> sa.ColumnElement[bool]:
    """Name the addresses that are asked for in a query, unless they are so many."""
    return sa.true() if only is None or len(only) > _MOST_NAMED else address.in_(only)


def _beyond(
    address: sa.ColumnElement[str],
    time: sa.ColumnElement[datetime],
    starts: Mapping[str, datetime],
) -> sa.ColumnElement[bool]:
    """Say whether a time lies after the start of its port.

    Most ports share a start, so it stands there once; the others are listed by address.
    """
    counted = Counter(starts.values()).most_common()
    if not counted:
        return sa.false()
    usual, others = counted[0][0], [start for start, _ in counted[1:]]
    of = {start: [a for a, begun in starts.items() if begun == start] for start in others}
    alone = [address.in_(found) & (time > start) for start, found in of.items()]
    if not alone:
        return time > usual
    exceptions = [a for found in of.values() for a in found]
    return sa.or_((time > usual) & address.not_in(exceptions), *alone)


def _rows(registry: Registry, query: sa.Select[Any]) -> Rows:
    with registry.begin() as connection:
        return connection.execute(query).all()
