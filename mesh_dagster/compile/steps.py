"""Call a build function inside a Dagster step.

In:  the values that Dagster loaded, the store, the step's context.
Out: what the function returned, and the exact versions of the ports that it read.
"""

import inspect
import time
from collections.abc import Collection, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import dagster as dg
import polars as pl
from dagster_duckdb import DuckDBResource

from mesh_dagster.compile import names
from mesh_dagster.compile.resources import MeshResource, internal_folder
from mesh_dagster.declare.address import Reference
from mesh_dagster.declare.contract import Contract
from mesh_dagster.declare.made_from import MadeFrom
from mesh_dagster.declare.product import DataProduct
from mesh_dagster.declare.wiring import Build, Parameter
from mesh_dagster.errors import (
    ExpectationBrokenError,
    PartitionMissingError,
    UnmetExpectationError,
)
from mesh_dagster.run import frames
from mesh_dagster.run.count import Read, count, why_read
from mesh_dagster.run.delta import Snapshot
from mesh_dagster.run.edges import Lineage
from mesh_dagster.run.internal import inputs_at, lineage_at
from mesh_dagster.run.lineage import Taken, lineage_of, misdeclared
from mesh_dagster.run.read import resolve
from mesh_dagster.run.stating import require_promised
from mesh_dagster.run.store import WHOLE
from mesh_dagster.run.take import take_once

if TYPE_CHECKING:
    import duckdb

Arguments = dict[str, Any]  # Any: frames, contexts, resources


@dataclass
class Step:
    """One execution of a build function; closing it closes the DuckDB connection."""

    product: DataProduct
    build: Build
    made_from: MadeFrom
    """What the team says of where the columns of the result come from."""
    context: dg.AssetExecutionContext
    given: Arguments
    """What Dagster handed over: the values of internals, and resources."""
    partitioned: bool
    """Whether this asset has partitions; a run with a partition may hold assets without."""
    inputs: dict[str, int] = field(default_factory=dict)
    """Address to the version that was read, filled while arguments are gathered."""
    begun: float = field(default_factory=time.monotonic)
    """On the monotonic clock."""
    taken: list[Taken] = field(default_factory=list)
    """The frames that the build is given, filled likewise."""
    _open: ExitStack = field(default_factory=ExitStack)
    _connection: "duckdb.DuckDBPyConnection | None" = None

    def close(self) -> None:
        """Close the DuckDB connection, if one was opened."""
        self._open.close()

    @property
    def slice(self) -> str:
        """The partition that is being built."""
        return self.context.partition_key if self.partitioned else WHOLE

    @property
    def mesh(self) -> MeshResource:
        """Where the store and the registry are."""
        mesh: MeshResource = self.given[names.MESH_RESOURCE]
        return mesh

    def result(self) -> object:
        """Call the build function with what Dagster loaded and what the mesh reads."""
        arguments = {p.name: self._argument(p) for p in self.build.parameters}
        return self.build.function(**arguments)

    def lineage(
        self, result: object, plan: pl.LazyFrame, columns: Collection[str] | None = None
    ) -> Lineage:
        """Say where the columns of the result come from."""
        for source in misdeclared(self.taken, self.made_from):
            self.context.log.warning(
                "%s names '%s' in made_from, but there is no such column", self.build.name, source
            )
        return lineage_of(result, plan, self.taken, self.made_from, columns)

    def _argument(self, parameter: Parameter) -> object:
        if parameter.source == "context":
            return self.context
        if parameter.source == "resource":
            return self.given[parameter.name]
        if parameter.source == "input":
            content = self._input(parameter.name)
            return frames.from_snapshot(content, parameter.kind, parameter.name, self._connect)
        plan = frames.as_plan(self._value(parameter.name), parameter.name)
        self._take(parameter.name, plan)
        return frames.from_plan(plan, parameter.kind, parameter.name, self._connect)

    def _input(self, name: str) -> Snapshot:
        declared = self.product.inputs[name]
        content = resolve(*self.mesh.reading(Reference(declared.port)))
        self.inputs[declared.address] = content.version
        if declared.same_partition:
            content = content.of_slice(self.slice)
            if not content.files:
                raise PartitionMissingError(self._reader(name), declared.address)
        if declared.expectation is not None:
            content = self._relied_on(name, content, declared.expectation)
        columns = list(content.schema)
        self.taken.append(Taken(name, declared.address, columns, content.uri))
        known = None if declared.expectation is None else tuple(columns)
        self._count(declared.address, content.version, known)
        return content

    def _relied_on(self, name: str, content: Snapshot, expected: Contract) -> Snapshot:
        """Return the expected columns of a version that keeps what is expected."""
        declared = self.product.inputs[name]
        slice_ = self.slice if declared.same_partition else WHOLE
        address, who = declared.address, self._reader(name)
        with closing(self.mesh.open_registry()) as registry:
            try:
                require_promised(self.product, name, registry)
                return take_once(content, expected, address, slice_, registry, who)
            except (ExpectationBrokenError, UnmetExpectationError) as error:
                raise dg.Failure(str(error), allow_retries=False) from error

    def _reader(self, name: str) -> str:
        return f"Product '{self.product.key}' by its input '{name}'"

    def _count(self, address: str, version: int, columns: tuple[str, ...] | None) -> None:
        now = datetime.now(timezone.utc)
        reader = f"{self.product.key} v{self.product.major}"
        made = Read(address, version, "build", now, reader, why_read(), columns)
        count(self.mesh.registry_url, made)

    def _value(self, name: str) -> object:
        adopted = self.product.adopted.get(name)
        return adopted.load() if adopted and adopted.load else self.given[name]

    def _take(self, name: str, plan: pl.LazyFrame) -> None:
        """Remember an internal, the versions behind it, and where its columns come from."""
        key = _key(self.product, name)
        source, columns = "/".join(key.path), plan.collect_schema().names()
        internal = self.product.internals.get(name)
        if internal is None or internal.io_manager_key:
            self.taken.append(Taken(name, source, columns))
            return
        store = self.mesh.internals()
        place, _, own = internal_folder(store, key, self.slice).rpartition("/")
        for address, version in inputs_at(store, place, own).items():
            self.inputs[address] = max(version, self.inputs.get(address, version))
        lineage = lineage_at(store, place, own)
        through = {source: replace(lineage, through={}), **lineage.through}
        self.taken.append(Taken(name, source, columns, place, through))

    def _connect(self) -> "duckdb.DuckDBPyConnection":
        if self._connection is None:
            resource: DuckDBResource = self.given[names.DUCKDB_RESOURCE]
            self._connection = self._open.enter_context(resource.get_connection())
            self._connection.execute("SET TimeZone = 'UTC'")
        return self._connection


def signature_for(
    product: DataProduct, build: Build
) -> tuple[inspect.Signature, dict[str, dg.AssetIn]]:
    """Return the signature that Dagster shall see, and the inputs whose values it loads."""
    ins = {
        p.name: dg.AssetIn(key=_key(product, p.name))
        for p in build.taken("internal")
        if not (p.name in product.adopted and product.adopted[p.name].load)
    }
    keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD
    context = inspect.Parameter(
        "context",
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        annotation=dg.AssetExecutionContext,
    )
    loaded = [inspect.Parameter(name, keyword) for name in ins]
    resources = [
        inspect.Parameter(name, keyword, annotation=kind)
        for name, kind in _resources_for(build).items()
    ]
    return inspect.Signature([context, *loaded, *resources]), ins


def deps_for(product: DataProduct, build: Build) -> list[dg.AssetKey]:
    """Return what a step depends on without Dagster loading its value.

    One place for all inputs across code locations: the mesh reads them itself, by address, so the
    key alone is enough and no stub spec can collide with the producer's.
    """
    inputs = [names.port_key(product.inputs[p.name].port) for p in build.taken("input")]
    adopted = [
        names.internal_key(product.adopted[p.name])
        for p in build.taken("internal")
        if p.name in product.adopted and product.adopted[p.name].load
    ]
    return list(dict.fromkeys([*inputs, *adopted]))


def kinds_for(build: Build, storage: str) -> set[str]:
    """Return the kinds under which Dagster shows an asset."""
    returned = str(inspect.signature(build.function).return_annotation)
    shown = " ".join([returned, *(p.kind for p in build.parameters)])
    return {storage, "duckdb" if "duckdb" in shown else "polars"}


def _key(product: DataProduct, name: str) -> dg.AssetKey:
    internals: Mapping[str, Any] = {**product.internals, **product.adopted}
    return names.internal_key(internals[name])


def _resources_for(build: Build) -> dict[str, object]:
    wanted = {p.name: p.annotation for p in build.taken("resource")}
    wanted.setdefault(names.MESH_RESOURCE, MeshResource)
    if any(p.kind == "duckdb" for p in build.parameters):
        wanted.setdefault(names.DUCKDB_RESOURCE, DuckDBResource)
    return wanted
