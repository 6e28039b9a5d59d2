"""Declare a data product: what it is, who owns it, what it reads, what it publishes.

In:  names, texts, input ports, and plain build functions under decorators.
Out: a `DataProduct`, handed to `md.definitions`.
Every mistake that can be seen in one product is raised here, on the line that makes it.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal, TypeVar, get_args, overload
from uuid import UUID

from mesh_dagster.declare import arguments
from mesh_dagster.declare.address import Address, product_guid, require_name
from mesh_dagster.declare.contract import Contract, PanderaContract
from mesh_dagster.declare.lifecycle import State, require_state
from mesh_dagster.declare.made_from import require_made_from
from mesh_dagster.declare.port import Adopted, Honours, InputPort, Internal, OutputPort
from mesh_dagster.declare.slo import Freshness, Quality
from mesh_dagster.declare.storage import require_storable
from mesh_dagster.declare.wiring import BuildFunction, name_of, wire
from mesh_dagster.errors import DeclarationError, DuplicateNameError

Alignment = Literal["source", "aggregate", "consumer"]
Function = TypeVar("Function", bound=BuildFunction)

_RESERVED = ("context", "config", "mesh", "duckdb")
"""Parameters that Dagster and the mesh fill themselves."""


class DataProduct:
    """What a domain offers as one unit: code, data, promises, description.

    Args:
        domain: The business area that is accountable, a name.
        name: The product's name within the domain.
        version: Semantic version; its major part stands in the addresses of the ports.
        owner: `team:` and a name, or an e-mail address.
        alignment: `source`, `aggregate` or `consumer`.
        purpose: One sentence on what the product is for.
        inputs: Parameter name to the input port that fills it.
        tags: Dagster tags, put on every asset.
        retention: How long replaced versions stay readable; at least one hour.
        sample_rows: So many rows of each publication are kept for people to look at; 0 forbids it.
            A port may say otherwise.
        state: `draft`, `active` or `md.Deprecated(...)`. A port may say otherwise.

    Raises:
        NameRefusedError: Domain, name or an input name breaks a name rule.
        DeclarationError: Another argument cannot stand.
    """

    def __init__(  # noqa: PLR0913 - the declaration is the interface; every argument is keyword-only
        self,
        *,
        domain: str,
        name: str,
        version: str = "1.0.0",
        owner: str,
        alignment: Alignment,
        purpose: str,
        inputs: Mapping[str, InputPort] | None = None,
        tags: Mapping[str, str] | None = None,
        retention: timedelta = timedelta(days=30),
        sample_rows: int = 20,
        state: State = "active",
    ) -> None:
        """Check what is declared."""
        self.domain = require_name("domain", domain)
        self.name = require_name("product", name)
        who = f"Product '{self.key}'"
        self.version = arguments.require_version(who, version)
        self.owner = arguments.require_owner(who, owner)
        if alignment not in get_args(Alignment):
            raise DeclarationError(
                who, f"has alignment {alignment!r}", "Use 'source', 'aggregate' or 'consumer'."
            )
        self.alignment: Alignment = alignment
        self.purpose = arguments.require_purpose(who, purpose)
        self.tags = arguments.require_tags(who, tags)
        self.retention = arguments.require_retention(who, retention)
        self.sample_rows = arguments.require_sample_rows(who, sample_rows)
        self.state = require_state(who, state)
        self.inputs: dict[str, InputPort] = {}
        self.internals: dict[str, Internal] = {}
        self.adopted: dict[str, Adopted] = {}
        self.ports: dict[str, OutputPort] = {}
        for input_name, port in arguments.require_inputs(who, inputs).items():
            self._claim(require_name("input port", input_name), "input port")
            self.inputs[input_name] = port

    @property
    def key(self) -> str:
        """`domain/name`."""
        return f"{self.domain}/{self.name}"

    @property
    def major(self) -> int:
        """The major version, part of every port's address."""
        return int(self.version.split(".")[0])

    @property
    def guid(self) -> UUID:
        """The product's GUID, equal on every machine."""
        return product_guid(self.key)

    def __repr__(self) -> str:
        """Name the product and its version."""
        return f"DataProduct({self.key!r}, version={self.version!r})"

    @overload
    def internal(self, function: Function) -> Function: ...

    @overload
    def internal(
        self,
        *,
        description: str | None = None,
        io_manager_key: str | None = None,
        cadence: str | None = None,
        partitions: object = None,
        pool: str | None = None,
        retry_policy: object = None,
        op_tags: Mapping[str, Any] | None = None,
        made_from: Mapping[str, str | Sequence[str]] | None = None,
    ) -> Callable[[Function], Function]: ...

    def internal(
        self,
        function: Function | None = None,
        *,
        description: str | None = None,
        io_manager_key: str | None = None,
        made_from: Mapping[str, str | Sequence[str]] | None = None,
        **execution: Any,  # Any: the fields of `Execution`, typed by the overload
    ) -> Function | Callable[[Function], Function]:
        """Declare an internal: a step whose result nobody outside may read.

        Args:
            function: The build function; its name becomes the internal's.
            description: Shown in Dagster; the function's docstring by default.
            io_manager_key: The resource that stores the result, if not the mesh's own.
            made_from: As for `port`.
            execution: `cadence`, `partitions`, `pool`, `retry_policy`, `op_tags`.
        """

        def declare(function: Function) -> Function:
            name = self._name("internal", function)
            who = f"The internal '{name}' of '{self.key}'"
            build = wire(function, who, self._readable_names(), self.inputs)
            run = arguments.execution_of(who, execution, arguments.INTERNAL_ARGUMENTS)
            self.internals[name] = Internal(
                self.key,
                build,
                description or build.description,
                io_manager_key,
                arguments.require_same_partitions(who, run, build, self.inputs),
                require_made_from(who, made_from, build),
            )
            return function

        return declare(function) if function is not None else declare

    def port(  # noqa: PLR0913 - the declaration is the interface; every argument is keyword-only
        self,
        *,
        contract: PanderaContract | Contract,
        freshness: Freshness | None = None,
        quality: Quality | None = None,
        description: str | None = None,
        partition_column: str | Mapping[str, str] | None = None,
        sample_rows: int | None = None,
        state: State | None = None,
        made_from: Mapping[str, str | Sequence[str]] | None = None,
        honours: Honours = "warn",
        **execution: Any,  # Any: the fields of `Execution`
    ) -> Callable[[Function], Function]:
        """Declare an output port: one addressable view under one contract.

        Args:
            contract: A `pandera.polars` model or schema, or what `md.odcs` read from a file.
            freshness: The promise on the age of the data.
            quality: The promise on valid rows; without it a single bad row refuses the batch.
            description: Shown in Dagster; the function's docstring by default.
            partition_column: The column that says to which partition a row belongs, or one for
                each dimension; rows outside the partition being built then refuse the batch.
            sample_rows: The product's by default. Columns whose metadata names a `sensitivity`
                other than `public` are never kept.
            state: The product's by default.
            made_from: Column to the columns that it is made from, each `parameter#column`; for
                lineage where a build leaves polars and SQL, such as by a collected frame.
            honours: Whether a batch that breaks the expectation of a consumer is refused, or
                published with a warning.
            execution: `cadence`, `partitions`, `pool`, `retry_policy`, `op_tags`.

        Raises:
            ContractRefusedError: The contract cannot be kept by a port.
            DeclarationError: An argument or a parameter of the function cannot stand.
        """

        def declare(function: Function) -> Function:
            name = self._name("port", function)
            who = f"The port '{name}' of '{self.key}'"
            address = Address(self.domain, self.name, self.major, name)
            build = wire(function, who, self._readable_names(), self.inputs)
            read = Contract.of(contract, f"'{address}'")
            require_storable(read, f"'{address}'")
            run = arguments.execution_of(who, execution, arguments.PORT_ARGUMENTS)
            self.ports[name] = OutputPort(
                address,
                read,
                build,
                self.owner,
                self.version,
                description or build.description,
                arguments.require_freshness(who, freshness or read.freshness, read),
                arguments.require_quality(who, quality or read.quality),
                arguments.partition_columns(who, partition_column, read),
                arguments.require_same_partitions(who, run, build, self.inputs),
                self.sample_rows
                if sample_rows is None
                else arguments.require_sample_rows(who, sample_rows),
                require_state(who, self.state if state is None else state, address),
                require_made_from(who, made_from, build, read.column_names),
                arguments.require_honours(who, honours),
            )
            return function

        return declare

    def adopt(
        self, asset: object, *, name: str | None = None, load: BuildFunction | None = None
    ) -> None:
        """Make an existing Dagster asset an internal of this product; it keeps its key.

        Args:
            asset: An `AssetsDefinition` with one asset (dbt, Sling, `@asset`), an `AssetSpec`,
                or an asset key.
            name: The parameter name under which ports take it; the key's last part by default.
            load: Reads the data where the asset's IO manager hands over no value. It takes
                nothing and returns a frame.
        """
        who = f"Product '{self.key}'"
        path = arguments.key_path(who, asset)
        if load is not None and not callable(load):
            raise DeclarationError(
                who, f"loads '{path[-1]}' by a '{type(load).__name__}'", "Give a function."
            )
        name = require_name("adopted asset", name or path[-1])
        self._claim(name, "adopted asset")
        self.adopted[name] = Adopted(name, asset, path, load)

    def _name(self, kind: str, function: BuildFunction) -> str:
        name = require_name(kind, name_of(function, f"The {kind} of '{self.key}'"))
        self._claim(name, kind)
        return name

    def _readable_names(self) -> set[str]:
        return {*self.internals, *self.adopted}

    def _claim(self, name: str, kind: str) -> None:
        taken = {
            **dict.fromkeys(_RESERVED, "reserved parameter"),
            **dict.fromkeys(self.inputs, "input port"),
            **dict.fromkeys(self.internals, "internal"),
            **dict.fromkeys(self.adopted, "adopted asset"),
            **dict.fromkeys(self.ports, "port"),
        }
        if name in taken:
            raise DuplicateNameError(f"Product '{self.key}'", name, taken[name], kind)
