"""Write declarations as rows of the registry.

In:  a product.
Out: JSON-ready rows: one for the product, one for each of its ports.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from mesh_dagster.declare.port import OutputPort
from mesh_dagster.declare.product import DataProduct
from mesh_dagster.declare.slo import Freshness
from mesh_dagster.run.registry import Registry

Row = dict[str, Any]  # Any: JSON


def register(product: DataProduct, registry: Registry, clock: Callable[[], datetime]) -> None:
    """Write a product and its ports as they are declared now."""
    registry.register(
        product_row(product, clock()), [port_row(product, port) for port in product.ports.values()]
    )


def product_row(product: DataProduct, now: datetime) -> Row:
    """Describe a product."""
    return {
        "key": product.key,
        "major": product.major,
        "guid": str(product.guid),
        "version": product.version,
        "owner": product.owner,
        "alignment": product.alignment,
        "purpose": product.purpose,
        "declaration": {
            "inputs": {name: given.address for name, given in product.inputs.items()},
            "internals": [*product.internals, *product.adopted],
            "tags": product.tags,
            "retention_seconds": product.retention.total_seconds(),
        },
        "registered_at": now,
    }


def port_row(product: DataProduct, port: OutputPort) -> Row:
    """Describe a port."""
    contract = port.contract
    return {
        "address": str(port.address),
        "product_key": product.key,
        "description": port.description,
        "declaration": {
            "version": port.version,
            "contract": contract.name,
            "digest": contract.digest,
            "columns": [
                {
                    "name": column.name,
                    "type": str(column.dtype),
                    "nullable": column.nullable,
                    "unique": column.unique,
                    "description": column.description,
                    "rules": list(column.rules),
                }
                for column in contract.columns
            ],
            "keys": [list(key) for key in contract.keys],
            "rules": [rule.text for rule in contract.rules],
            "quality": {
                "valid_rows": port.quality.valid_rows,
                "otherwise": port.quality.otherwise,
            },
            "freshness": _freshness(port.freshness),
            "cadence": port.execution.cadence,
            "partitioned": port.partitioned,
            "partition_columns": dict(port.partition_columns),
        },
    }


def _freshness(promise: Freshness | None) -> Row | None:
    if promise is None:
        return None
    return {
        "within_seconds": promise.within.total_seconds(),
        "by": promise.by,
        "warn_seconds": promise.warn.total_seconds() if promise.warn else None,
        "deadline": promise.deadline,
        "timezone": promise.timezone,
        "target": promise.target,
        "window_seconds": promise.window.total_seconds(),
    }
