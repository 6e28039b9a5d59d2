"""Count what became of all batches so far, for metrics.

In:  the registry.
Out: `Totals` of each port, by a constant number of SQL statements, however many ports there are.
Counts never fall as long as nobody drops publications, so a reader may take differences.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

import sqlalchemy as sa

from mesh_dagster.declare.contract import CheckName
from mesh_dagster.run.registry import Registry, ports, publications, refusals

DURATIONS = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0)
"""Seconds; publications are counted by the bounds that they stayed within."""
_CHECKS = get_args(CheckName)
Row = Mapping[str, Any]  # Any: one row of a query
Counted = dict[str, sa.ColumnElement[Any]]  # Any: numbers, by name


@dataclass(frozen=True)
class Totals:
    """What became of the batches of a port."""

    published: int = 0
    refused: int = 0
    rows: int | None = None
    """Of the current version; `None` before the first."""
    bytes: int | None = None
    """Likewise."""
    within: tuple[int, ...] = (0,) * len(DURATIONS)
    """Publications that took no longer than each of `DURATIONS`."""
    timed: int = 0
    """Publications whose duration is known."""
    seconds: float = 0.0
    """The sum of those durations."""
    checks: Mapping[tuple[str, bool], int] = field(default_factory=dict)
    """How many batches, published or refused, passed and failed each family of rules."""


def totals(registry: Registry) -> dict[str, Totals]:
    """Return what was published and refused so far, of every declared port."""
    published = _by_address(registry, publications, _durations() | _checks(publications))
    rejected = _by_address(registry, refusals, _checks(refusals))
    current = _current(registry)
    return {
        address: _totals(published.get(address, {}), rejected.get(address, {}), current[address])
        for address in current
    }


def _totals(published: Row, rejected: Row, current: Row) -> Totals:
    each = [(check, passed) for check in _CHECKS for passed in (True, False)]
    counts = {
        (check, passed): _at(published, f"{check} {passed}") + _at(rejected, f"{check} {passed}")
        for check, passed in each
    }
    return Totals(
        published=_at(published, "count"),
        refused=_at(rejected, "count"),
        rows=current["port_rows"],
        bytes=current["port_bytes"],
        within=tuple(_at(published, f"within {bound}") for bound in DURATIONS),
        timed=_at(published, "timed"),
        seconds=float(published.get("seconds") or 0),
        checks={one: count for one, count in counts.items() if count},
    )


def _at(row: Row, name: str) -> int:
    return int(row.get(name) or 0)


def _by_address(registry: Registry, table: sa.Table, counted: Counted) -> dict[str, Row]:
    columns = [column.label(name) for name, column in counted.items()]
    query = sa.select(table.c.address, sa.func.count().label("count"), *columns)
    return {row["address"]: row for row in registry.rows(query.group_by(table.c.address))}


def _current(registry: Registry) -> dict[str, Row]:
    """Return the size of the current version of every declared port."""
    own = publications.alias("own")
    newest = sa.select(sa.func.max(own.c.version)).where(own.c.address == ports.c.address)
    current = (publications.c.address == ports.c.address) & (
        publications.c.version == newest.scalar_subquery()
    )
    query = (
        sa.select(ports.c.address, publications.c.port_rows, publications.c.port_bytes)
        .join_from(ports, publications, current, isouter=True)
        .where(ports.c.withdrawn_at.is_(None))
        .order_by(ports.c.address)
    )
    return {row["address"]: row for row in registry.rows(query)}


def _durations() -> Counted:
    took = publications.c.duration_seconds
    within = {f"within {bound}": _times(took <= bound) for bound in DURATIONS}
    return {"timed": sa.func.count(took), "seconds": sa.func.sum(took), **within}


def _checks(table: sa.Table) -> Counted:
    return {
        f"{check} {passed}": _times(table.c.checks[check].as_boolean().is_(passed))
        for check in _CHECKS
        for passed in (True, False)
    }


def _times(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.sum(sa.case((condition, 1), else_=0))
