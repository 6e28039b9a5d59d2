"""Put the assets of all code locations in the order in which they can be built.

In:  code locations.
Out: `Asset`s, which know their product by the tags that `compile/` gave them, and the steps in
which the selected ones are materialized: each product after those that it reads, and within a
product one step for each kind of partitions.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from mesh_dagster.cli.workspace import Location
from mesh_dagster.declare.address import Address
from mesh_dagster.errors import AddressRefusedError, CircularInputError, DuplicateProductError

if TYPE_CHECKING:
    import dagster as dg

_PORT_PARTS = 4


@dataclass(frozen=True, eq=False)
class Asset:
    """A port or an internal that can be materialized."""

    spec: "dg.AssetSpec" = field(repr=False)
    location: Location = field(repr=False)
    role: str
    """`port` or `internal`."""
    product: str
    """`domain/product`."""

    @property
    def name(self) -> str:
        """The address of a port, the key of an internal."""
        text: str = self.spec.key.to_user_string()
        return f"mesh://{text}" if self.role == "port" else text

    @property
    def key(self) -> "dg.AssetKey":
        """Dagster's key."""
        return self.spec.key


@dataclass(frozen=True)
class Step:
    """Assets of one product that are materialized together, partition by partition."""

    product: str
    location: Location
    assets: tuple[Asset, ...]
    partitions: "dg.PartitionsDefinition | None"
    """`None` for assets without partitions."""


Assets = Mapping["dg.AssetKey", Asset]


def assets_of(locations: Iterable[Location]) -> Assets:
    """Return every asset of every product, by key.

    Raises:
        DuplicateProductError: Two locations have an asset of one key.
    """
    from mesh_dagster.compile.names import DOMAIN_TAG, PRODUCT_TAG, ROLE_TAG

    found: dict[dg.AssetKey, Asset] = {}
    for location in locations:
        graph = location.definitions.resolve_asset_graph()
        for spec in location.definitions.resolve_all_asset_specs():
            tags = spec.tags
            if ROLE_TAG not in tags or spec.key not in graph.materializable_asset_keys:
                continue
            product = f"{tags[DOMAIN_TAG]}/{tags[PRODUCT_TAG]}"
            asset = Asset(spec, location, tags[ROLE_TAG], product)
            if spec.key in found:
                claims = [f"{each.location.name}" for each in (found[spec.key], asset)]
                raise DuplicateProductError(asset.name, claims)
            found[spec.key] = asset
    return found


def steps_for(assets: Assets, selected: Collection["dg.AssetKey"]) -> list[Step]:
    """Order the selected assets; the same selection gives the same order.

    Raises:
        CircularInputError: Products read each other in a circle.
    """
    by_product: defaultdict[str, list[Asset]] = defaultdict(list)
    for asset in assets.values():
        by_product[asset.product].append(asset)
    reads = {
        product: sorted({assets[key].product for asset in own for key in _deps(asset, assets)})
        for product, own in sorted(by_product.items())
    }
    try:
        order = list(
            TopologicalSorter(
                {product: set(read) - {product} for product, read in reads.items()}
            ).static_order()
        )
    except CycleError as error:
        raise CircularInputError(error.args[1]) from None
    steps = [
        _only(step, selected)
        for product in order
        for step in _steps_of(product, by_product[product], assets)
    ]
    return [step for step in steps if step.assets]


def inputs_of(asset: Asset) -> list[Address]:
    """Return the ports of other products that an asset reads itself."""
    addresses = (_address(dep.asset_key.path) for dep in asset.spec.deps)
    return [address for address in addresses if address and address.key != asset.product]


def reads_of(asset: Asset, assets: Assets) -> set[str]:
    """Return the ports of other products that an asset reads, itself or through internals."""
    seen, pending = {asset.key}, [asset]
    for one in pending:
        behind = [other for other in deps_within(one, assets) if other.key not in seen]
        seen |= {other.key for other in behind}
        pending += behind
    return {str(address) for one in pending for address in inputs_of(one)}


def deps_within(asset: Asset, assets: Assets) -> list[Asset]:
    """Return the assets of its own product that an asset is made from."""
    read = (assets[key] for key in _deps(asset, assets))
    return [other for other in read if other.product == asset.product]


def _deps(asset: Asset, assets: Assets) -> list["dg.AssetKey"]:
    return [dep.asset_key for dep in asset.spec.deps if dep.asset_key in assets]


def _steps_of(product: str, own: Sequence[Asset], assets: Assets) -> list[Step]:
    levels: dict[dg.AssetKey, int] = {}
    order = TopologicalSorter({a.key: {d.key for d in deps_within(a, assets)} for a in own})
    for key in order.static_order():
        asset = assets[key]
        levels[key] = max(
            (
                levels[dep.key] + (dep.spec.partitions_def != asset.spec.partitions_def)
                for dep in deps_within(asset, assets)
            ),
            default=0,
        )
    together: defaultdict[tuple[int, str], list[Asset]] = defaultdict(list)
    for asset in own:
        together[levels[asset.key], repr(asset.spec.partitions_def)].append(asset)
    return [
        Step(
            product,
            group[0].location,
            tuple(sorted(group, key=lambda asset: asset.name)),
            group[0].spec.partitions_def,
        )
        for _, group in sorted(together.items(), key=lambda item: item[0])
    ]


def _only(step: Step, selected: Collection["dg.AssetKey"]) -> Step:
    kept = tuple(asset for asset in step.assets if asset.key in selected)
    return Step(step.product, step.location, kept, step.partitions)


def _address(path: Sequence[str]) -> Address | None:
    if len(path) != _PORT_PARTS:
        return None
    try:
        return Address.parse(f"mesh://{'/'.join(path)}")
    except AddressRefusedError:
        return None
