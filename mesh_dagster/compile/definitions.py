"""Put the assets, sensors and resources of all products of a code location together.

In:  the products of one domain, and resources.
Out: a `dg.Definitions`, ready for `workspace.yaml`.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster._core.definitions.metadata.metadata_value import ObjectMetadataValue
from dagster_duckdb import DuckDBResource
from dagster_shared.libraries import DagsterLibraryRegistry

from mesh_dagster import __version__
from mesh_dagster.compile import names
from mesh_dagster.compile.assets import assets_for
from mesh_dagster.compile.automation import automation_sensor
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
        Call it once in a code location: resources are carried once.

    Raises:
        MeshLoadError: The products do not fit together.
        DeclarationError: A port's partitions cannot stand.
    """
    mesh = Mesh.of(products)
    # By key, since two majors of a product may share an internal.
    assets = {asset.key: asset for product in mesh.products for asset in assets_for(product)}
    keys = [
        *(names.port_key(address) for address in mesh.ports),
        *(names.internal_key(one) for p in mesh.products for one in p.internals.values()),
    ]
    given = dict(resources or {})
    return dg.Definitions(
        assets=list(assets.values()),
        sensors=[automation_sensor(keys), slo_sensor(mesh.products)] if keys else [],
        resources={**_defaults(given), **given},
        metadata={
            "mesh_dagster/products": [product.key for product in mesh.products],
            names.DECLARED: ObjectMetadataValue(mesh),
        },
    )


def products_of(defs: dg.Definitions) -> tuple[DataProduct, ...]:
    """Return the products from which a code location was made, in this process."""
    declared = defs.metadata.get(names.DECLARED)
    mesh = declared.instance if isinstance(declared, ObjectMetadataValue) else None
    return mesh.products if isinstance(mesh, Mesh) else ()


def _defaults(given: Mapping[str, Any]) -> dict[str, Any]:
    mesh = given.get(names.MESH_RESOURCE, MeshResource())
    root = mesh.root if isinstance(mesh, MeshResource) else None
    return {
        names.MESH_RESOURCE: mesh,
        names.IO_MANAGER: MeshIOManager(root=root),
        names.DUCKDB_RESOURCE: DuckDBResource(database=":memory:"),
    }
