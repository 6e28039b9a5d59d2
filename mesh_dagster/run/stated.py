"""Know who relies on what in a port, in all code locations.

In:  the address of a port.
Out: a `Stated` for each input port that expects something of it. `run/stating.py` writes the rows.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from mesh_dagster.declare.notation import NotWritableError
from mesh_dagster.declare.written import WrittenContract
from mesh_dagster.run.registry import Registry, ports, products

METADATA = sa.MetaData()
expectations = sa.Table(
    "expectations",
    METADATA,
    sa.Column("product_key", sa.String, primary_key=True),
    sa.Column("major", sa.Integer, primary_key=True),
    sa.Column("input", sa.String, primary_key=True),
    sa.Column("address", sa.String, nullable=False, index=True),
    sa.Column("digest", sa.String, nullable=False),
    sa.Column("binding", sa.Boolean, nullable=False),
)
_UNREADABLE = WrittenContract("", "", ())


@dataclass(frozen=True)
class Stated:
    """One input port that expects something."""

    consumer: str
    """The product and its major version, such as `payments/royalties v2`."""
    owner: str
    input: str
    expected: WrittenContract
    """Without columns where it cannot be read here."""
    binding: bool
    """Whether the port's contract could satisfy it when it was stated."""


def stated_of(registry: Registry, address: str) -> list[Stated]:
    """Return who relies on a port, in a fixed order, but no product without a port any more."""
    registry.make(METADATA)
    own = "mesh://" + products.c.key + "/v" + sa.cast(products.c.major, sa.String) + "/%"
    alive = sa.exists().where(ports.c.address.like(own) & ports.c.withdrawn_at.is_(None))
    same = (products.c.key == expectations.c.product_key) & (
        products.c.major == expectations.c.major
    )
    query = (
        sa.select(expectations, products.c.owner, products.c.declaration)
        .join(products, same)
        .where((expectations.c.address == address) & alive)
        .order_by(expectations.c.product_key, expectations.c.major, expectations.c.input)
    )
    found = []
    for row in registry.rows(query):
        who = f"{row['product_key']} v{row['major']}"
        contract = row["declaration"].get("expects", {}).get(row["input"])
        if contract is not None:  # else it is just being taken back
            about = (row["owner"], row["input"], contract_of(contract), row["binding"])
            found.append(Stated(who, *about))
    return found


def contract_of(stated: object) -> WrittenContract:
    """Read a contract of the registry; it has no columns where it cannot be read here."""
    try:
        return WrittenContract.from_json(stated)
    except NotWritableError:  # by another version of this package
        return _UNREADABLE
