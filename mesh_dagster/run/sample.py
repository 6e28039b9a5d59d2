"""Keep a few rows of a published file beside it, so that people see what a port holds.

In:  rows that may be published, the columns of their contract.
Out: a sidecar with at most so many rows, taken from places that are spread evenly over the file;
only these rows are read for it. It holds no sensitive column at all, so nothing has to be hidden
later, and no long value whole.
A sample is a help and never the truth: where it cannot be written or read, there is none.
"""

from collections.abc import Collection
from contextlib import suppress

import polars as pl

from mesh_dagster.declare.address import Address
from mesh_dagster.declare.port import OutputPort
from mesh_dagster.run import delta
from mesh_dagster.run.native import ANYTHING
from mesh_dagster.run.retired import retirement
from mesh_dagster.run.sidecar import SAMPLE_SUFFIX, sidecar_of
from mesh_dagster.run.store import Store

MASKED = "masked"
"""What is shown in place of every value of a sensitive column."""
_PLACES = 4
_LONGEST_TEXT, _LONGEST_LIST = 200, 10
_LARGEST_BYTES = 1_000_000
_ONE_GROUP_ROWS = 100_000
"""At most so many rows of a file lie in one row group, as polars writes it."""


def write_sample(store: Store, content: delta.Snapshot, port: OutputPort) -> None:
    """Write the sample of one staged file beside it, if its port keeps samples.

    Args:
        store: Where it lies.
        content: The file.
        port: Says how many rows, and which columns are sensitive.
    """
    (file,), sensitive = content.files, port.contract.sensitive_columns
    shown = [name for name in content.schema if name not in sensitive]
    if not port.sample_rows or not file.rows or not shown:
        return
    place = store.path(f"{content.uri}/{sidecar_of(file.path, SAMPLE_SUFFIX)}")
    try:
        frame = _spread(content.plan().select(shown), file.rows, port.sample_rows)
        with place.open("wb") as out:
            frame.write_ipc(out)
    except ANYTHING:  # of an object store too, whatever library reaches it
        with suppress(*ANYTHING):
            place.unlink(missing_ok=True)


def sample(
    store: Store, address: Address, slice_: str, sensitive: Collection[str] = ()
) -> pl.DataFrame | None:
    """Return the sample of one slice of a port as it is published now.

    Args:
        store: Where it lies.
        address: The port.
        slice_: The partition; `WHOLE` in a port without partitions.
        sensitive: Columns that the contract marks so today; they may have been open then.

    Returns:
        Rows without the sensitive columns; `None` where no sample was kept, or the port is retired.
    """
    ended = retirement(store, address)
    content = delta.snapshot(store, store.table(address)) if ended is None else None
    files = content.of_slice(slice_).files if content else ()
    if not content or not files:
        return None
    path = store.path(f"{content.uri}/{sidecar_of(files[0].path, SAMPLE_SUFFIX)}")
    try:
        frame = pl.read_ipc(path.read_bytes())
    except ANYTHING:  # whatever is wrong with it, there is none
        return None
    return frame.drop(sensitive, strict=False)


def _spread(plan: pl.LazyFrame, rows: int, wanted: int) -> pl.DataFrame:
    """Take runs of rows that begin at even distances.

    Of a large file each is collected by itself: of one, polars reads its row groups only; of
    several together, all.
    """
    places = min(_PLACES, wanted) if rows > wanted else 1
    runs = [wanted // places + (number < wanted % places) for number in range(places)]
    starts = [number * rows // places for number in range(places)]
    taken = [plan.slice(start, run) for start, run in zip(starts, runs, strict=True)]
    if rows <= _ONE_GROUP_ROWS:
        taken = [pl.concat(taken)]
    frame = pl.concat([run.collect(engine="streaming") for run in taken])
    frame = frame.with_columns(
        pl.selectors.string().str.slice(0, _LONGEST_TEXT),
        pl.selectors.by_dtype(pl.List).list.head(_LONGEST_LIST),
    )
    large = [s.name for s in frame if s.estimated_size() > _LARGEST_BYTES / frame.width]
    return frame.drop(large)
