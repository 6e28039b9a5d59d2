"""A small mesh for the tests of `run/`: a port with a contract, batches for it, what lies there."""

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timezone

import pandera.polars as pa
import polars as pl

from mesh_dagster.declare.contract import PanderaContract
from mesh_dagster.declare.lifecycle import State
from mesh_dagster.declare.port import Honours, OutputPort
from mesh_dagster.declare.product import DataProduct
from mesh_dagster.declare.slo import Freshness, Quality
from mesh_dagster.run import delta
from mesh_dagster.run.edges import Lineage
from mesh_dagster.run.judge import Batch
from mesh_dagster.run.publish import Published, Refused, publish
from mesh_dagster.run.read import read
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.sidecar import sidecars_of
from mesh_dagster.run.store import WHOLE, Store

ADDRESS = "mesh://sales/orders/v1/lines"
NOW = datetime(2026, 11, 1, 6, tzinfo=timezone.utc)
SCHEMA = {"order": pl.Int64(), "artist": pl.String(), "amount": pl.Float64()}
SET_ASIDE = Quality(valid_rows=0.5, otherwise="quarantine")


class Line(pa.DataFrameModel):
    order: int = pa.Field(unique=True)
    artist: str
    amount: float = pa.Field(ge=0, nullable=True)


def line_schema() -> pa.DataFrameSchema:
    """Return a contract that a test may change; pandera hands out one schema for each model."""
    return deepcopy(Line.to_schema())


def product_of(version: str = "1.0.0") -> DataProduct:
    return DataProduct(
        domain="sales",
        name="orders",
        version=version,
        owner="team:sales",
        alignment="source",
        purpose="What was sold.",
    )


def port_of(  # noqa: PLR0913 - the arguments of a port
    contract: PanderaContract = Line,
    *,
    name: str = "lines",
    version: str = "1.0.0",
    quality: Quality | None = None,
    freshness: Freshness | None = None,
    partition_column: str | Mapping[str, str] | None = None,
    honours: Honours = "warn",
    state: State = "active",
) -> OutputPort:
    product = product_of(version)

    def build() -> pl.LazyFrame:
        raise NotImplementedError

    build.__name__ = name
    product.port(
        contract=contract,
        quality=quality,
        freshness=freshness,
        partition_column=partition_column,
        honours=honours,
        state=state,
    )(build)
    return product.ports[name]


PORT = port_of()


def lines(*orders: int | None, artist: str = "Ann", amount: float | None = 1.0) -> pl.DataFrame:
    """Return one row for each order."""
    count = len(orders)
    columns = {"order": list(orders), "artist": [artist] * count, "amount": [amount] * count}
    return pl.DataFrame(columns, schema=SCHEMA)


def publish_batch(
    frame: pl.DataFrame | pl.LazyFrame,
    port: OutputPort = PORT,
    slice_: str = WHOLE,
    *,
    inside: Mapping[str, pl.Expr] | None = None,
    inputs: Mapping[str, int] | None = None,
    lineage: Lineage | None = None,
    registry: Registry | None = None,
) -> Published | Refused:
    """Publish to the mesh of MESH_ROOT."""
    batch = Batch(port, frame.lazy(), slice_, inside or {}, inputs or {}, "run-1")
    batch = replace(batch, lineage=lineage or Lineage())
    store = Store.at()
    return publish(batch, store, registry or Registry(store.registry_url), lambda: NOW)


def publish_well(frame: pl.DataFrame | pl.LazyFrame, *args: object, **options: object) -> Published:
    """Publish what must be accepted."""
    given: Callable[..., Published | Refused] = publish_batch
    outcome = given(frame, *args, **options)
    assert isinstance(outcome, Published), outcome.error
    return outcome


def refusal_of(frame: pl.DataFrame | pl.LazyFrame, *args: object, **options: object) -> Refused:
    """Publish what must be refused."""
    given: Callable[..., Published | Refused] = publish_batch
    outcome = given(frame, *args, **options)
    assert isinstance(outcome, Refused)
    return outcome


def orders_at(address: str = ADDRESS) -> list[int]:
    """Return the orders that a reader sees, sorted."""
    return sorted(read(address).select("order").collect().to_series().to_list())


def version_at(port: OutputPort = PORT) -> int | None:
    """Return the current version of a port, or `None` before the first."""
    store = Store.at()
    current = delta.snapshot(store, store.table(port.address))
    return current.version if current else None


def strays() -> list[str]:
    """Return every file in a table's folder that is no log and that no version refers to."""
    root = Store.at().path(Store.at().root)
    found = []
    for log in root.glob("**/_delta_log"):
        commits = [file for file in log.iterdir() if file.suffix == ".json"]
        known = {log / file.name for file in log.iterdir() if _is_log(file.name)}
        for commit in commits:
            for line in commit.read_text(encoding="utf-8").splitlines():
                action = json.loads(line).get("add")
                known |= {log.parent / action["path"]} if action else set()
        files = [file for file in known if file.suffix == ".parquet"]
        known |= {file.with_name(name) for file in files for name in sidecars_of(file.name)}
        found += [file for file in log.parent.rglob("*") if file.is_file() and file not in known]
    return sorted(str(file.relative_to(root)) for file in found)


def _is_log(name: str) -> bool:
    stem = name.partition(".")[0]
    return stem == "_last_checkpoint" or (stem.isdigit() and name.endswith((".json", ".parquet")))


# Batches that say of themselves whether they are whole ------------------------------------------


def whole_batch(number: int) -> pl.DataFrame:
    """Return a batch whose every row carries its number, and whose size follows from it.

    One more row breaks a rule, so that a port with a quarantine sets it aside.
    """
    first = number * 10
    good = lines(*range(first, first + size_of(number)), artist=str(number))
    return pl.concat([good, lines(first + 9, artist=str(number), amount=-1.0)])


def size_of(number: int) -> int:
    """Return how many rows of a batch can be published."""
    return 1 + number % 7


def torn(frame: pl.DataFrame) -> list[str]:
    """Return the numbers of the batches of which not every row is there, or too many are."""
    counts = frame.group_by("artist").len().rows()
    return sorted(artist for artist, count in counts if count != size_of(int(artist)))
