"""Hold what the catalogue knows of one product.

In:  facts from the registry, gathered by `catalog.py`.
Out: frozen values. `discover/plain.py` writes each of them as JSON.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from mesh_dagster.declare.lifecycle import Deprecated, endings_text
from mesh_dagster.discover.changes import Change
from mesh_dagster.observe.status import SloStatus
from mesh_dagster.run.failures import Failure
from mesh_dagster.run.registry import Publication, Refusal
from mesh_dagster.run.retired import Retired

Json = Any  # Any: JSON


@dataclass(frozen=True)
class ColumnEntry:
    """One column of a port, as its contract describes it."""

    name: str
    type: str | None
    """As polars writes it; `None` when the contract leaves it open."""
    nullable: bool
    unique: bool
    description: str | None
    unit: str | None
    entity: str | None
    """What the column identifies or measures, such as `artist`."""
    sensitivity: str | None
    example: Json
    """Made up by the team; no value of the data."""
    rules: tuple[str, ...]
    sensitive: bool
    """Whether its values are masked in samples."""


@dataclass(frozen=True)
class ContractEntry:
    """What a port promises of its rows."""

    name: str
    digest: str
    columns: tuple[ColumnEntry, ...]
    rules: tuple[str, ...]
    """Over several columns, composite keys among them."""


@dataclass(frozen=True)
class SampleEntry:
    """A few published rows."""

    columns: tuple[str, ...]
    """All columns of the contract, in its order."""
    rows: tuple[tuple[Json, ...], ...]
    """Numbers, Booleans and nulls as they are, everything else as text."""
    masked: tuple[str, ...]
    """The columns in which every value is `masked`."""
    version: int
    slice: str


@dataclass(frozen=True)
class Consumer:
    """Who depends on a port, by declaration or by reading it."""

    address: str
    """The port."""
    name: str
    """A product's key and major version, such as `royalties/monthly v1`, or a reader."""
    kind: Literal["product", "reader"]
    declared: bool
    """Whether a product declares the port as an input."""
    purposes: tuple[str, ...]
    ways: tuple[str, ...]
    reads: int
    first_read_at: datetime | None
    last_read_at: datetime | None
    last_version: int | None
    columns: tuple[str, ...] | None
    """The columns that were asked for, sorted; `None` where any may have been."""


@dataclass(frozen=True)
class Upstream:
    """An input port of a product."""

    name: str
    address: str
    owner: str | None
    """`None` for a port that is not registered here."""
    version: int | None
    """The version that the newest publication was made from."""
    deprecated: Deprecated | None
    """When it ends and what to read instead, where it is deprecated."""


@dataclass(frozen=True)
class Reading:
    """How to read a port."""

    python: str
    duckdb: str
    sql: str
    command: str
    view: str
    """Its name in SQL."""


@dataclass(frozen=True)
class PortEntry:
    """One output port."""

    address: str
    name: str
    description: str | None
    version: str
    registered_at: datetime
    state: str
    """`draft`, `active` or `deprecated`, as it was declared last."""
    deprecated: Deprecated | None
    """When it ends and what to read instead, where it is deprecated."""
    retired: Retired | None
    """How it ended; `None` while it lives."""
    withdrawn_at: datetime | None
    """When nobody declared it any more."""
    contract: ContractEntry
    freshness: Mapping[str, Json] | None
    quality: Mapping[str, Json]
    """Both as `run/declared.py` writes them."""
    cadence: str | None
    partition_columns: Mapping[str, str]
    promises: tuple[SloStatus, ...]
    """How each promise stands now, freshness first; empty for a withdrawn port."""
    publications: tuple[Publication, ...]
    """The newest ones, newest first."""
    refusals: tuple[Refusal, ...]
    """Likewise."""
    failures: tuple[Failure, ...]
    """The crashes of slices that have not been published since, newest first."""
    changes: tuple[Change, ...]
    """What it promised since when, newest first."""
    consumers: tuple[Consumer, ...]
    """Products that declare it first, then readers, the latest first."""
    sample: SampleEntry | None
    reading: Reading

    @property
    def current(self) -> Publication | None:
        """The newest publication."""
        return self.publications[0] if self.publications else None


@dataclass(frozen=True)
class ProductEntry:
    """One product in one major version."""

    key: str
    major: int
    majors: tuple[int, ...]
    """Every major version that is registered."""
    domain: str
    name: str
    guid: str
    version: str
    owner: str
    alignment: str
    purpose: str
    tags: Mapping[str, str]
    module: str | None
    """The Python module of its builds."""
    file: str | None
    """Its file name."""
    location: str | None
    """The code location that watches it; `None` before its sensor first ran."""
    retention_seconds: float | None
    registered_at: datetime
    """When its declaration was first seen."""
    first_published_at: datetime | None
    reads_from: tuple[Upstream, ...]
    read_by: tuple[Consumer, ...]
    """The consumers of all its ports."""
    ports: tuple[PortEntry, ...]

    @property
    def ending(self) -> str:
        """Say in short which of its ports end; empty where none does."""
        declared = [port for port in self.ports if port.withdrawn_at is None]
        leaving = {port.address: port.deprecated for port in declared if port.deprecated}
        return endings_text(leaving, [port.address for port in declared])
