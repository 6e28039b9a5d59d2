"""A small mesh for `discover/` and `share/`: invoices that are sold, and a report made of them."""

from datetime import date, datetime, timedelta, timezone

import pandera.polars as pa
import polars as pl

import mesh_dagster as md
from mesh_dagster.declare.contract import PanderaContract
from mesh_dagster.declare.lifecycle import State
from mesh_dagster.declare.product import DataProduct
from mesh_dagster.run.declared import register
from mesh_dagster.run.judge import Batch
from mesh_dagster.run.publish import Published, publish
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.store import WHOLE, Store

NOW = datetime(2026, 11, 1, 6, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
LINES = "mesh://sales/invoices/v1/lines"
TOTALS = "mesh://report/totals/v1/daily"
LEAVING = md.Deprecated(date(2026, 11, 1), date(2027, 1, 31), "mesh://sales/invoices/v2/lines")
ENDING = "deprecated, ends 2027-01-31, use mesh://sales/invoices/v2/lines"


class Line(pa.DataFrameModel):
    invoice: int = pa.Field(
        ge=1, unique=True, description="The number.", metadata={"entity": "invoice", "example": 7}
    )
    customer: str = pa.Field(metadata={"sensitivity": "personal"})
    amount: float = pa.Field(nullable=True, description="What it cost.", metadata={"unit": "EUR"})


class Total(pa.DataFrameModel):
    amount: float


def invoices(
    version: str = "1.0.0",
    contract: PanderaContract = Line,
    owner: str = "team:sales",
    *,
    name: str = "invoices",
    purpose: str = "What the store sold.",
    quality: md.Quality | None = None,
    state: State = "active",
) -> DataProduct:
    """Return the product that others read."""
    product = DataProduct(
        domain="sales",
        name=name,
        version=version,
        owner=owner,
        alignment="source",
        purpose=purpose,
        tags={"tier": "gold"},
        state=state,
    )

    @product.port(contract=contract, freshness=md.Freshness(within=6 * HOUR), quality=quality)
    def lines() -> pl.LazyFrame:
        """Every line of an invoice."""
        raise NotImplementedError

    return product


def wide_invoices(ports: int) -> DataProduct:
    """Return a product with so many ports before the one that promises to be fresh."""
    product = invoices(name="wide")
    for number in range(ports):

        def build() -> None:
            raise NotImplementedError

        build.__name__ = f"line_{number}"
        product.port(contract=Line)(build)
    return product


def totals(contract: PanderaContract = Total, state: State = "active") -> DataProduct:
    """Return a product that reads it."""
    product = DataProduct(
        domain="report",
        name="totals",
        owner="team:report",
        alignment="aggregate",
        purpose="Takings of each day.",
        inputs={"lines": md.InputPort(LINES)},
    )

    @product.port(contract=contract, state=state)
    def daily(lines: pl.LazyFrame) -> pl.LazyFrame:
        raise NotImplementedError

    return product


def declare(registry: Registry, *products: DataProduct, at: datetime = NOW) -> None:
    for product in products:
        register(product, registry, lambda: at)


def rows(*numbers: int, customer: str = "Ann") -> pl.DataFrame:
    """Return one line for each invoice."""
    amounts, customers = [float(number) for number in numbers], [customer] * len(numbers)
    return pl.DataFrame({"invoice": numbers, "customer": customers, "amount": amounts})


def publish_lines(registry: Registry, frame: pl.DataFrame, product: DataProduct) -> Published:
    batch = Batch(product.ports["lines"], frame.lazy(), WHOLE, {}, {}, "run-1")
    outcome = publish(batch, Store.at(), registry, lambda: NOW)
    assert isinstance(outcome, Published), outcome.error
    return outcome
