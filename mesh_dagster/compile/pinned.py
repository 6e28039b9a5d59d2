"""Let a product be built again, aside, from chosen versions of its inputs.

In:  two stores: the one that is read, the one in which things are built; versions by address.
Out: a `PinnedMesh` that stands in for the `mesh` of a code location.
"""

from pydantic import Field

from mesh_dagster.compile.resources import MeshResource
from mesh_dagster.declare.address import Reference
from mesh_dagster.run.store import Store


class PinnedMesh(MeshResource):
    """A mesh that reads ports of one store at given versions, and publishes to another."""

    source: str
    """The root of the store in which the ports of other products are read."""
    workshop: str
    """The root of the store in which internals lie."""
    pins: dict[str, int] = Field(default_factory=dict)
    """Address to the version to read; the newest of all others."""
    quiet: bool = True
    """Whether OpenLineage hears nothing of it."""

    def reading(self, reference: Reference) -> tuple[Reference, Store]:
        """Read a port at its version."""
        pinned = Reference(reference.address, self.pins.get(str(reference.address)))
        return pinned, Store.at(self.source)

    def internals(self) -> Store:
        """Return where internals lie."""
        return Store.at(self.workshop)

    def events_to(self) -> str | None:
        """Return where OpenLineage events go, if it shall hear of it."""
        return None if self.quiet else super().events_to()
