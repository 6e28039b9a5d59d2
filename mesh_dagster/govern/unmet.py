"""Say what products expect of ports that these can never satisfy.

In:  what an input expects, and the contracts of ports.
Out: clauses that follow the name of a product. Whether data keep a rule that their port does not
promise is seen when they are published.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter

from mesh_dagster.declare.satisfy import unmet
from mesh_dagster.declare.written import WrittenContract
from mesh_dagster.errors.declare import expected_in_vain
from mesh_dagster.govern.declared import Declared, DeclaredPort
from mesh_dagster.run.stated import contract_of

Vain = tuple[Declared, str, str]
"""Who expects something in vain, of which address, and the clause that says so."""


def inputs_in_vain(
    tree: Sequence[Declared], others: Sequence[Declared], released: Iterable[Declared]
) -> Iterator[Vain]:
    """Yield each input that expects something in vain.

    Args:
        tree: Every product of the working tree.
        others: Products elsewhere, of which only what they could have before is told.
        released: What was released from the working tree.
    """
    here, before = _ports(tree), _ports(released)
    everywhere = {**_ports(others), **here}
    for product in sorted(tree, key=_identity):
        for address, clause in unmet_inputs(product, everywhere):
            yield product, address, clause
    for product in sorted(others, key=_identity):
        in_vain_before = {address for address, _ in unmet_inputs(product, before)}
        for address, clause in unmet_inputs(product, here):
            if address in before and address not in in_vain_before:
                yield product, address, clause


_identity = attrgetter("identity")


def _ports(products: Iterable[Declared]) -> dict[str, DeclaredPort]:
    return {address: port for product in products for address, port in product.ports.items()}


def unmet_inputs(product: Declared, ports: Mapping[str, DeclaredPort]) -> Iterator[tuple[str, str]]:
    """Yield the address and the clause of each input that expects something in vain.

    Args:
        product: Who expects.
        ports: By address; what is expected of others is not judged.
    """
    for name, stated in (product.declaration.get("expects") or {}).items():
        address = product.declaration["inputs"][name]
        if address in ports:
            promised = contract_of(ports[address].declaration["contract"])
            clause = unmet_input(name, address, contract_of(stated), promised)
            if clause:
                yield address, clause


def unmet_input(
    name: str, address: str, expected: WrittenContract, promised: WrittenContract
) -> str | None:
    """Say what one input expects in vain; `None` where all of it can be had."""
    # Without columns it was written by another version of this package.
    problems = unmet(promised, expected) if promised.columns else []
    return expected_in_vain(name, address, map(str, problems)) if problems else None
