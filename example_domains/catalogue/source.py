"""Read what the store left of its music library: five tables under `store/`.

Out: one plan per table, every field as text, as it was written.
"""

from typing import Literal

import polars as pl

from example_domains.catalogue import generator
from example_domains.source_folder import source_file

Table = Literal["Artist", "Album", "Track", "Genre", "MediaType"]


def read_table(table: Table) -> pl.LazyFrame:
    """Return one table of the store under its own column names."""
    return pl.scan_csv(source_file(f"store/{table}.csv", generator.files), infer_schema=False)
