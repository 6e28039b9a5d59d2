"""Know who relies on what in a port, in all code locations.

In:  a product, as it is declared; or the address of a port.
Out: rows of the registry; or a `Stated` for each input port that expects something of the address.
An expectation that the port's contract could never satisfy when it was stated is kept, but does
not bind: it fails the consumer's own runs, and stops nobody else's.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from mesh_dagster.declare.notation import NotWritableError
from mesh_dagster.declare.product import DataProduct
from mesh_dagster.declare.satisfy import unmet
from mesh_dagster.declare.transcribe import written
from mesh_dagster.declare.written import WrittenContract
from mesh_dagster.errors import UnmetExpectationError
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


def note_stated(product: DataProduct, registry: Registry) -> None:
    """Keep what a product expects; what is kept already stays as it is, and costs no write."""
    registry.make(METADATA)
    mine = (expectations.c.product_key == product.key) & (expectations.c.major == product.major)
    known = {row["input"]: dict(row) for row in registry.rows(sa.select(expectations).where(mine))}
    rows = {}
    for name, given in product.inputs.items():
        if given.expectation is None:
            continue
        row = {
            "product_key": product.key,
            "major": product.major,
            "input": name,
            "address": given.address,
            "digest": given.expectation.digest,
        }
        kept = known.get(name, {})
        if not kept.items() >= row.items():
            kept = {**row, "binding": _problem(product, name, registry) is None}
        rows[name] = kept
    if rows == known:
        return
    with registry.begin() as connection:
        connection.execute(sa.delete(expectations).where(mine))
        if rows:
            connection.execute(sa.insert(expectations), list(rows.values()))


def unmet_inputs(product: DataProduct, registry: Registry) -> list[UnmetExpectationError]:
    """Return an error for each input that expects what a registered port does not promise."""
    problems = (_problem(product, name, registry) for name in product.inputs)
    return [problem for problem in problems if problem]


def require_promised(product: DataProduct, name: str, registry: Registry) -> None:
    """Check one input against the contract that its port has in the registry.

    Raises:
        UnmetExpectationError: The contract can never satisfy what is expected.
    """
    problem = _problem(product, name, registry)
    if problem:
        raise problem


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
            about = (row["owner"], row["input"], _read(contract), row["binding"])
            found.append(Stated(who, *about))
    return found


def _read(stated: object) -> WrittenContract:
    try:
        return WrittenContract.from_json(stated)
    except NotWritableError:  # by another version of this package
        return _UNREADABLE


def _problem(product: DataProduct, name: str, registry: Registry) -> UnmetExpectationError | None:
    given = product.inputs[name]
    if given.expectation is None:
        return None
    same = (products.c.key == ports.c.product_key) & (products.c.major == given.port.major)
    query = sa.select(ports.c.declaration, products.c.owner).join(products, same)
    for row in registry.rows(query.where(ports.c.address == given.address)):
        promised = _read(row["declaration"]["contract"])
        problems = unmet(promised, written(given.expectation)) if promised.columns else []
        if problems:
            told = map(str, problems)
            about = (product.key, name, given.address, row["owner"], told, "Nothing was built")
            return UnmetExpectationError(*about)
    return None
