"""Declare what sales offers: the store's invoices and their lines.

The bad day: a batch whose newest prices lost their decimal point is refused by both ports.

    mesh run 'group:"sales/invoices*"'
    MESH_EXAMPLE_BAD_DAY=1 mesh run 'group:"sales/invoices*"'
    mesh read mesh://sales/invoices/v1/lines
"""

from datetime import timedelta

import polars as pl

import mesh_dagster as md
from example_domains.sales import build, contracts, source

sales = md.DataProduct(
    domain="sales",
    name="invoices",
    version="1.0.0",
    owner="team:sales",
    alignment="source",
    purpose="What the store sold, to which customer, on which day, for how much.",
)

_HOURLY = "30 * * * *"
_WITHIN_A_DAY = md.Freshness(within=timedelta(days=1))


@sales.internal(cadence=_HOURLY)
def raw_invoices() -> pl.LazyFrame:
    """Table of invoices as the store keeps it."""
    return source.read_invoices()


@sales.internal(cadence=_HOURLY)
def raw_lines() -> pl.LazyFrame:
    """Table of invoice lines as the store keeps it, or as it left them on a bad day."""
    return source.read_lines()


@sales.port(contract=contracts.Invoice, freshness=_WITHIN_A_DAY)
def invoices(raw_invoices: pl.LazyFrame, raw_lines: pl.LazyFrame) -> pl.LazyFrame:
    """Every invoice, with the sum of its lines beside its total."""
    return build.invoices(raw_invoices, raw_lines)


@sales.port(contract=contracts.Line, freshness=_WITHIN_A_DAY)
def lines(raw_lines: pl.LazyFrame, raw_invoices: pl.LazyFrame) -> pl.LazyFrame:
    """Every line of an invoice, with its day."""
    return build.lines(raw_lines, raw_invoices)
