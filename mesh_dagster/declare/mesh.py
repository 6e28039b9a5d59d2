"""Put all products of one code location together and see that they fit.

In:  the products handed to `md.definitions`.
Out: a `Mesh`: products by key, ports by address, in an order in which they can be built.
Inputs from domains that are not loaded here are left alone; reading them tells at run time.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from mesh_dagster.declare.address import Address
from mesh_dagster.declare.port import OutputPort
from mesh_dagster.declare.product import DataProduct
from mesh_dagster.errors import (
    CircularInputError,
    CollidingKeyError,
    DeclarationError,
    DuplicateProductError,
    UnknownInputError,
)


@dataclass(frozen=True)
class Mesh:
    """Products that fit together."""

    products: tuple[DataProduct, ...]
    """Producers before their consumers; otherwise as given."""
    ports: dict[Address, OutputPort]
    """Every output port of the products."""

    @classmethod
    def of(cls, products: Iterable[DataProduct]) -> "Mesh":
        """Check all products together.

        Raises:
            DuplicateProductError: Two products claim one address.
            CollidingKeyError: Two assets would have one key.
            UnknownInputError: A loaded domain does not publish what one of its ports is taken for.
            CircularInputError: Products read each other in a circle.
            DeclarationError: A product publishes nothing, or reads its own port.
        """
        given = tuple(dict.fromkeys(products))
        _require_distinct(given)
        _require_distinct_keys(given)
        ports = {port.address: port for product in given for port in product.ports.values()}
        for product in given:
            _require_known_inputs(product, ports)
        return cls(tuple(_ordered(given)), ports)


def _require_distinct(products: tuple[DataProduct, ...]) -> None:
    owners: defaultdict[str, list[str]] = defaultdict(list)
    for product in products:
        owners[f"mesh://{product.key}/v{product.major}"].append(product.owner)
        if not product.ports:
            raise DeclarationError(
                f"Product '{product.key}'", "has no output port", "Declare one with '.port(...)'."
            )
    for address, claimed in owners.items():
        if len(claimed) > 1:
            raise DuplicateProductError(address, claimed)


def _require_distinct_keys(products: tuple[DataProduct, ...]) -> None:
    claimants: defaultdict[str, list[str]] = defaultdict(list)
    for product in products:
        for asset_key in _asset_keys(product):
            claimants["/".join(asset_key)].append(f"{product.key} {product.version}")
    for asset_key, names in claimants.items():
        if len(names) > 1:
            raise CollidingKeyError(asset_key, names)


def _asset_keys(product: DataProduct) -> Iterator[tuple[str, ...]]:
    yield from (internal.asset_key for internal in product.internals.values())
    yield from (adopted.asset_key for adopted in product.adopted.values())
    yield from (port.address.parts for port in product.ports.values())


def _require_known_inputs(product: DataProduct, ports: dict[Address, OutputPort]) -> None:
    domains = {address.domain for address in ports}
    for name, given in product.inputs.items():
        address = given.port
        if address.key == product.key and address.major == product.major:
            raise DeclarationError(
                f"Product '{product.key}'",
                f"reads its own port '{address}' by the input '{name}'",
                "Build both ports from one internal.",
            )
        if address in ports or address.domain not in domains:
            continue
        known = [str(known) for known in ports if known.domain == address.domain]
        raise UnknownInputError(product.key, str(address), address.domain, known)


def _ordered(products: tuple[DataProduct, ...]) -> Iterator[DataProduct]:
    by_id = {(product.key, product.major): product for product in products}
    reads = {
        identity: sorted(
            {(given.port.key, given.port.major) for given in product.inputs.values()} & set(by_id)
        )
        for identity, product in by_id.items()
    }
    try:
        order = list(TopologicalSorter(reads).static_order())
    except CycleError as error:
        raise CircularInputError(key for key, _ in error.args[1]) from None
    return (by_id[identity] for identity in order)
