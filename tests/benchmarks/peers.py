"""Judge the same orders with the neighbours: dataframely, patito, pointblank, dagster-pandera.

In:  the pandera schema of the full contract, for the neighbour that takes one.
Out: per neighbour that is installed, a function that says whether a frame keeps the contract.
They come with the extra `bench`; one that is absent is left out, and said to be.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pandera.polars as pa
import polars as pl

from tests.benchmarks.orders import COUNTRIES, FIRST, LAST

Judge = Callable[[pl.DataFrame], bool]
SKU = r"^SKU-\d{4}$"
SHIPPED_LATER = pl.col("shipped_at") >= pl.col("ordered_at")
SMALL_TOTAL = pl.col("amount") * pl.col("quantity") < 1e6


def judges(schema: pa.DataFrameSchema) -> dict[str, Judge]:
    """Return the neighbours that are installed, and print which are not."""
    makers: Mapping[str, Callable[[], Judge]] = {
        "dataframely": _dataframely,
        "patito": _patito,
        "pointblank": _pointblank,
        "dagster_pandera": lambda: _dagster_pandera(schema),
    }
    found = {}
    for name, make in makers.items():
        if find_spec(name):
            with _quiet():
                found[name] = make()
        else:
            print(f"{name} is not installed; left out")
    return found


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _dataframely() -> Judge:
    dy: Any = import_module("dataframely")  # Any: may be absent
    moments = {"time_unit": "us"}
    columns = {
        "order_id": dy.Int64(primary_key=True, min=0),
        "customer_id": dy.Int64(nullable=False, min=0),
        "quantity": dy.Int32(nullable=False, min=1, max=50),
        "amount": dy.Float64(nullable=False, min=0, max=1e5, allow_nan=False, allow_inf=False),
        "country": dy.String(nullable=False, check=lambda column: column.is_in(COUNTRIES)),
        "sku": dy.String(nullable=False, regex=SKU),
        "ordered_at": dy.Datetime(nullable=False, min=FIRST, max=LAST, **moments),
        "shipped_at": dy.Datetime(nullable=True, **moments),
        "shipped_later": dy.rule()(lambda _: SHIPPED_LATER),
        "small_total": dy.rule()(lambda _: SMALL_TOTAL),
    }
    made: Any = type("Orders", (dy.Schema,), columns)
    return lambda frame: bool(made.is_valid(frame))


def _patito() -> Judge:
    pt: Any = import_module("patito")  # Any: may be absent
    errors: Any = import_module("patito.exceptions")
    moment = pl.Datetime("us")
    fields = {
        "order_id": (int, pt.Field(dtype=pl.Int64, ge=0, unique=True)),
        "customer_id": (int, pt.Field(dtype=pl.Int64, ge=0)),
        "quantity": (int, pt.Field(dtype=pl.Int32, ge=1, le=50)),
        "amount": (float, pt.Field(dtype=pl.Float64, ge=0, le=1e5, constraints=SMALL_TOTAL)),
        "country": (str, pt.Field(dtype=pl.String, constraints=pl.col("country").is_in(COUNTRIES))),
        "sku": (str, pt.Field(dtype=pl.String, pattern=SKU)),
        "ordered_at": (
            type(FIRST),
            pt.Field(dtype=moment, constraints=pl.col("ordered_at").is_between(FIRST, LAST)),
        ),
        "shipped_at": (
            type(FIRST) | None,
            pt.Field(dtype=moment, constraints=SHIPPED_LATER.fill_null(value=True)),
        ),
    }
    body = {"__annotations__": {name: kind for name, (kind, _) in fields.items()}}
    values = {name: field for name, (_, field) in fields.items()}
    made: Any = type("Orders", (pt.Model,), {**body, **values, "__module__": __name__})

    def judge(frame: pl.DataFrame) -> bool:
        try:
            made.validate(frame)
        except errors.DataFrameValidationError:
            return False
        return True

    return judge


def _pointblank() -> Judge:
    pb: Any = import_module("pointblank")  # Any: may be absent
    required = ["order_id", "customer_id", "quantity", "amount", "country", "sku", "ordered_at"]

    def judge(frame: pl.DataFrame) -> bool:
        with _quiet():
            steps = (
                pb.Validate(frame)
                .col_vals_not_null(columns=required)
                .col_vals_ge(columns=["order_id", "customer_id"], value=0)
                .col_vals_between(columns="quantity", left=1, right=50)
                .col_vals_between(columns="amount", left=0, right=1e5)
                .col_vals_expr(expr=pl.col("amount").is_not_nan())
                .col_vals_in_set(columns="country", set=COUNTRIES)
                .col_vals_regex(columns="sku", pattern=SKU)
                .col_vals_between(columns="ordered_at", left=FIRST, right=LAST)
                .col_vals_expr(expr=SHIPPED_LATER.fill_null(value=True))
                .col_vals_expr(expr=SMALL_TOTAL)
                .rows_distinct(columns_subset=["order_id"])
            )
            return bool(steps.interrogate(collect_extracts=False).all_passed())

    return judge


def _dagster_pandera(schema: pa.DataFrameSchema) -> Judge:
    made: Any = import_module("dagster_pandera")  # Any: may be absent
    kind = made.pandera_schema_to_dagster_type(schema)
    return lambda frame: bool(kind.type_check(None, frame).success)
