"""Promise what the ports of sales hold."""

from datetime import date
from decimal import Decimal
from typing import Annotated

import pandera.polars as pa
import polars as pl

_TRIMMED = r"^\S(.*\S)?$"
_FIRST_SALE = date(2009, 1, 1)


class Invoice(pa.DataFrameModel):
    """One invoice that the store sent to a customer, with the sum of its lines beside it."""

    invoice_id: int = pa.Field(unique=True, ge=1, description="The store's number of the invoice.")
    customer_id: int = pa.Field(ge=1, description="The store's number of the customer.")
    invoiced_on: pl.Date = pa.Field(ge=_FIRST_SALE, description="Day of the invoice, UTC.")
    city: str = pa.Field(str_matches=_TRIMMED, description="City of the billing address.")
    state: str = pa.Field(
        nullable=True,
        str_matches=_TRIMMED,
        str_length={"max_value": 40},
        description="State or province of the billing address; empty in most countries.",
    )
    country: str = pa.Field(
        str_matches=r"^[A-Z][A-Za-z]*( [A-Z][A-Za-z]*)*$",
        description="Country of the billing address, English name.",
    )
    postal_code: str = pa.Field(
        nullable=True,
        str_matches=r"^[0-9A-Za-z][0-9A-Za-z -]{2,9}$",
        description="Postal code of the billing address; empty where the customer gave none.",
        metadata={"sensitivity": "personal"},
    )
    total: Annotated[pl.Decimal, 10, 2] = pa.Field(
        ge=Decimal("0.00"), le=Decimal("999.99"), description="Amount of the invoice, US dollars."
    )
    lines: int = pa.Field(ge=1, le=1_000, description="Lines of the invoice.")
    lines_total: Annotated[pl.Decimal, 10, 2] = pa.Field(
        ge=Decimal("0.00"), description="Sum of the amounts of its lines, US dollars."
    )

    @pa.dataframe_check(name="adds_up", error="total = lines_total")
    @classmethod
    def adds_up(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """Hold the invoice and its lines together."""
        return data.lazyframe.select(pl.col("total") == pl.col("lines_total"))


class Line(pa.DataFrameModel):
    """One line of an invoice: copies of one track, sold to one customer."""

    line_id: int = pa.Field(unique=True, ge=1, description="The store's number of the line.")
    invoice_id: int = pa.Field(ge=1, description="The invoice that the line stands on.")
    invoiced_on: pl.Date = pa.Field(
        ge=_FIRST_SALE, description="Day of that invoice, UTC; never empty, so none is unknown."
    )
    track_id: int = pa.Field(ge=1, description="The catalogue's number of the track sold.")
    unit_price: Annotated[pl.Decimal, 10, 2] = pa.Field(
        ge=Decimal("0.01"), le=Decimal("19.99"), description="Price of one copy, US dollars."
    )
    quantity: int = pa.Field(ge=1, le=100, description="Copies sold.")
    amount: Annotated[pl.Decimal, 10, 2] = pa.Field(
        ge=Decimal("0.01"), description="Price of the line, US dollars."
    )

    class Config:
        """An invoice names a track once."""

        unique = ["invoice_id", "track_id"]  # noqa: RUF012 - pandera reads a list

    @pa.dataframe_check(name="priced", error="amount = unit_price * quantity")
    @classmethod
    def priced(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """Hold amount, price and quantity together."""
        expected = pl.col("unit_price") * pl.col("quantity")
        return data.lazyframe.select(pl.col("amount") == expected)
