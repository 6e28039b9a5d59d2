"""Hold what crosses and what fills a product's boundary: output ports, input ports, internals.

In:  a checked wiring, a contract and promises, handed over by `product.py`.
Out: frozen values that every later stage reads.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from mesh_dagster.declare.address import Address
from mesh_dagster.declare.contract import Contract, PanderaContract
from mesh_dagster.declare.expectation import stated_by
from mesh_dagster.declare.lifecycle import State
from mesh_dagster.declare.made_from import MadeFrom
from mesh_dagster.declare.slo import Freshness, Quality
from mesh_dagster.declare.wiring import Build

Honours = Literal["warn", "refuse"]


@dataclass(frozen=True)
class Execution:
    """How Dagster runs a step; every field is handed on as it is."""

    cadence: str | None = None
    """A cron expression, in UTC; without it a step follows its inputs."""
    partitions: Any = None  # Any: a Dagster partitions definition, which this stage never imports
    pool: str | None = None
    """The concurrency pool."""
    retry_policy: Any = None  # Any: a `dagster.RetryPolicy`
    op_tags: Mapping[str, Any] = field(default_factory=dict)  # Any: executor settings
    """Settings for executors, such as `dagster-k8s/config`."""


@dataclass(frozen=True)
class InputPort:
    """A declared dependency on another product's output port."""

    address: str
    """The port's address, such as `mesh://media_player/plays/v1/events`."""
    same_partition: bool = False
    """Read only the partition that is being built, instead of everything published."""
    expects: PanderaContract | None = field(default=None, repr=False)
    """The columns, types and rules that are relied on; nothing else is handed over."""
    columns: Sequence[str] | None = None
    """The short form of `expects`: names alone."""
    expectation: Contract | None = field(init=False, repr=False, compare=False)
    """Either of them, read; `None` where nothing is expected, and everything handed over."""

    def __post_init__(self) -> None:
        """Refuse a text that is no address, and read what is expected."""
        Address.parse(self.address)
        expected = stated_by(self.address, self.expects, self.columns)
        object.__setattr__(self, "expectation", expected)

    @property
    def port(self) -> Address:
        """The parsed address."""
        return Address.parse(self.address)


@dataclass(frozen=True)
class Internal:
    """An asset of the product that nobody outside may read."""

    product_key: str
    build: Build
    description: str | None = None
    io_manager_key: str | None = None
    """The resource that stores it; the mesh's own when `None`."""
    execution: Execution = field(default_factory=Execution)
    made_from: MadeFrom = field(default_factory=dict)
    """What the team says of where its columns come from."""

    @property
    def name(self) -> str:
        """Its name within the product."""
        return self.build.name

    @property
    def asset_key(self) -> tuple[str, ...]:
        """The parts of its Dagster asset key."""
        return (*self.product_key.split("/"), "internal", self.name)


@dataclass(frozen=True)
class Adopted:
    """An existing Dagster asset that became an internal; it keeps its own key."""

    name: str
    asset: Any  # Any: an AssetsDefinition, AssetSpec or asset key of Dagster
    asset_key: tuple[str, ...]
    load: Callable[..., object] | None = None
    """Reads the asset's data where its IO manager hands over no value, as with dbt."""


@dataclass(frozen=True)
class OutputPort:
    """One addressable view of a product's data under one contract."""

    address: Address
    contract: Contract
    build: Build
    owner: str
    version: str
    """The product's version, such as `1.2.0`."""
    description: str | None = None
    freshness: Freshness | None = None
    quality: Quality = field(default_factory=Quality)
    partition_columns: Mapping[str, str] = field(default_factory=dict)
    """Partition dimension to the column that says where a row belongs; `""` for one dimension."""
    execution: Execution = field(default_factory=Execution)
    sample_rows: int = 20
    """So many rows are kept with each publication for people to look at; 0 keeps none."""
    state: State = "active"
    """Where it stands in its life."""
    made_from: MadeFrom = field(default_factory=dict)
    """As `Internal.made_from`."""
    honours: Honours = "warn"
    """What happens to a batch that breaks the expectation of a consumer."""

    @property
    def partitioned(self) -> bool:
        """Whether each publication replaces one partition only."""
        return self.execution.partitions is not None

    @property
    def hides_groups(self) -> bool:
        """Whether the groups whose freshness it promises are named by a sensitive column."""
        return self.freshness is not None and self.freshness.per in self.contract.sensitive_columns
