"""Data products on Dagster: declared in Python, audited before anyone can read them.

The public names. Each is imported when it is first used, so that reading a product by its address
never waits for Dagster, and declaring one never waits for the store.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mesh_dagster.compile.definitions import definitions
    from mesh_dagster.compile.resources import MeshIOManager, MeshResource
    from mesh_dagster.declare.address import Address
    from mesh_dagster.declare.lifecycle import Deprecated
    from mesh_dagster.declare.port import InputPort, OutputPort
    from mesh_dagster.declare.product import DataProduct
    from mesh_dagster.declare.slo import Freshness, Quality
    from mesh_dagster.discover.odcs.files import odcs
    from mesh_dagster.errors import MeshError
    from mesh_dagster.run.audit import audit
    from mesh_dagster.run.read import read, relation
    from mesh_dagster.run.verdict import Verdict

__version__ = "0.1.0"

__all__ = [
    "Address",
    "DataProduct",
    "Deprecated",
    "Freshness",
    "InputPort",
    "MeshError",
    "MeshIOManager",
    "MeshResource",
    "OutputPort",
    "Quality",
    "Verdict",
    "__version__",
    "audit",
    "definitions",
    "odcs",
    "read",
    "relation",
]

_HOMES = {
    "Address": "declare.address",
    "DataProduct": "declare.product",
    "Deprecated": "declare.lifecycle",
    "Freshness": "declare.slo",
    "InputPort": "declare.port",
    "MeshError": "errors",
    "MeshIOManager": "compile.resources",
    "MeshResource": "compile.resources",
    "OutputPort": "declare.port",
    "Quality": "declare.slo",
    "Verdict": "run.verdict",
    "audit": "run.audit",
    "definitions": "compile.definitions",
    "odcs": "discover.odcs.files",
    "read": "run.read",
    "relation": "run.read",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'mesh_dagster' has no attribute '{name}'")
    value = getattr(import_module(f"mesh_dagster.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
