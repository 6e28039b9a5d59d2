"""Turn the store's invoices and lines into what sales publishes.

In and out: polars plans. Money is exact, never a float. Street addresses stay in the store.
"""

import polars as pl

_MONEY = pl.Decimal(10, 2)
_AMOUNT = (pl.col("UnitPrice").cast(_MONEY) * pl.col("Quantity").cast(pl.Int64)).cast(_MONEY)
_DAY = pl.col("InvoiceDate").str.slice(0, 10).str.to_date("%Y-%m-%d")


def invoices(raw_invoices: pl.LazyFrame, raw_lines: pl.LazyFrame) -> pl.LazyFrame:
    """Put the number and the sum of its lines beside each invoice."""
    summed = raw_lines.group_by("InvoiceId").agg(
        lines=pl.len().cast(pl.Int64), lines_total=_AMOUNT.sum().cast(_MONEY)
    )
    return raw_invoices.join(summed, on="InvoiceId", how="left", maintain_order="left").select(
        invoice_id=pl.col("InvoiceId").cast(pl.Int64),
        customer_id=pl.col("CustomerId").cast(pl.Int64),
        invoiced_on=_DAY,
        city=pl.col("BillingCity").str.strip_chars(),
        state=pl.col("BillingState").str.strip_chars(),
        country=pl.col("BillingCountry").str.strip_chars(),
        postal_code=pl.col("BillingPostalCode").str.strip_chars(),
        total=pl.col("Total").cast(_MONEY),
        lines=pl.col("lines").fill_null(0),
        lines_total=pl.col("lines_total").fill_null(0).cast(_MONEY),
    )


def lines(raw_lines: pl.LazyFrame, raw_invoices: pl.LazyFrame) -> pl.LazyFrame:
    """Put its day and its amount beside each line."""
    days = raw_invoices.select("InvoiceId", invoiced_on=_DAY)
    return raw_lines.join(days, on="InvoiceId", how="left", maintain_order="left").select(
        line_id=pl.col("InvoiceLineId").cast(pl.Int64),
        invoice_id=pl.col("InvoiceId").cast(pl.Int64),
        invoiced_on="invoiced_on",
        track_id=pl.col("TrackId").cast(pl.Int64),
        unit_price=pl.col("UnitPrice").cast(_MONEY),
        quantity=pl.col("Quantity").cast(pl.Int64),
        amount=_AMOUNT,
    )
