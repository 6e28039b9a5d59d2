"""Keep in the registry which ports are retired.

In:  a `Retired`, as the store's marker says it.
Out: a row; the port's promises end with it. `run/reindex.py` rebuilds the rows from the markers.
"""

from collections.abc import Mapping
from dataclasses import asdict

import sqlalchemy as sa

from mesh_dagster.run.dialects import UtcDateTime, upsert
from mesh_dagster.run.registry import Registry, ports
from mesh_dagster.run.retired import Retired, mark
from mesh_dagster.run.store import Store

METADATA = sa.MetaData()
retirements = sa.Table(
    "retirements",
    METADATA,
    sa.Column("address", sa.String, primary_key=True),
    sa.Column("retired_at", UtcDateTime, nullable=False),
    sa.Column("successor", sa.String),
    sa.Column("because", sa.String),
)


def retire(retired: Retired, store: Store, registry: Registry) -> None:
    """Mark a port as retired, first in the store, then in the registry."""
    mark(retired, store)
    note(retired, registry)


def note(retired: Retired, registry: Registry) -> None:
    """Write a retirement into the registry alone."""
    registry.make(METADATA)
    its_port = (ports.c.address == retired.address) & ports.c.withdrawn_at.is_(None)
    with registry.begin() as connection:
        upsert(connection, retirements, [asdict(retired)])
        connection.execute(sa.update(ports).where(its_port).values(withdrawn_at=retired.retired_at))


def retirements_in(registry: Registry) -> Mapping[str, Retired]:
    """Return every retired port of the registry, by address."""
    registry.make(METADATA)
    rows = registry.rows(sa.select(retirements).order_by(retirements.c.address))
    return {row["address"]: Retired(**row) for row in rows}
