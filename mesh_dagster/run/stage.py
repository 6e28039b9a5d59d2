"""Write a batch once, into a port's table but under names that no version of it refers to.

In:  a plan whose columns have the promised types.
Out: `Staged` Parquet files, invisible to readers until `run/delta.py` commits them.
A staging area is locked while its writer lives. A writer that died leaves an unlocked marker, by
which `run/vacuum.py` knows its files for orphans at once.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from types import TracebackType
from uuid import uuid4

import polars as pl
from filelock import FileLock
from upath import UPath

from mesh_dagster.run import delta
from mesh_dagster.run.columns import named, stored
from mesh_dagster.run.sidecar import sidecars_of
from mesh_dagster.run.store import WHOLE, Store

MARKERS = "_staging"
"""The folder of the markers; Delta and its readers pass over names with an underscore."""
DATA = "data"
"""The folder of the Parquet files."""


@dataclass(frozen=True)
class Staged:
    """Files that are written but not published."""

    files: tuple[delta.DataFile, ...]
    content: delta.Snapshot
    """The same files as readers would see them."""

    @property
    def rows(self) -> int:
        """The rows of all files."""
        return self.content.rows

    def plan(self) -> pl.LazyFrame:
        """Return the staged rows, typed as promised."""
        return self.content.plan()


class Staging:
    """A place in a table's folder for the files of one publication.

    Leaving it deletes what was not kept.
    """

    def __init__(self, store: Store, uri: str) -> None:
        """Prepare a place in the table at `uri`; nothing is written yet."""
        self.publication_id = uuid4().hex
        self._store = store
        self._uri = uri
        self._written: list[delta.DataFile] = []
        self._kept: set[str] = set()
        self._open = ExitStack()

    def __enter__(self) -> "Staging":  # noqa: PYI034 - `Self` came with Python 3.11
        """Set the marker, locked where the store is local.

        Raises:
            NotWrittenError: The store cannot be written.
        """
        marker = self._marker
        try:
            marker.parent.mkdir(parents=True, exist_ok=True)
            if self._store.local:
                self._open.enter_context(FileLock(str(marker)))
            else:
                marker.touch()
        except OSError as error:
            raise delta.NotWrittenError from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Delete what was not kept, then the marker.

        What cannot be deleted is left to `run/vacuum.py`: a commit may stand already.
        """
        loose = [file.path for file in self._written if file.path not in self._kept]
        for place in [place for path in loose for place in (*sidecars_of(path), path)]:
            with suppress(OSError):
                self._store.path(f"{self._uri}/{place}").unlink(missing_ok=True)
        self._open.close()
        with suppress(OSError):
            self._marker.unlink(missing_ok=True)

    def write(
        self, plan: pl.LazyFrame, schema: Mapping[str, pl.DataType], slice_: str = WHOLE
    ) -> Staged:
        """Stream a plan into one Parquet file.

        Args:
            plan: Has at least the columns of `schema`, in their promised types.
            schema: The promised types, in the order in which they are stored.
            slice_: The partition that the rows belong to.

        Raises:
            polars.exceptions.PolarsError: The plan cannot be computed or written.
        """
        path = f"{DATA}/{self.publication_id}-{len(self._written)}.parquet"
        file = delta.DataFile(path, 0, 0, slice_)
        self._written.append(file)
        url = f"{self._uri}/{path}"
        options = dict(self._store.storage_options) or None
        plan.select(
            stored(named(name), dtype).alias(name) for name, dtype in schema.items()
        ).sink_parquet(url, mkdir=self._store.local, storage_options=options)
        rows = pl.scan_parquet(url, storage_options=options, glob=False).select(pl.len())
        size = self._store.path(url).stat().st_size
        file = replace(file, size_bytes=size, rows=rows.collect().item())
        content = delta.Snapshot(self._uri, -1, (file,), dict(schema), self._store.storage_options)
        return Staged((file,), content)

    @contextmanager
    def keeping(self, files: Sequence[delta.DataFile]) -> Iterator[None]:
        """Keep files through a commit that refers to them, unless it certainly did not happen.

        Whatever else interrupts the commit, no published file is ever deleted here.
        """
        paths = {file.path for file in files}
        self._kept |= paths
        try:
            yield
        except (delta.LostRaceError, delta.NotWrittenError):
            self._kept -= paths
            raise

    @property
    def _marker(self) -> UPath:
        return self._store.path(f"{self._uri}/{MARKERS}/{self.publication_id}.lock")
