"""A port of orders, and products of two other code locations that read it."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

import dagster as dg
import pandera.polars as pa
import polars as pl

import mesh_dagster as md
from mesh_dagster.compile.expected import expected_partitions
from mesh_dagster.govern.declared import Declared
from mesh_dagster.run.declared import port_row, product_row

ORDERS = "mesh://shop/orders/v1/lines"
NOW = datetime(2026, 3, 1, tzinfo=timezone.utc)
TODAY = NOW.date()
Check = pa.Check
Columns = dict[str, pa.Column]
FLOAT, INT, TEXT = pl.Float64(), pl.Int64(), pl.String()
CHANNEL = pl.Enum(["shop", "web"])
MOMENT = pl.Datetime("us", "UTC")
FRESH = md.Freshness(within=timedelta(hours=6), by="ordered_at", per="country")


def trimmed(data: pa.PolarsData) -> pl.LazyFrame:
    return data.lazyframe.select(pl.col(data.key) == pl.col(data.key).str.strip_chars())


def plausible(data: pa.PolarsData) -> pl.LazyFrame:
    return data.lazyframe.select(pl.col("ordered_at").dt.year() >= 2000)


def columns() -> Columns:
    """Return the columns of the released contract."""
    return {
        "order_id": pa.Column(INT, Check.ge(1), unique=True),
        "customer": pa.Column(INT, Check.ge(1)),
        "position": pa.Column(INT, Check.ge(1)),
        "status": pa.Column(TEXT, Check.isin(["new", "paid", "sent"])),
        "channel": pa.Column(CHANNEL),
        "amount": pa.Column(
            FLOAT, [Check.ge(0), Check.le(1000)], description="Price.", metadata={"unit": "EUR"}
        ),
        "quantity": pa.Column(INT, Check.in_range(1, 100)),
        "country": pa.Column(TEXT, Check.str_matches("^[A-Z]{2}$")),
        "city": pa.Column(
            TEXT, [Check.str_length(1, 40), Check(trimmed, name="trimmed")], nullable=True
        ),
        "note": pa.Column(TEXT, nullable=True, required=False),
        "ordered_at": pa.Column(MOMENT),
    }


def schema(own: Columns | None = None, **more: Any) -> pa.DataFrameSchema:
    """Return a contract with these columns, the released ones by default."""
    given = {"unique": ["customer", "position"], "checks": [Check(plausible, name="plausible")]}
    return pa.DataFrameSchema(columns() if own is None else own, name="Order", **{**given, **more})


def orders(
    contract: pa.DataFrameSchema | None = None,
    version: str = "1.2.0",
    *,
    product: Mapping[str, Any] | None = None,
    **port: Any,
) -> md.DataProduct:
    """Return the producer; without arguments as it was released."""
    made = md.DataProduct(
        domain="shop",
        name="orders",
        version=version,
        **{
            "owner": "team:shop",
            "alignment": "source",
            "purpose": "What was ordered.",
            **(product or {}),
        },
    )
    given = {"freshness": FRESH, "quality": md.Quality(rows=(1, 1000)), "cadence": "0 * * * *"}

    @made.port(contract=schema() if contract is None else contract, **{**given, **port})
    def lines() -> pl.LazyFrame:
        """Every line of an order."""
        raise NotImplementedError

    return made


def reader(key: str, address: str = ORDERS, **stated: Any) -> md.DataProduct:
    """Return a product that reads the orders, and states what it expects of them."""
    domain, name = key.split("/")
    made = md.DataProduct(
        domain=domain,
        name=name,
        owner=f"team:{domain}",
        alignment="consumer",
        purpose="Reads orders.",
        inputs={"lines": md.InputPort(address, **stated)},
    )

    @made.port(contract=pa.DataFrameSchema({"x": pa.Column(INT)}))
    def out(lines: pl.LazyFrame) -> pl.LazyFrame:
        raise NotImplementedError

    return made


EXPECTED: Mapping[str, pa.DataFrameSchema | list[str] | None] = {
    "billing/dunning": pa.DataFrameSchema(
        {
            "customer": pa.Column(INT),
            "position": pa.Column(INT),
            "status": pa.Column(TEXT, Check.isin(["new", "paid", "sent", "lost"])),
        },
        unique=["customer", "position"],
    ),
    "billing/ledger": ["order_id", "customer", "amount", "note"],
    "billing/vat": pa.DataFrameSchema(
        {
            "amount": pa.Column(FLOAT, [Check.gt(-1), Check.le(1000)]),
            "country": pa.Column(TEXT, Check.str_matches("^[A-Z]{2}$")),
            "channel": pa.Column(CHANNEL),
        }
    ),
    "report/everything": None,
    "report/places": pa.DataFrameSchema(
        {
            "city": pa.Column(TEXT, Check.str_length(max_value=50), nullable=True),
            "country": pa.Column(TEXT, Check.str_length(2, 2)),
            "quantity": pa.Column(INT, [Check.ge(1), Check.ne(0)]),
        }
    ),
    "report/times": pa.DataFrameSchema(
        {
            "order_id": pa.Column(INT, unique=True),
            "ordered_at": pa.Column(MOMENT),
            "city": pa.Column(TEXT, Check(trimmed, name="trimmed"), nullable=True),
        }
    ),
}
"""Consumers in the code locations `billing` and `report`, and what they expect."""


def readers() -> list[md.DataProduct]:
    """Return every consumer."""
    return [
        reader(key, **({"columns": stated} if isinstance(stated, list) else {"expects": stated}))
        for key, stated in EXPECTED.items()
    ]


def declared(product: md.DataProduct) -> Declared:
    """Return a product as the registry gives it back."""
    rows = [port_row(product, p, NOW, expected_partitions(p)) for p in product.ports.values()]
    return Declared.from_json(
        json.loads(json.dumps(Declared.of(product_row(product, NOW), rows).as_json()))
    )


def daily(**more: Any) -> dict[str, Any]:
    """Return the arguments of a port with a partition for each country."""
    keys = more.pop("keys", ["DE", "FR"])
    partitions = dg.StaticPartitionsDefinition(keys)
    return {"partitions": partitions, "partition_column": "country", **more}
