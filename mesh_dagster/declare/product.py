"""Declare a data product: what it is, who owns it, what it reads, what it publishes.

In:  names, texts, input ports, and plain build functions under decorators.
Out: a `DataProduct`, handed to `md.definitions`.
Every mistake that can be seen in one product is raised here, on the line that makes it.
"""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Literal, TypeVar, get_args, overload
from uuid import UUID

from mesh_dagster.declare.address import Address, product_guid, require_name
from mesh_dagster.declare.contract import Contract, PanderaContract
from mesh_dagster.declare.port import (
    Adopted,
    Execution,
    InputPort,
    Internal,
    OutputPort,
    partition_columns,
)
from mesh_dagster.declare.slo import Freshness, Quality
from mesh_dagster.declare.storage import require_storable
from mesh_dagster.declare.wiring import BuildFunction, wire
from mesh_dagster.errors import DeclarationError, DuplicateNameError

Alignment = Literal["source", "aggregate", "consumer"]
Function = TypeVar("Function", bound=BuildFunction)

_VERSION = re.compile(r"(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)", re.ASCII)
_OWNER = re.compile(r"team:.+|[^@\s]+@[^@\s]+\.[^@\s]+")
_RESERVED = ("context", "config")
"""Parameters that Dagster fills itself."""


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
    ) -> None:
        """Check what is declared."""
        self.domain = require_name("domain", domain)
        self.name = require_name("product", name)
        who = f"Product '{self.key}'"
        self.version = _require_match(who, "version", version, _VERSION, "such as '1.0.0'")
        self.owner = _require_match(
            who, "owner", owner, _OWNER, "'team:name' or an e-mail address"
        )
        if alignment not in get_args(Alignment):
            raise DeclarationError(
                who, f"has alignment '{alignment}'", "Use 'source', 'aggregate' or 'consumer'."
            )
        if not purpose.strip():
            raise DeclarationError(who, "has no purpose", "Say in one sentence what it is for.")
        if retention < timedelta(hours=1):
            raise DeclarationError(who, f"has retention {retention}", "Keep at least one hour.")
        self.alignment: Alignment = alignment
        self.purpose = purpose.strip()
        self.tags = dict(tags or {})
        self.retention = retention
        self.inputs: dict[str, InputPort] = {}
        self.internals: dict[str, Internal] = {}
        self.adopted: dict[str, Adopted] = {}
        self.ports: dict[str, OutputPort] = {}
        for input_name, port in (inputs or {}).items():
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
    ) -> Callable[[Function], Function]: ...

    def internal(
        self,
        function: Function | None = None,
        *,
        description: str | None = None,
        io_manager_key: str | None = None,
        **execution: Any,  # Any: the fields of `Execution`, typed by the overload
    ) -> Function | Callable[[Function], Function]:
        """Declare an internal: a step whose result nobody outside may read.

        Args:
            function: The build function; its name becomes the internal's.
            description: Shown in Dagster; the function's docstring by default.
            io_manager_key: The resource that stores the result, if not the mesh's own.
            execution: `cadence`, `partitions`, `pool`, `retry_policy`, `op_tags`.
        """

        def declare(function: Function) -> Function:
            name, who = function.__name__, self._step("internal", function)
            build = wire(function, who, self._readable_names(), self.inputs)
            self._claim(require_name("internal", name), "internal")
            self.internals[name] = Internal(
                self.key,
                build,
                description or build.description,
                io_manager_key,
                _execution(execution),
            )
            return function

        return declare(function) if function is not None else declare

    def port(  # noqa: PLR0913 - the declaration is the interface; every argument is keyword-only
        self,
        *,
        contract: PanderaContract,
        freshness: Freshness | None = None,
        quality: Quality | None = None,
        description: str | None = None,
        partition_column: str | Mapping[str, str] | None = None,
        **execution: Any,  # Any: the fields of `Execution`
    ) -> Callable[[Function], Function]:
        """Declare an output port: one addressable view under one contract.

        Args:
            contract: A `pandera.polars` model or schema.
            freshness: The promise on the age of the data.
            quality: The promise on valid rows; without it a single bad row refuses the batch.
            description: Shown in Dagster; the function's docstring by default.
            partition_column: The column that says to which partition a row belongs, or one for
                each dimension; rows outside the partition being built then refuse the batch.
            execution: `cadence`, `partitions`, `pool`, `retry_policy`, `op_tags`.

        Raises:
            ContractRefusedError: The contract cannot be kept by a port.
            DeclarationError: An argument or a parameter of the function cannot stand.
        """

        def declare(function: Function) -> Function:
            name, who = function.__name__, self._step("port", function)
            address = Address(self.domain, self.name, self.major, name)
            build = wire(function, who, self._readable_names(), self.inputs)
            read = Contract.of(contract, f"'{address}'")
            require_storable(read, f"'{address}'")
            _require_event_column(who, freshness, read)
            self._claim(name, "port")
            self.ports[name] = OutputPort(
                address,
                read,
                build,
                self.owner,
                self.version,
                description or build.description,
                freshness,
                quality or Quality(),
                partition_columns(who, partition_column, read),
                _execution(execution),
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
        key: Any = getattr(asset, "key", asset)  # Any: Dagster's AssetKey, known by its path
        path = getattr(key, "path", None)
        if not path:
            raise DeclarationError(
                f"Product '{self.key}'",
                f"adopts a {type(asset).__name__} that has not exactly one asset key",
                "Give an asset, an AssetSpec or an AssetKey.",
            )
        name = require_name("internal", name or path[-1])
        self._claim(name, "adopted asset")
        self.adopted[name] = Adopted(name, asset, tuple(path), load)

    def _step(self, kind: str, function: BuildFunction) -> str:
        return f"The {kind} '{getattr(function, '__name__', function)}' of '{self.key}'"

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


def _execution(given: Mapping[str, Any]) -> Execution:
    known = {name: value for name, value in given.items() if value is not None}
    unknown = sorted(set(known) - set(Execution.__dataclass_fields__))
    if unknown:
        raise DeclarationError(
            "The declaration",
            f"has the unknown argument '{unknown[0]}'",
            f"Use one of {', '.join(Execution.__dataclass_fields__)}.",
        )
    return Execution(**known)


def _require_match(
    who: str, what: str, text: str, pattern: re.Pattern[str], expected: str
) -> str:
    if not pattern.fullmatch(text):
        raise DeclarationError(who, f"has {what} '{text}'", f"Write {expected}.")
    return text


def _require_event_column(who: str, freshness: Freshness | None, contract: Contract) -> None:
    if freshness is None or freshness.by is None:
        return
    column = next((c for c in contract.columns if c.name == freshness.by), None)
    if column is None or column.dtype is None or not column.dtype.is_temporal():
        raise DeclarationError(
            who,
            f"promises freshness by '{freshness.by}', which is no date or time of its contract",
            "Name a column of type Datetime or Date.",
        )
