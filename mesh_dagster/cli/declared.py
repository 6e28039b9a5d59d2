"""Read the declarations of a working tree.

In:  a workspace.
Out: every product of its code locations, as the registry would keep it. Nothing runs.
"""

import json
import warnings
from datetime import datetime, timezone
from pathlib import Path

from mesh_dagster.govern.declared import Declared


def declared_tree(workspace: Path) -> list[Declared]:
    """Return every product that the code locations of a workspace declare.

    Raises:
        WorkspaceRefusedError: The workspace cannot be read.
        LocationRefusedError: A code location cannot be loaded.
        DuplicateProductError: Two code locations declare one product.
    """
    from mesh_dagster.cli.workspace import load_workspace
    from mesh_dagster.compile.definitions import products_of
    from mesh_dagster.compile.expected import expected_partitions
    from mesh_dagster.errors import DuplicateProductError
    from mesh_dagster.run.declared import port_row, product_row

    now = datetime.now(timezone.utc)
    found: dict[tuple[str, int], Declared] = {}
    with warnings.catch_warnings():
        # Dagster calls parts of itself beta wherever they are used.
        warnings.simplefilter("ignore")
        locations = load_workspace(workspace)
    for product in (one for each in locations for one in products_of(each.definitions)):
        ports = [port_row(product, p, now, expected_partitions(p)) for p in product.ports.values()]
        declared = Declared.of(product_row(product, now), ports)
        if declared.identity in found:
            owners = [found[declared.identity].owner, declared.owner]
            raise DuplicateProductError(f"mesh://{product.key}/v{product.major}", owners)
        found[declared.identity] = Declared.from_json(json.loads(json.dumps(declared.as_json())))
    return list(found.values())
