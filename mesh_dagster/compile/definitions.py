"""Put the assets, sensors and resources of all products of a code location together.

In:  the products of one domain, and resources.
Out: a `dg.Definitions`, ready for `workspace.yaml`.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import dagster as dg
from dagster_duckdb import DuckDBResource
from dagster_shared.libraries import DagsterLibraryRegistry

from mesh_dagster import __version__
from mesh_dagster.compile import names
from mesh_dagster.compile.assets import assets_for
from mesh_dagster.compile.automation import automation_sensor
from mesh_dagster.compile.declared import declared, products_in
from mesh_dagster.compile.resources import MeshIOManager, MeshResource
from mesh_dagster.compile.sensors import slo_sensor
from mesh_dagster.declare.mesh import Mesh
from mesh_dagster.declare.product import DataProduct

# Dagster shows it among its libraries, and does not compare its version with its own.
DagsterLibraryRegistry.register("mesh-dagster", __version__, is_dagster_package=False)


def definitions(
    *products: DataProduct,
    resources: Mapping[str, Any] | None = None,  # Any: whatever Dagster takes as a resource
) -> dg.Definitions:
    """Turn products into a code location.

    Args:
        products: The data products of one domain.
        resources: Dagster resources for build functions. `mesh` (a `MeshResource`),
            `mesh_io_manager` and `duckdb` (a `DuckDBResource`) replace the defaults.

    Returns:
        Assets, checks, the sensors that automate and that watch promises, and the resources.
        Definitions of several calls merge, as long as only one of them is given resources.

    Raises:
        MeshLoadError: The products do not fit together.
        DeclarationError: A port's partitions cannot stand.
    """
    built = definitions_of_products(*products)
    shared = definitions_of_location(resources)
    return dg.Definitions(
        assets=built.assets,
        sensors=shared.sensors if products else [],
        resources=shared.resources,
        metadata=built.metadata,
    )


def definitions_of_products(*products: DataProduct) -> dg.Definitions:
    """Return the assets of products alone, without what a code location carries once."""
    mesh = Mesh.of(products)
    # By key, since two majors of a product may share an internal.
    assets = {asset.key: asset for product in mesh.products for asset in assets_for(product)}
    return dg.Definitions(assets=list(assets.values()), metadata=declared(mesh.products))


def definitions_of_location(
    resources: Mapping[str, Any] | None = None,  # Any: as above
) -> dg.Definitions:
    """Return what a code location carries once: the sensors, and the resources."""
    given = dict(resources or {})
    return dg.Definitions(
        sensors=[automation_sensor(), slo_sensor()], resources={**_defaults(given), **given}
    )


def products_of(defs: dg.Definitions) -> tuple[DataProduct, ...]:
    """Return the products from which a code location was made, in this process."""
    return products_in(defs.metadata)


def _defaults(given: Mapping[str, Any]) -> Mapping[str, Any]:
    mesh = given.get(names.MESH_RESOURCE)
    if isinstance(mesh, MeshResource):
        return {**_usual(), names.IO_MANAGER: MeshIOManager(root=mesh.root)}
    return _usual()


@cache
def _usual() -> Mapping[str, Any]:
    """Return the same resources for all definitions, which Dagster merges for that alone."""
    return {
        names.MESH_RESOURCE: MeshResource(),
        names.IO_MANAGER: MeshIOManager(),
        names.DUCKDB_RESOURCE: DuckDBResource(database=":memory:"),
    }
