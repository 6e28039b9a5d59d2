"""Build one version of a port again, aside, and compare it with what was published.

In:  a port of a loaded workspace, a published version, which versions of its inputs to read.
Out: a `Rebuilt`. The mesh is only read, unless the result shall be published.
Internals are built again in a folder of their own. What a product adopted, and what a build reads
past the mesh, is taken as it is now, so such a port may not come out equal.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

from mesh_dagster.cli.materialize import open_instance, silence
from mesh_dagster.cli.outcome import Outcome, outcomes_of
from mesh_dagster.cli.selection import selected
from mesh_dagster.cli.steps import Asset, Assets, Step, steps_for
from mesh_dagster.cli.workspace import Location
from mesh_dagster.declare.address import Address, Reference
from mesh_dagster.errors import (
    InputGoneError,
    NothingToRebuildError,
    NotPublishedError,
    RebuildFailedError,
    RetiredError,
    UnknownVersionError,
)
from mesh_dagster.run import delta
from mesh_dagster.run.compare import Compared, compare
from mesh_dagster.run.read import resolve
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.store import WHOLE, Store
from mesh_dagster.run.trace import Part, Traced

if TYPE_CHECKING:
    import dagster as dg

At = Literal["recorded", "current"]
"""Which versions of the inputs are read: those that a publication was made from, or the newest."""


@dataclass(frozen=True)
class RebuiltPart:
    """The partitions that are built from the same versions, and how they came out."""

    inputs: Mapping[str, int]
    """Address to the version that was read."""
    slices: Sequence[str]
    compared: Compared
    """The published rows first."""
    published: int | None = None
    """The version under which they were published again, if they were."""


@dataclass(frozen=True)
class Rebuilt:
    """How a port that was built again compares with a published version."""

    address: str
    version: int
    parts: Sequence[RebuiltPart]

    @property
    def equal(self) -> bool:
        """Whether every row came out as it was published."""
        return all(one.compared.equal for one in self.parts)


@dataclass(frozen=True)
class Rebuilder:
    """Builds the version of one port again."""

    assets: Assets
    traced: Traced
    """The published version, and what it was made from."""
    store: Store
    """The mesh in which it was published."""
    registry_url: str

    def rebuild(self, at: At, *, publish: bool = False) -> Rebuilt:
        """Build every partition again from its inputs.

        Args:
            at: Which versions of the inputs are read.
            publish: Publish what was built.

        Raises:
            NothingSelectedError: The port is not in the workspace.
            NothingToRebuildError: It was made from no port of another product.
            InputGoneError: The data of an input's version is no longer kept.
            UnknownVersionError: The data of the published version is no longer kept.
            RebuildFailedError: It could not be built, or was refused.
        """
        address, version = self.traced.address, self.traced.version
        if not any(part.inputs for part in self.traced.parts):
            raise NothingToRebuildError(address, version)
        steps = steps_for(self.assets, selected(self.assets, address))
        published = resolve(Reference(Address.parse(address), version), self.store)
        pins = [self._pins(part, at) for part in self.traced.parts]
        parts = [
            self._part(steps, part, read, published, publish=publish)
            for part, read in zip(self.traced.parts, pins, strict=True)
        ]
        return Rebuilt(address, version, parts)

    def _pins(self, part: Part, at: At) -> dict[str, int]:
        """Return the versions to read, all of which can be read."""
        pins = {}
        for address, recorded in sorted(part.inputs.items()):
            version = recorded if at == "recorded" else None
            try:
                content = resolve(Reference(Address.parse(address), version), self.store)
            except (UnknownVersionError, NotPublishedError, RetiredError) as error:
                about = (self.traced.address, self.traced.version, address, recorded)
                raise InputGoneError(*about) from error
            pins[address] = content.version
        return pins

    def _part(
        self,
        steps: Sequence[Step],
        part: Part,
        pins: Mapping[str, int],
        published: delta.Snapshot,
        *,
        publish: bool,
    ) -> RebuiltPart:
        import dagster as dg

        mine = tuple(file for file in published.files if file.slice in part.slices)
        with TemporaryDirectory() as folder, dg.DagsterInstance.ephemeral() as aside:
            workshop = Store.at(folder)
            for step in steps:
                assets = [a for a in step.assets if a.role == "internal" or self._is_port(a)]
                self._run(assets, step, part, _Mesh(workshop, self.store, workshop, pins), aside)
            rebuilt = resolve(Reference(Address.parse(self.traced.address)), workshop)
            compared = compare(replace(published, files=mine), rebuilt)
            made = self._publish(steps, part, workshop, pins) if publish else None
        return RebuiltPart(pins, part.slices, compared, made)

    def _publish(
        self, steps: Sequence[Step], part: Part, workshop: Store, pins: Mapping[str, int]
    ) -> int | None:
        """Publish the port from the internals that were built aside."""
        mesh = _Mesh(self.store, self.store, workshop, pins, self.registry_url)
        made: list[Outcome] = []
        with open_instance(self.store) as instance:
            for step in steps:
                ports = [asset for asset in step.assets if self._is_port(asset)]
                made += self._run(ports, step, part, mesh, instance)
        return made[-1].version

    def _run(
        self,
        assets: Sequence[Asset],
        step: Step,
        part: Part,
        mesh: "_Mesh",
        instance: "dg.DagsterInstance",
    ) -> list[Outcome]:
        done: list[Outcome] = []
        for slice_ in self._slices(step, part, instance) if assets else ():
            job = mesh.standing_in(step.location, assets).resolve_implicit_global_asset_job_def()
            with silence():
                result = job.execute_in_process(
                    instance=instance,
                    asset_selection=[asset.key for asset in assets],
                    partition_key=slice_ or None,
                    raise_on_error=False,
                )
            registry = Registry(mesh.registry_url)
            done += outcomes_of(result, assets, slice_, registry)
            registry.close()
            for outcome in done:
                if outcome.state != "published":
                    how = outcome.state if outcome.state == "failed" else f"was {outcome.state}"
                    why = f"'{outcome.name}' {how}: {outcome.note}"
                    raise RebuildFailedError(self.traced.address, why)
        return done

    def _slices(self, step: Step, part: Part, instance: "dg.DagsterInstance") -> Sequence[str]:
        """Return the partitions of a step: those of the port, or all where it has others."""
        if step.partitions is None:
            return [WHOLE]
        port = next(asset for asset in self.assets.values() if self._is_port(asset))
        if step.partitions == port.spec.partitions_def:
            return part.slices
        partitions: Any = step.partitions  # Any: every kind of partitions has this method
        keys: Sequence[str] = partitions.get_partition_keys(dynamic_partitions_store=instance)
        return keys

    def _is_port(self, asset: Asset) -> bool:
        return asset.name == self.traced.address


@dataclass(frozen=True)
class _Mesh:
    """Where a run reads and writes."""

    target: Store
    """Where the port is published."""
    source: Store
    """Where ports of other products are read."""
    workshop: Store
    """Where internals lie."""
    pins: Mapping[str, int]
    registry: str | None = None

    @property
    def registry_url(self) -> str:
        """The registry of the target."""
        return self.registry or f"sqlite:///{self.workshop.root}/registry.sqlite"

    def standing_in(self, location: Location, assets: Sequence[Asset]) -> "dg.Definitions":
        """Return a code location in which this mesh stands in for its own."""
        import dagster as dg

        from mesh_dagster.compile.names import IO_MANAGER, MESH_RESOURCE
        from mesh_dagster.compile.pinned import PinnedMesh
        from mesh_dagster.compile.resources import MeshIOManager

        given = location.definitions
        managers = {IO_MANAGER}
        for asset in assets:
            if asset.role == "internal":
                made = given.resolve_assets_def(asset.key)
                managers.add(made.get_io_manager_key_for_asset_key(asset.key))
        pinned = PinnedMesh(
            root=self.target.root,
            registry=self.registry_url,
            source=self.source.root,
            workshop=self.workshop.root,
            pins=dict(self.pins),
            quiet=self.registry is None,
        )
        stored = dict.fromkeys(managers, MeshIOManager(root=self.workshop.root))
        resources = {**(given.resources or {}), MESH_RESOURCE: pinned, **stored}
        return dg.Definitions(assets=given.assets, resources=resources)
