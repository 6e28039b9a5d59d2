"""Show the sample of a publication: a few rows, sensitive columns masked.

In:  the sidecar beside a published file, the contract as it is declared now.
Out: a `SampleEntry`, or none.
"""

from math import isfinite

import polars as pl

from mesh_dagster.declare.address import Address
from mesh_dagster.discover.entries import ContractEntry, Json, SampleEntry
from mesh_dagster.run.registry import Publication
from mesh_dagster.run.sample import MASKED, sample
from mesh_dagster.run.store import Store


def sample_entry(
    store: Store, contract: ContractEntry, publication: Publication
) -> SampleEntry | None:
    """Return the sample of the newest publication of a port.

    Args:
        store: Where it lies.
        contract: Of the port, as it is declared now; what it marks sensitive is masked.
        publication: The newest one.
    """
    masked = [column.name for column in contract.columns if column.sensitive]
    frame = sample(store, Address.parse(publication.address), publication.slice, masked)
    if frame is None:
        return None
    names = [c.name for c in contract.columns if c.sensitive or c.name in frame.columns]
    shown = frame.with_columns(pl.lit(MASKED).alias(name) for name in masked).select(names)
    rows = tuple(tuple(map(_cell, row)) for row in shown.iter_rows())
    return SampleEntry(tuple(names), rows, tuple(masked), publication.version, publication.slice)


def _cell(value: object) -> Json:
    if isinstance(value, float):
        return value if isfinite(value) else str(value)
    return value if value is None or isinstance(value, bool | int) else str(value)
