"""Write declarations as rows of the registry.

In:  a product.
Out: JSON-ready rows: one for the product, one for each of its ports.
"""

import inspect
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from mesh_dagster.declare.lifecycle import name_of_state, state_row
from mesh_dagster.declare.port import OutputPort
from mesh_dagster.declare.product import DataProduct
from mesh_dagster.declare.slo import Freshness, Quality, sinks
from mesh_dagster.declare.transcribe import written
from mesh_dagster.run.registering import register_rows
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.retirements import retirements_in
from mesh_dagster.run.stating import note_stated

Row = dict[str, Any]  # Any: JSON


def register(
    product: DataProduct,
    registry: Registry,
    clock: Callable[[], datetime],
    partitions: Callable[[OutputPort], Row | None] = lambda _: None,
) -> None:
    """Write a product and its ports as they are declared now, if that is news.

    Ports that are retired are left out.

    Args:
        product: What is declared.
        registry: Where to.
        clock: Returns aware UTC; product and port keep the time of their first registration.
        partitions: Describes a port's partitions, as `run/expected.py` reads them.
    """
    now, ended = clock(), retirements_in(registry)
    living = [port for port in product.ports.values() if str(port.address) not in ended]
    rows = [port_row(product, port, now, partitions(port)) for port in living]
    if register_rows(registry, product_row(product, now), rows):
        note_stated(product, registry)


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
            "expects": {
                name: written(given.expectation).as_json()
                for name, given in product.inputs.items()
                if given.expectation
            },
            "origin": _origin(product),
            "internals": [*product.internals, *product.adopted],
            "reads": reads_of(product),
            "tags": product.tags,
            "retention_seconds": product.retention.total_seconds(),
        },
        "registered_at": now,
    }


def reads_of(product: DataProduct) -> dict[str, list[str]]:
    """Say what each port and internal of a product takes.

    Returns:
        Address of a port, or asset key of an internal with its parts joined by `/`, to those that
        its build function takes.
    """
    keys = {one.name: "/".join(one.asset_key) for one in product.adopted.values()}
    keys |= {one.name: "/".join(one.asset_key) for one in product.internals.values()}
    keys |= {name: given.address for name, given in product.inputs.items()}
    builds = {keys[one.name]: one.build for one in product.internals.values()}
    builds |= {str(port.address): port.build for port in product.ports.values()}
    return {
        target: [keys[parameter.name] for parameter in build.parameters if parameter.name in keys]
        for target, build in builds.items()
    }


def port_row(
    product: DataProduct, port: OutputPort, now: datetime, partitions: Row | None = None
) -> Row:
    """Describe a port."""
    return {
        "address": str(port.address),
        "product_key": product.key,
        "description": port.description,
        "state": name_of_state(port.state),
        "declaration": {
            "version": port.version,
            "state": state_row(port.state),
            "contract": written(port.contract).as_json(),
            "quality": quality_row(port.quality),
            "freshness": freshness_row(port.freshness),
            "honours": port.honours,
            "hides_groups": port.hides_groups,
            "cadence": port.execution.cadence,
            "partitioned": port.partitioned,
            "partition_columns": dict(port.partition_columns),
            "partitions": partitions,
        },
        "registered_at": now,
    }


def _origin(product: DataProduct) -> Row:
    """Say where the builds of a product are written: the module and the file of the first."""
    builds = [port.build for port in product.ports.values()]
    builds += [internal.build for internal in product.internals.values()]
    for build in builds:
        function = inspect.unwrap(build.function)
        with suppress(OSError, TypeError):
            file = inspect.getsourcefile(function)
            return {"module": function.__module__, "file": Path(str(file)).name if file else None}
    return {"module": None, "file": None}


def freshness_row(promise: Freshness | None) -> Row | None:
    """Write a freshness promise, as `run/promises.py` reads it."""
    if promise is None:
        return None
    return {
        "within_seconds": promise.within.total_seconds(),
        "by": promise.by,
        "per": promise.per,
        "warn_seconds": promise.warn.total_seconds() if promise.warn else None,
        "deadline": promise.deadline,
        "timezone": promise.timezone,
        "calendar": promise.calendar,
        "holidays": sorted(day.isoformat() for day in promise.holidays),
        "grace_seconds": promise.grace.total_seconds(),
        "target": promise.target,
        "window_seconds": promise.window.total_seconds(),
        "alert": list(sinks(promise.alert)),
    }


def quality_row(promise: Quality) -> Row:
    """Write a quality promise, likewise."""
    return {
        "valid_rows": promise.valid_rows,
        "otherwise": promise.otherwise,
        "target": promise.target,
        "window_seconds": promise.window.total_seconds(),
        "rows": list(promise.rows) if promise.rows else None,
        "rows_vs_last": promise.rows_vs_last,
        "volume": promise.volume,
        "row_keys": promise.row_keys,
        "quarantine_retention_seconds": (
            promise.quarantine_retention.total_seconds() if promise.quarantine_retention else None
        ),
        "alert": list(sinks(promise.alert)),
    }
