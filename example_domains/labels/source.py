"""Read what the catalogue of releases left: three tables under `labels/`.

Out: one plan per table, every field as text, as it was written; line breaks stand in profiles.
"""

from typing import Literal

import polars as pl

from example_domains.labels import generator
from example_domains.source_folder import source_file

Table = Literal["labels", "releases", "release_labels"]


def read_table(table: Table) -> pl.LazyFrame:
    """Return one table of the catalogue under its own column names."""
    return pl.scan_csv(source_file(f"labels/{table}.csv", generator.files), infer_schema=False)
