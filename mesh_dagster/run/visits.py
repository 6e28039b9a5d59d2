"""Keep who met which product in a search or on a page, so that it is known how long they need.

In:  a reader, the products that were shown.
Out: a row for each reader, product and day. Where the registry cannot be written at once, nothing
is kept and nobody waits.
"""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from mesh_dagster.errors import RegistryError
from mesh_dagster.run.count import LONGEST_NAME
from mesh_dagster.run.dialects import KEPT, UtcDateTime, upsert
from mesh_dagster.run.registry import Registry

METADATA = sa.MetaData()
How = Literal["search", "view"]
"""As a hit of a search, or by itself: on its page, by `mesh show`."""
_AT_ONCE = {
    "sqlite": sa.text("PRAGMA busy_timeout = 50"),
    "postgresql": sa.text("SET LOCAL lock_timeout = '50ms'"),
}

visits = sa.Table(
    "visits",
    METADATA,
    sa.Column("product_key", sa.String, primary_key=True),
    sa.Column("reader", sa.String, primary_key=True),
    sa.Column("how", sa.String, primary_key=True),
    sa.Column("day", sa.String, primary_key=True),
    sa.Column("first_at", UtcDateTime, nullable=False, info={KEPT: True}),
    sa.Column("last_at", UtcDateTime, nullable=False),
)


def visit(registry: Registry, reader: str, how: How, keys: Iterable[str], now: datetime) -> None:
    """Note that somebody was shown some products.

    Args:
        registry: Where it is noted, if that can be done at once.
        reader: Who; the name under which they read, so that both can be told to be one.
        how: In which way.
        keys: The products, such as `media_player/plays`.
        now: Aware UTC.
    """
    seen = {"reader": reader[:LONGEST_NAME], "how": how, "day": f"{now:%Y-%m-%d}"}
    rows = [{"product_key": key, **seen, "first_at": now, "last_at": now} for key in set(keys)]
    with suppress(RegistryError):
        registry.make(METADATA)
        with registry.begin() as connection:
            connection.execute(_AT_ONCE[connection.dialect.name])
            upsert(connection, visits, sorted(rows, key=lambda row: str(row["product_key"])))


def prune(registry: Registry, before: datetime) -> int:
    """Forget the visits of the days before a time; return how many rows that were."""
    registry.make(METADATA)
    with registry.begin() as connection:
        gone = connection.execute(sa.delete(visits).where(visits.c.day < f"{before:%Y-%m-%d}"))
        return gone.rowcount
