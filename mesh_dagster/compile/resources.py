"""Hand the store and the registry to Dagster: a resource, and the IO manager of internals.

In:  settings of the resource, else MESH_ROOT and MESH_REGISTRY.
Out: `Store` and `Registry`, opened anew in each step, so that steps may run anywhere.
"""

import os
from collections.abc import Sequence

import dagster as dg
import polars as pl

from mesh_dagster.compile import names
from mesh_dagster.declare.address import Reference
from mesh_dagster.errors import MeshError
from mesh_dagster.run.frames import as_plan
from mesh_dagster.run.internal import read_internal, write_internal
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.store import WHOLE, Store

OPENLINEAGE_VARIABLE = "MESH_OPENLINEAGE"
_PARTS = 4
"""Of the asset key of an internal."""


class MeshResource(dg.ConfigurableResource):  # type: ignore[type-arg]  # Dagster's own base
    """Where the mesh keeps its data and its registry."""

    root: str | None = None
    """A folder or the URL of an object store; MESH_ROOT, else `.mesh`, when not set."""
    registry: str | None = None
    """A SQLAlchemy URL; MESH_REGISTRY, else SQLite in the root, when not set."""
    openlineage: str | None = None
    """Where OpenLineage events go: `file:` and a path, `https:` and a host, or `console`;
    MESH_OPENLINEAGE when not set."""

    def store(self) -> Store:
        """Return the store."""
        return Store.at(self.root)

    def reading(self, reference: Reference) -> tuple[Reference, Store]:
        """Return which publication of another product's port is read, and in which store."""
        return reference, self.store()

    def internals(self) -> Store:
        """Return the store in which internals lie."""
        return self.store()

    def events_to(self) -> str | None:
        """Return where OpenLineage events go, if anywhere."""
        return self.openlineage or os.environ.get(OPENLINEAGE_VARIABLE)

    @property
    def registry_url(self) -> str:
        """The SQLAlchemy URL of the registry."""
        return self.registry or self.store().registry_url

    def open_registry(self) -> Registry:
        """Open the registry; the caller closes it."""
        return Registry(self.registry_url)


class MeshIOManager(dg.ConfigurableIOManager):
    """Stores internals as Parquet in the mesh's store, written whole and read lazily."""

    root: str | None = None
    """As `MeshResource.root`."""

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Stream a frame into a new file and make it the current one.

        Raises:
            FrameRefusedError: The internal returned no frame.
        """
        key = context.asset_key.to_user_string()
        partitions = context.asset_partition_keys if context.has_asset_partitions else [WHOLE]
        if len(partitions) != 1:
            raise OnePartitionError(key)
        store = Store.at(self.root)
        folder = internal_folder(store, context.asset_key, partitions[0])
        known = (context.output_metadata.get(name) for name in (names.INPUTS, names.LINEAGE))
        inputs, lineage = (getattr(value, "data", None) or {} for value in known)
        url = write_internal(store, folder, as_plan(obj, key), inputs, lineage)
        plan = pl.scan_parquet(url, storage_options=dict(store.storage_options) or None, glob=False)
        rows = plan.select(pl.len()).collect().item()
        count = names.PARTITION_ROW_COUNT if partitions[0] else names.ROW_COUNT
        context.add_output_metadata(
            {count: rows, names.URI: url, names.SIZE_BYTES: store.path(url).stat().st_size}
        )

    def load_input(self, context: dg.InputContext) -> pl.LazyFrame:
        """Return the internal's rows, of the partitions that the reader needs.

        Raises:
            InternalMissingError: It was never materialized.
        """
        store = Store.at(self.root)
        wanted: Sequence[str] = [WHOLE]
        if context.has_asset_partitions:
            wanted = list(context.asset_partition_keys)
        folders = [internal_folder(store, context.asset_key, partition) for partition in wanted]
        return read_internal(store, folders, context.asset_key.to_user_string())


class OnePartitionError(MeshError):
    """A run covers several partitions of an internal in one step."""

    def __init__(self, key: str) -> None:
        """Say which internal."""
        super().__init__(
            f"'{key}' is built for several partitions in one step, expected one. Run a backfill "
            "with one run for each partition. Nothing was stored."
        )


class NotInternalError(MeshError):
    """The mesh's IO manager is asked to keep another asset than an internal."""

    def __init__(self, key: str) -> None:
        """Say which asset."""
        super().__init__(
            f"'{key}' is no internal of a data product, and MeshIOManager keeps nothing else. Give "
            "it another io_manager_key. Nothing was stored or read."
        )


def internal_folder(store: Store, key: dg.AssetKey, partition: str) -> str:
    """Return where one slice of an internal lies.

    Raises:
        NotInternalError: The key is that of another asset.
    """
    if len(key.path) != _PARTS or key.path[2] != "internal":
        raise NotInternalError(key.to_user_string())
    domain, product, _, name = key.path
    return store.internal(f"{domain}/{product}", name, partition)
