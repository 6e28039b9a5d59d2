"""Keep in the registry which attempts to publish ended by an exception that is no refusal.

In:  a `Failure`; of its error the type alone, for the message may hold values of the data.
Out: the last one of each slice, so the table grows no further than the mesh. It stands until the
slice is published.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa

from mesh_dagster.run.dialects import UtcDateTime, upsert
from mesh_dagster.run.registry import Registry, publications
from mesh_dagster.run.store import WHOLE

METADATA = sa.MetaData()
failures = sa.Table(
    "failures",
    METADATA,
    sa.Column("address", sa.String, primary_key=True),
    sa.Column("slice", sa.String, primary_key=True),
    sa.Column("failed_at", UtcDateTime, nullable=False),
    sa.Column("run_id", sa.String, nullable=False),
    sa.Column("error", sa.String, nullable=False),
)


@dataclass(frozen=True)
class Failure:
    """One attempt that crashed."""

    address: str
    slice: str
    """The partition; `WHOLE` also where what crashed has other partitions than the port."""
    failed_at: datetime
    """Aware UTC."""
    run_id: str
    """Of Dagster, which keeps the whole error."""
    error: str
    """Its type."""


def note_failures(made: Sequence[Failure], registry: Registry) -> None:
    """Write failures, each in place of the one before it."""
    registry.make(METADATA)
    with registry.begin() as connection:
        upsert(connection, failures, [asdict(failure) for failure in made])


def standing_failures(registry: Registry, addresses: Sequence[str]) -> list[Failure]:
    """Return the failures of ports that no later publication has made good, newest first."""
    registry.make(METADATA)
    mine = failures.c.address.in_(addresses)
    query = sa.select(failures).where(mine, stands()).order_by(failures.c.failed_at.desc())
    return [Failure(**row) for row in registry.rows(query)]


def stands() -> sa.ColumnElement[bool]:
    """Select failures that no later publication of their slice has made good."""
    return ~sa.exists().where(
        publications.c.address == failures.c.address,
        sa.or_(publications.c.slice == failures.c.slice, failures.c.slice == WHOLE),
        publications.c.published_at >= failures.c.failed_at,
    )
