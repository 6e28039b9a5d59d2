"""Keep what consumers rely on, and see whether it can be had.

In:  a product, as it is declared.
Out: rows of the registry; errors for what a registered port can never satisfy.
An expectation that the port's contract could never satisfy when it was stated is kept, but does
not bind: it fails the consumer's own runs, and stops nobody else's.
"""

import sqlalchemy as sa

from mesh_dagster.declare.product import DataProduct
from mesh_dagster.declare.satisfy import unmet
from mesh_dagster.declare.transcribe import written
from mesh_dagster.errors import UnmetExpectationError
from mesh_dagster.run.registry import Registry, ports, products
from mesh_dagster.run.stated import METADATA, contract_of, expectations


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


def _problem(product: DataProduct, name: str, registry: Registry) -> UnmetExpectationError | None:
    given = product.inputs[name]
    if given.expectation is None:
        return None
    same = (products.c.key == ports.c.product_key) & (products.c.major == given.port.major)
    query = sa.select(ports.c.declaration, products.c.owner).join(products, same)
    for row in registry.rows(query.where(ports.c.address == given.address)):
        promised = contract_of(row["declaration"]["contract"])
        problems = unmet(promised, written(given.expectation)) if promised.columns else []
        if problems:
            told = map(str, problems)
            about = (product.key, name, given.address, row["owner"], told, "Nothing was built")
            return UnmetExpectationError(*about)
    return None
