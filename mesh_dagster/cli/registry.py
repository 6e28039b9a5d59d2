"""Open the registry for commands that only look.

Out: a `Registry` that is closed afterwards. Looking makes no files: where nothing was ever
registered, the registry is an empty one in memory.
"""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import sqlalchemy as sa

from mesh_dagster.run.registry import Registry
from mesh_dagster.run.store import REGISTRY_VARIABLE, Store

_SQLITE = "sqlite:///"


@contextmanager
def open_registry(store: Store | None = None) -> Iterator[Registry]:
    """Open the registry of a store, by default that of MESH_ROOT.

    Raises:
        RegistryError: The database cannot be reached.
    """
    url = (store or Store.at()).registry_url
    if url.startswith(_SQLITE) and not Path(url.removeprefix(_SQLITE)).exists():
        url = "sqlite://"
    with closing(Registry(url)) as registry, registry.held():
        yield registry


def whereabouts() -> str:
    """Name the mesh that is opened: its root, or the URL in MESH_REGISTRY without its password."""
    given = os.environ.get(REGISTRY_VARIABLE)
    return sa.make_url(given).render_as_string() if given else Store.at().root


def nothing_registered() -> str:
    """Say that the mesh that is opened is empty, and what to do."""
    return (
        f"No data product is registered in '{whereabouts()}' yet. Set MESH_ROOT to the root of the "
        "mesh, or run 'mesh run', or 'mesh reindex' where the store has publications."
    )
