"""Carry products in the metadata of Dagster's definitions, within the process.

In:  products that fit together; the metadata of definitions, or of several that were merged.
Out: metadata; the products again. Nothing of it leaves the process: the registry keeps what others
need to know.
"""

from collections.abc import Iterable, Mapping

from dagster._core.definitions.metadata.metadata_value import ObjectMetadataValue

from mesh_dagster.compile import names
from mesh_dagster.declare.product import DataProduct


def declared(products: Iterable[DataProduct]) -> dict[str, ObjectMetadataValue]:
    """Return metadata that carries products, each under a name of its own."""
    return {
        f"{names.DECLARED}/{product.key}/v{product.major}": ObjectMetadataValue(product)
        for product in products
    }


def products_in(metadata: Mapping[str, object]) -> tuple[DataProduct, ...]:
    """Return the products that metadata carries."""
    carried = (
        value.instance
        for name, value in metadata.items()
        if name.startswith(f"{names.DECLARED}/") and isinstance(value, ObjectMetadataValue)
    )
    return tuple(product for product in carried if isinstance(product, DataProduct))
