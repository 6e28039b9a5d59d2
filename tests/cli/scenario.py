"""A small published mesh, a small workspace, and the command that is run on them."""

import re
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pandera.polars as pa
import polars as pl
from click.testing import CliRunner, Result

import mesh_dagster as md
from mesh_dagster.cli.main import main
from mesh_dagster.run.declared import port_row, product_row, register
from mesh_dagster.run.judge import Batch
from mesh_dagster.run.publish import Published, publish
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.store import WHOLE, Store

ORDERS = "mesh://sales/orders/v1/lines"
TOTALS = "mesh://report/totals/v1/daily"
LEAVING = md.Deprecated(date(2026, 11, 1), date(2027, 1, 31), "mesh://sales/orders/v2/lines")
ENDING = "deprecated, ends 2027-01-31, use mesh://sales/orders/v2/lines"
LINES = {"order": pl.Int64(), "artist": pl.String(), "amount": pl.Float64()}


class Line(pa.DataFrameModel):
    order: int = pa.Field(unique=True, description="The number of the order.")
    artist: str
    amount: float = pa.Field(ge=0, nullable=True, metadata={"unit": "EUR"})


class Total(pa.DataFrameModel):
    amount: float


orders = md.DataProduct(
    domain="sales",
    name="orders",
    owner="team:sales",
    alignment="source",
    purpose="What was sold.",
    retention=timedelta(hours=1),
)


@orders.port(
    contract=Line,
    freshness=md.Freshness(within=timedelta(hours=6)),
    quality=md.Quality(valid_rows=0.5, otherwise="quarantine"),
    cadence="0 * * * *",
)
def lines() -> pl.LazyFrame:
    """Every line of an order."""
    raise NotImplementedError


totals = md.DataProduct(
    domain="report",
    name="totals",
    owner="team:report",
    alignment="aggregate",
    purpose="What was sold a day.",
    inputs={"lines": md.InputPort(ORDERS)},
)


@totals.port(contract=Total)
def daily(lines: pl.LazyFrame) -> pl.LazyFrame:
    """The sum of each day."""
    raise NotImplementedError


def mesh(*arguments: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, list(arguments))


def words(text: str) -> list[list[str]]:
    """Return the words of each line; every time and span is written alike, for they change."""
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "TIME", text)
    text = re.sub(r"(under )?\b\d+ (s|min)\b", "SPAN", text)
    # How far apart words stand depends on the times.
    return [line.split() for line in text.splitlines()]


def rows(*order_numbers: int, amount: float = 1.0) -> pl.DataFrame:
    """Return one line for each order."""
    count = len(order_numbers)
    data = {"order": order_numbers, "artist": ["Ann"] * count, "amount": [amount] * count}
    return pl.DataFrame(data, schema=LINES)


def declare() -> None:
    """Register both products."""
    with closing(Registry(Store.at().registry_url)) as registry:
        for product in (orders, totals):
            register(product, registry, now)


def deprecate() -> None:
    """Register both products, the orders as deprecated."""
    declare()
    leaving = port_row(orders, replace(orders.ports["lines"], state=LEAVING), now())
    with closing(Registry(Store.at().registry_url)) as registry:
        registry.register(product_row(orders, now()), [leaving])


def publish_lines(frame: pl.DataFrame, inputs: Mapping[str, int] | None = None) -> bool:
    """Publish orders, and say whether they were accepted."""
    batch = Batch(orders.ports["lines"], frame.lazy(), WHOLE, {}, inputs or {}, "run-1")
    store = Store.at()
    with closing(Registry(store.registry_url)) as registry:
        return isinstance(publish(batch, store, registry, now), Published)


def now() -> datetime:
    return datetime.now(timezone.utc)


SHOP = """
import os
from datetime import date
import dagster as dg
import pandera.polars as pa
import polars as pl
import mesh_dagster as md

REGIONS = dg.StaticPartitionsDefinition(["east", "west"])
ENDS = md.Deprecated(date(2026, 11, 1), date(2027, 1, 31), "mesh://shop/orders/v2/lines")

class Line(pa.DataFrameModel):
    region: str
    amount: int = pa.Field(ge=0)

orders = md.DataProduct(
    domain="shop", name="orders", owner="team:shop", alignment="source", purpose="What was sold.",
    state=ENDS if os.environ.get("SHOP") == "leaving" else "active",
)

@orders.internal(partitions=REGIONS)
def raw_lines(context: dg.AssetExecutionContext) -> pl.LazyFrame:
    print("noise from a build")
    if os.environ.get("SHOP") == "closed":
        raise RuntimeError("secret value")
    if os.environ.get("SHOP") == "moved":
        return pl.scan_csv("/nowhere/lines.csv")
    amount = -1 if os.environ.get("SHOP") == "bad" else 1
    return pl.LazyFrame({"region": [context.partition_key] * 2, "amount": [amount, 2]})

@orders.port(contract=Line, partitions=REGIONS, partition_column="region")
def lines(raw_lines: pl.LazyFrame) -> pl.LazyFrame:
    return raw_lines

defs = md.definitions(orders)
"""
REPORT = """
import pandera.polars as pa
import polars as pl
import mesh_dagster as md

class Total(pa.DataFrameModel):
    region: str = pa.Field(unique=True)
    amount: int

totals = md.DataProduct(
    domain="report", name="totals", owner="team:report", alignment="aggregate", purpose="Sums.",
    inputs={"lines": md.InputPort("mesh://shop/orders/v1/lines")},
)

@totals.port(contract=Total)
def regional(lines: pl.LazyFrame) -> pl.LazyFrame:
    return lines.group_by("region").agg(pl.col("amount").sum())

defs = md.definitions(totals)
"""
WORKSPACE = """
load_from:
  - python_file: {relative_path: report_location.py, location_name: report}
  - python_file: shop_location.py
"""


def write_workspace(folder: Path) -> Path:
    """Write a workspace of two code locations, the consumer first."""
    (folder / "shop_location.py").write_text(SHOP, encoding="utf-8")
    (folder / "report_location.py").write_text(REPORT, encoding="utf-8")
    path = folder / "workspace.yaml"
    path.write_text(WORKSPACE, encoding="utf-8")
    return path
