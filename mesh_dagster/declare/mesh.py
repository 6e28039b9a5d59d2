"""Put all products of one code location together and see that they fit.

In:  the products handed to `md.definitions`.
Out: a `Mesh`: products by key, ports by address, in an order in which they can be built.
Inputs from domains that are not loaded here are left alone; reading them tells at run time.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from mesh_dagster.declare.address import Address
from mesh_dagster.declare.port import OutputPort
from mesh_dagster.declare.product import DataProduct
from mesh_dagster.declare.satisfy import unmet
from mesh_dagster.declare.transcribe import written
from mesh_dagster.declare.wiring import Build
from mesh_dagster.errors import (
    CircularInputError,
    CollidingKeyError,
    DeclarationError,
    DraftReadError,
    DuplicateProductError,
    InternalReadError,
    NoProductError,
    UnknownInputError,
    UnmetExpectationError,
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
            NoProductError: Something else was given.
            DuplicateProductError: Two products claim one address.
            CollidingKeyError: Two assets would have one key.
            InternalReadError: A product reads what another keeps inside.
            UnknownInputError: A loaded domain does not publish what one of its ports is taken for.
            DraftReadError: A port that is no draft itself is made from a draft of this location.
            CircularInputError: Products read each other in a circle.
            UnmetExpectationError: A product expects of a loaded port what it does not promise.
            DeclarationError: A product publishes nothing, or reads its own port.
        """
        given = _distinct_products(products)
        _require_distinct(given)
        _require_distinct_keys(given)
        ports = {port.address: port for product in given for port in product.ports.values()}
        for product in given:
            _require_known_inputs(product, ports, given)
            _require_met_expectations(product, ports)
            _require_promised_inputs(product, ports)
        return cls(tuple(_ordered(given)), ports)


def _distinct_products(products: Iterable[DataProduct]) -> tuple[DataProduct, ...]:
    given = tuple(products)
    for one in given:
        if not isinstance(one, DataProduct):
            raise NoProductError(type(one).__name__)
    return tuple(dict.fromkeys(given))


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
    claimants: defaultdict[tuple[str, ...], list[_Claim]] = defaultdict(list)
    for product in products:
        for claim in _claims(product):
            claimants[claim.asset_key].append(claim)
    for asset_key, claims in claimants.items():
        if any(claim.made_by != claims[0].made_by for claim in claims):
            who = [f"{claim.what} of {claim.product}" for claim in claims]
            one_product = len({claim.product.partition(" ")[0] for claim in claims}) == 1
            raise CollidingKeyError("/".join(asset_key), who, one_product=one_product)


class _Claim(NamedTuple):
    what: str
    product: str
    """Its key and version."""
    asset_key: tuple[str, ...]
    made_by: object
    """Two majors of a product share what is made by the same function from the same inputs."""


def _claims(product: DataProduct) -> Iterator[_Claim]:
    own = f"{product.key} {product.version}"
    for internal in product.internals.values():
        inputs = {p.name: product.inputs[p.name] for p in internal.build.taken("input")}
        yield _Claim(f"internal {internal.name}", own, internal.asset_key, (internal, inputs))
    for adopted in product.adopted.values():
        yield _Claim(
            f"adopted asset {adopted.name}", own, adopted.asset_key, (product.key, adopted)
        )
    for port in product.ports.values():
        yield _Claim(f"port {port.address.port}", own, port.address.parts, port)


def _require_promised_inputs(product: DataProduct, ports: dict[Address, OutputPort]) -> None:
    for port in product.ports.values():
        read = _inputs_of(product, port.build)
        drafts = [str(a) for a in read if a in ports and ports[a].state == "draft"]
        if drafts and port.state != "draft":
            raise DraftReadError(str(port.address), drafts)


def _inputs_of(product: DataProduct, build: Build) -> set[Address]:
    """Return the ports that a build reads, itself or through internals."""
    found = {product.inputs[p.name].port for p in build.taken("input")}
    for parameter in build.taken("internal"):
        if parameter.name in product.internals:
            found |= _inputs_of(product, product.internals[parameter.name].build)
    return found


def _require_known_inputs(
    product: DataProduct, ports: dict[Address, OutputPort], products: tuple[DataProduct, ...]
) -> None:
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
        _require_no_internal(product, address, products)
        known = [str(known) for known in ports if known.domain == address.domain]
        raise UnknownInputError(product.key, str(address), address.domain, known)


def _require_met_expectations(product: DataProduct, ports: dict[Address, OutputPort]) -> None:
    for name, given in product.inputs.items():
        port = ports.get(given.port)
        if port is None or given.expectation is None:
            continue
        problems = unmet(written(port.contract), written(given.expectation))
        if problems:
            raise UnmetExpectationError(
                product.key, name, given.address, port.owner, map(str, problems)
            )


def _require_no_internal(
    reader: DataProduct, address: Address, products: tuple[DataProduct, ...]
) -> None:
    for producer in (product for product in products if product.key == address.key):
        if address.port in {*producer.internals, *producer.adopted}:
            ports = [str(port.address) for port in producer.ports.values()]
            raise InternalReadError(reader.key, address.port, producer.key, ports)


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
        readers_first = reversed(error.args[1])
        raise CircularInputError(f"{key}/v{major}" for key, major in readers_first) from None
    return (by_id[identity] for identity in order)
