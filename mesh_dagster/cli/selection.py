"""Find the assets that the argument of `mesh run` means.

In:  a domain, a product's key, a port's address, or a selection in Dagster's own syntax.
Out: asset keys.
"""

import re
from typing import TYPE_CHECKING

from mesh_dagster.cli.steps import Asset, Assets, deps_within
from mesh_dagster.declare.address import Address
from mesh_dagster.errors import NothingSelectedError

if TYPE_CHECKING:
    import dagster as dg

_PLAIN = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)?")


def selected(assets: Assets, text: str | None) -> set["dg.AssetKey"]:
    """Return the keys that a text means; all of them for none.

    Raises:
        NothingSelectedError: The text means nothing that is loaded.
        AddressRefusedError: The text begins like an address and is none.
    """
    if text is None:
        return set(assets)
    if text.startswith("mesh://"):
        return _of_port(assets, Address.parse(text))
    domains = {asset.product.partition("/")[0] for asset in assets.values()}
    products = {asset.product for asset in assets.values()}
    if _PLAIN.fullmatch(text):
        found = {k for k, a in assets.items() if text in (a.product, a.product.split("/")[0])}
    else:
        found = _by_dagster(assets, text)
    if not found:
        namesakes = {product for product in products if product.endswith(f"/{text}")}
        raise NothingSelectedError(text, namesakes or domains | products)
    return found


def _of_port(assets: Assets, address: Address) -> set["dg.AssetKey"]:
    ports = {asset.name: asset for asset in assets.values() if asset.role == "port"}
    if str(address) not in ports:
        raise NothingSelectedError(str(address), ports)
    pending: list[Asset] = [ports[str(address)]]
    found: set[dg.AssetKey] = set()
    while pending:
        asset = pending.pop()
        found.add(asset.key)
        pending += [dep for dep in deps_within(asset, assets) if dep.key not in found]
    return found


def _by_dagster(assets: Assets, text: str) -> set["dg.AssetKey"]:
    """Resolve a selection over all code locations, which no single Definitions holds."""
    import dagster as dg

    stand_ins = [_stand_in(asset, number) for number, asset in enumerate(assets.values())]
    graph = dg.Definitions(assets=stand_ins).resolve_asset_graph()
    try:
        return set(dg.AssetSelection.from_string(text).resolve(graph)) & set(assets)
    except dg.DagsterError:
        return set()


def _stand_in(asset: Asset, number: int) -> "dg.AssetsDefinition":
    import dagster as dg

    spec = asset.spec
    plain = dg.AssetSpec(
        spec.key,
        deps=[dep.asset_key for dep in spec.deps],
        group_name=spec.group_name,
        tags=spec.tags,
        owners=spec.owners,
        code_version=spec.code_version,
    )

    @dg.multi_asset(specs=[plain], name=f"stand_in_{number}")
    def never_run() -> None: ...

    return never_run
