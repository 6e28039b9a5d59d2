"""Read the declarations of a working tree.

In:  a workspace, or its code locations.
Out: every product of them; or the same as the registry would keep it. Nothing runs.
"""

import json
import warnings
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from mesh_dagster.govern.declared import Declared

if TYPE_CHECKING:
    from mesh_dagster.cli.workspace import Location
    from mesh_dagster.declare.product import DataProduct


def declared_tree(workspace: Path) -> list[Declared]:
    """Return every product that the code locations of a workspace declare.

    Raises:
        WorkspaceRefusedError: The workspace cannot be read.
        LocationRefusedError: A code location cannot be loaded.
        DuplicateProductError: Two code locations declare one product.
    """
    from mesh_dagster.cli.workspace import load_workspace
    from mesh_dagster.compile.expected import expected_partitions
    from mesh_dagster.run.declared import port_row, product_row

    now = datetime.now(timezone.utc)
    with warnings.catch_warnings():
        # Dagster calls parts of itself beta wherever they are used.
        warnings.simplefilter("ignore")
        locations = load_workspace(workspace)
    found = []
    for product in products_of_all(locations):
        ports = [port_row(product, p, now, expected_partitions(p)) for p in product.ports.values()]
        declared = Declared.of(product_row(product, now), ports)
        found.append(Declared.from_json(json.loads(json.dumps(declared.as_json()))))
    return found


def products_of_all(locations: "Iterable[Location]") -> "list[DataProduct]":
    """Return every product of some code locations.

    Raises:
        DuplicateProductError: Two of them declare one product.
    """
    from mesh_dagster.compile.definitions import products_of
    from mesh_dagster.errors import DuplicateProductError

    found: dict[str, DataProduct] = {}
    for product in (one for each in locations for one in products_of(each.definitions)):
        name = f"mesh://{product.key}/v{product.major}"
        if name in found:
            raise DuplicateProductError(name, [found[name].owner, product.owner])
        found[name] = product
    return list(found.values())
