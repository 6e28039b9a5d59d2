"""Read what the store left of its sales: `store/Invoice.csv` and `store/InvoiceLine.csv`.

Out: every field as text, as it was written.
With `MESH_EXAMPLE_BAD_DAY=1` in the environment of the run, the lines are those of a bad day: the
newest tenth of them lost the decimal point of its prices.
"""

import os

import polars as pl

from example_domains.sales import generator
from example_domains.source_folder import source_file

BAD_DAY = "MESH_EXAMPLE_BAD_DAY"


def read_invoices() -> pl.LazyFrame:
    """Return one row per invoice, under the store's column names."""
    return pl.scan_csv(source_file("store/Invoice.csv", generator.files), infer_schema=False)


def read_lines() -> pl.LazyFrame:
    """Return one row per line of an invoice, under the store's column names."""
    path = source_file("store/InvoiceLine.csv", generator.files)
    lines = pl.scan_csv(path, infer_schema=False)
    return _without_decimal_points(lines) if os.environ.get(BAD_DAY) == "1" else lines


def _without_decimal_points(lines: pl.LazyFrame) -> pl.LazyFrame:
    newest_tenth = pl.int_range(pl.len()) >= pl.len() * 9 // 10
    bare = pl.col("UnitPrice").str.replace(".", "", literal=True)
    return lines.with_columns(pl.when(newest_tenth).then(bare).otherwise("UnitPrice"))
