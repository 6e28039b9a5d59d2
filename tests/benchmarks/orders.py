"""Make the data of the audit benchmarks, its contracts, and batches with one planted fault.

In:  a number of rows.
Out: orders, one row per order, unsorted by `order_id`, the same for the same number.
"""

# ruff: noqa: DTZ001 - columns without a time zone have naive bounds

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pandera.polars as pa
import polars as pl
from pandera.api.polars.types import PolarsData

COUNTRIES = [f"C{number:02d}" for number in range(30)]
FIRST, LAST = datetime(2023, 11, 14), datetime(2026, 11, 14)


def orders(rows: int) -> pl.DataFrame:
    """Make orders that keep every contract below."""
    number = pl.int_range(rows, dtype=pl.Int64, eager=True)
    first, second, third = (number.hash(seed) for seed in (1, 2, 3))
    whole, half, some = first % 1_000_000, second % 50, third % 1_000_000
    seconds = (first % 90_000_000).cast(pl.Int64)
    return pl.DataFrame(
        {
            "order_id": number.sample(rows, shuffle=True, seed=1),
            "customer_id": whole.cast(pl.Int64),
            "quantity": (half + 1).cast(pl.Int32),
            "amount": some.cast(pl.Float64) / 100,
            "country": pl.Series(COUNTRIES).gather(third % 30),
            "sku": "SKU-" + (second % 10_000).cast(pl.String).str.zfill(4),
            "ordered_at": FIRST + (seconds * 1_000_000).cast(pl.Duration("us")),
        }
    ).with_columns(shipped_at=pl.col("ordered_at") + pl.duration(hours=pl.col("quantity")))


def _shipped_later(data: PolarsData) -> pl.LazyFrame:
    return data.lazyframe.select(pl.col("shipped_at") >= pl.col("ordered_at"))


def _small_total(data: PolarsData) -> pl.LazyFrame:
    return data.lazyframe.select(pl.col("amount") * pl.col("quantity") < 1e6)


def contract(
    *,
    full: bool = True,
    unique: tuple[str, ...] = ("order_id",),
    coerce: bool = False,
) -> pa.DataFrameSchema:
    """Return the contract of orders.

    Args:
        full: With a regular expression and a list of values.
        unique: The key, of one column or several; none if empty.
        coerce: Whether columns are cast.
    """
    single = unique[0] if len(unique) == 1 else None
    texts = {
        "country": pa.Check.isin(COUNTRIES),
        "sku": pa.Check.str_matches(r"^SKU-\d{4}$"),
    }
    times = [pa.Check.ge(FIRST), pa.Check.le(LAST)]
    extra = {name: None for name in unique if name == "text_id"}
    checks: dict[str, Any] = {
        "order_id": pa.Check.ge(0),
        "customer_id": pa.Check.ge(0),
        "quantity": pa.Check.in_range(1, 50),
        "amount": [pa.Check.ge(0), pa.Check.le(1e5)],
        "country": texts["country"] if full else None,
        "sku": texts["sku"] if full else None,
        "ordered_at": times,
        "shipped_at": None,
        **extra,
    }
    types: dict[str, Any] = {
        "quantity": pl.Int32,
        "amount": pl.Float64,
        "country": pl.String,
        "sku": pl.String,
    }
    types["text_id"] = pl.String
    moments = dict.fromkeys(("ordered_at", "shipped_at"), pl.Datetime("us"))
    columns = {
        name: pa.Column(
            {**types, **moments}.get(name, pl.Int64),
            check,
            unique=name == single,
            nullable=name == "shipped_at",
        )
        for name, check in checks.items()
    }
    return pa.DataFrameSchema(
        columns,
        checks=[pa.Check(_shipped_later), pa.Check(_small_total)],
        unique=list(unique) if len(unique) > 1 else None,
        coerce=coerce,
    )


def of_ranges() -> pa.DataFrameSchema:
    """Return a contract that footers can prove: types, nulls and ranges, without keys."""
    whole = contract(full=False, unique=())
    amount = whole.columns["amount"]
    amount.checks, amount.nullable = [pa.Check.ge(0)], True
    return pa.DataFrameSchema(whole.columns)


def key_contract(*unique: str) -> pa.DataFrameSchema:
    """Return a contract with a key, and no rule but for the types of its columns."""
    whole = contract(unique=unique)
    columns = {
        name: pa.Column(whole.columns[name].dtype, unique=len(unique) == 1) for name in unique
    }
    return pa.DataFrameSchema(columns, unique=list(unique) if len(unique) > 1 else None)


def _put(column: str, value: object) -> Callable[[pl.DataFrame, int], pl.DataFrame]:
    def plant(frame: pl.DataFrame, row: int) -> pl.DataFrame:
        here = pl.int_range(pl.len()) == row
        planted = pl.when(here).then(pl.lit(value, dtype=frame.schema[column])).otherwise(column)
        return frame.with_columns(planted.alias(column))

    return plant


def _copy_key(distance: int) -> Callable[[pl.DataFrame, int], pl.DataFrame]:
    def plant(frame: pl.DataFrame, row: int) -> pl.DataFrame:
        other = frame["order_id"][(row + distance) % frame.height]
        return _put("order_id", other)(frame, row)

    return plant


FAULTS: dict[str, Callable[[pl.DataFrame, int], pl.DataFrame]] = {
    **{
        f"{name} is null": _put(name, None)
        for name in (
            "order_id",
            "customer_id",
            "quantity",
            "amount",
            "country",
            "sku",
            "ordered_at",
        )
    },
    "amount is NaN": _put("amount", float("nan")),
    "amount is infinite": _put("amount", float("inf")),
    "amount below": _put("amount", -0.01),
    "order_id below": _put("order_id", -1),
    "customer_id below": _put("customer_id", -1),
    "quantity below": _put("quantity", 0),
    "quantity above": _put("quantity", 51),
    "country unknown": _put("country", "C30"),
    "country empty": _put("country", ""),
    "sku too long": _put("sku", "SKU-12345"),
    "sku of letters": _put("sku", "SKU-123x"),
    "ordered too early": _put("ordered_at", datetime(2023, 11, 13, 23, 59)),
    "shipped too early": _put("shipped_at", datetime(2023, 11, 13)),
    "key of the neighbour": _copy_key(1),
    "key from far away": _copy_key(777),
}
