"""Say how every port stands, from the registry alone.

In:  the registry.
Out: one `PortStatus` for each port, by two SQL statements, however many ports there are.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from mesh_dagster.declare.lifecycle import Deprecated, StateName
from mesh_dagster.run.consumers import deprecations_of
from mesh_dagster.run.dialects import UtcDateTime
from mesh_dagster.run.failures import METADATA as FAILURES
from mesh_dagster.run.failures import failures, stands
from mesh_dagster.run.history import of_its_product
from mesh_dagster.run.registry import Registry, ports, products, publications, refusals
from mesh_dagster.run.retirements import METADATA, retirements


@dataclass  # frozen, it would take ten times as long to make, and there may be thousands
class PortStatus:
    """How one port stands."""

    address: str
    owner: str | None
    """`None` for a port that has publications but is not declared in this registry."""
    alignment: str | None
    product_version: str | None
    purpose: str | None
    version: int | None
    """The newest publication; `None` before the first."""
    published_at: datetime | None
    rows: int | None
    data_time: datetime | None
    refused_since: datetime | None
    """The first refusal of a slice that has not been published since."""
    refused_batches: int
    """The refusals since then."""
    failed_since: datetime | None
    """The first crash of a slice that has not been published since."""
    state: StateName | None = None
    """Where it stands in its life; `None` where that was never declared."""
    deprecated: Deprecated | None = None
    """When it ends and what to read instead, where it is deprecated."""


def overview(registry: Registry) -> list[PortStatus]:
    """Return every declared port and every address with publications, by address."""
    registry.make(METADATA)
    registry.make(FAILURES)
    with registry.begin() as connection:
        known = [PortStatus(*row) for row in connection.execute(_query())]
    leaving = {port.address: port for port in known if port.state == "deprecated"}
    if leaving:
        for address, state in deprecations_of(registry, leaving).items():
            leaving[address].deprecated = state
    return known


def _query() -> sa.Select[Any]:
    """Select the fields of `PortStatus`, in their order."""
    known = _known()
    refused, failed = _standing_refusals(), _standing_failures()
    return (
        sa.select(
            known.c.address,
            products.c.owner,
            products.c.alignment,
            products.c.version.label("product_version"),
            products.c.purpose,
            publications.c.version,
            publications.c.published_at,
            publications.c.port_rows.label("rows"),
            publications.c.data_time,
            refused.c.refused_since,
            sa.func.coalesce(refused.c.refused_batches, 0).label("refused_batches"),
            failed.c.failed_since,
            sa.case((retirements.c.address.is_not(None), "retired"), else_=ports.c.state),
        )
        .join_from(known, ports, ports.c.address == known.c.address, isouter=True)
        .join(products, of_its_product(known.c.address), isouter=True)
        .join(
            publications,
            (publications.c.address == known.c.address)
            & (publications.c.version == _newest(known)),
            isouter=True,
        )
        .join(refused, refused.c.address == known.c.address, isouter=True)
        .join(failed, failed.c.address == known.c.address, isouter=True)
        .join(retirements, retirements.c.address == known.c.address, isouter=True)
        .order_by(known.c.address)
    )


def _known() -> sa.Subquery:
    """Select every declared address, and every other one with publications."""
    undeclared = (
        sa.select(publications.c.address)
        .where(~sa.exists().where(ports.c.address == publications.c.address))
        .distinct()
    )
    return sa.union_all(sa.select(ports.c.address), undeclared).subquery("known")


def _newest(known: sa.Subquery) -> sa.ScalarSelect[int]:
    other = publications.alias("other")
    newest = sa.select(sa.func.max(other.c.version)).where(other.c.address == known.c.address)
    return newest.scalar_subquery()


def _standing_refusals() -> sa.Subquery:
    published_since = sa.exists().where(
        (publications.c.address == refusals.c.address)
        & (publications.c.slice == refusals.c.slice)
        & (publications.c.published_at >= refusals.c.refused_at)
    )
    return (
        sa.select(
            refusals.c.address,
            sa.func.min(refusals.c.refused_at).label("refused_since"),
            sa.func.count().label("refused_batches"),
        )
        .where(~published_since)
        .group_by(refusals.c.address)
        .subquery("refused")
    )


def _standing_failures() -> sa.Subquery:
    return (
        sa.select(
            failures.c.address,
            sa.func.min(failures.c.failed_at, type_=UtcDateTime).label("failed_since"),
        )
        .where(stands())
        .group_by(failures.c.address)
        .subquery("failed")
    )
