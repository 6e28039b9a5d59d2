"""Register a product: write what is declared now, and keep what was declared before.

In:  the rows of a product and its ports, as `run/declared.py` writes them.
Out: rows of the registry, the past of each declaration, the inputs of each product, and the words
under which it is found. A declaration that is known already costs one query.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from mesh_dagster.run import reads, words
from mesh_dagster.run.dialects import Json, UtcDateTime, upsert
from mesh_dagster.run.registry import Registry, ports, products

Row = Mapping[str, Any]  # Any: JSON
METADATA = sa.MetaData()

declarations = sa.Table(
    "declarations",
    METADATA,
    sa.Column("address", sa.String, primary_key=True),
    sa.Column("declared_at", UtcDateTime, primary_key=True),
    sa.Column("digest", sa.String, nullable=False),
    sa.Column("product", Json, nullable=False),
    sa.Column("description", sa.String),
    sa.Column("declaration", Json, nullable=False),
)
"""What each port promised since when; one row for each change."""
links = sa.Table(
    "links",
    METADATA,
    sa.Column("product_key", sa.String, primary_key=True),
    sa.Column("major", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("address", sa.String, nullable=False, index=True),
)
"""The input ports of each product."""
OF_THE_PRODUCT = ("version", "owner", "alignment", "purpose")
"""What the past of a port says of its product."""


def register_rows(registry: Registry, product: Row, its_ports: Sequence[Row]) -> bool:
    """Write a product and its ports, if anything in their declaration has changed.

    Args:
        registry: Where to.
        product: A row of `products`, its `digest` left out.
        its_ports: Rows of `ports`.

    Returns:
        Whether it was news.
    """
    make(registry)
    digest = _digest(_undated(product), [_undated(port) for port in its_ports])
    mine = (products.c.key == product["key"]) & (products.c.major == product["major"])
    addresses = [port["address"] for port in its_ports]
    withdrawn = sa.exists().where(ports.c.address.in_(addresses), ports.c.withdrawn_at.is_not(None))
    with registry.begin() as connection:
        if connection.scalar(sa.select(products.c.digest).where(mine, ~withdrawn)) == digest:
            return False
        upsert(connection, products, [{**product, "digest": digest}])
        upsert(connection, ports, its_ports)
        _remember(connection, product, its_ports)
        _link(connection, product)
        words.index(connection, product, its_ports)
    return True


def make(registry: Registry) -> None:
    """Make the tables that every registered product has rows in, or is read through."""
    registry.make(METADATA)
    registry.make(reads.METADATA)
    words.make(registry)


def _remember(connection: sa.Connection, product: Row, its_ports: Sequence[Row]) -> None:
    addresses = [port["address"] for port in its_ports]
    known = sa.select(declarations.c.address, declarations.c.digest)
    known = known.where(declarations.c.address.in_(addresses)).order_by(declarations.c.declared_at)
    last = {row.address: row.digest for row in connection.execute(known)}
    rows = [_past(product, port) for port in its_ports]
    upsert(connection, declarations, [r for r in rows if last.get(r["address"]) != r["digest"]])


def _past(product: Row, port: Row) -> dict[str, Any]:  # Any: JSON
    said = {
        "product": {name: product[name] for name in OF_THE_PRODUCT},
        "description": port["description"],
        "declaration": port["declaration"],
    }
    return {
        "address": port["address"],
        "declared_at": port["registered_at"],
        "digest": _digest(said),
        **said,
    }


def _link(connection: sa.Connection, product: Row) -> None:
    who = {"product_key": product["key"], "major": product["major"]}
    mine = (links.c.product_key == product["key"]) & (links.c.major == product["major"])
    connection.execute(sa.delete(links).where(mine))
    inputs = product["declaration"].get("inputs", {})
    upsert(connection, links, [{**who, "name": n, "address": a} for n, a in inputs.items()])


def _undated(row: Row) -> Row:
    return {name: value for name, value in row.items() if name != "registered_at"}


def _digest(*said: object) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()
