"""Keep the keys of a published file beside it, sorted, so that no other partition need read it.

In:  Parquet files of a port, and the keys that must be unique over all its partitions.
Out: sidecars; and which keys of a batch they hold.
A sidecar is a help and never the truth. One that is missing, damaged, or made by a polars that
hashes otherwise is passed over, and the key columns of its file are read instead.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

import polars as pl
import pyarrow.ipc  # type: ignore[import-untyped]

from mesh_dagster.run import delta
from mesh_dagster.run.keys import Key, Keys, is_hashed, key_of
from mesh_dagster.run.native import ANYTHING
from mesh_dagster.run.store import Store

SUFFIX = ".keys"
SAMPLE_SUFFIX = ".sample"
"""Of the other file that may lie beside a Parquet file: `run/sample.py` writes it."""
_MANY_TIMES = 32
"""In a file with so many times the keys of a batch, each is searched; of another, all are read."""
_STEADY = (pl.String, pl.Boolean, pl.Binary, pl.Decimal)
"""Types whose hash says the same in every process, beside numbers and times."""
_SAMPLE = pl.DataFrame(
    {"a": ["", "mesh", None], "b": [0, -1, 2**40], "c": [0.0, 1.5, None], "d": [b"", b"a", None]}
)
_NONE = pl.Series([], dtype=pl.UInt64)


@dataclass(frozen=True)
class Beside:
    """Rows of other partitions, with what lies beside their files."""

    content: delta.Snapshot
    store: Store

    def plan(self) -> pl.LazyFrame:
        """Return all rows."""
        return self.content.plan()

    def shared(
        self, key: Key, schema: pl.Schema, mine: Iterable[pl.Series]
    ) -> tuple[list[pl.Series], pl.LazyFrame | None]:
        """Look the keys of a batch up.

        Args:
            key: What is unique.
            schema: The types of the batch.
            mine: The keys of the batch, by `key_of`.

        Returns:
            The keys that sidecars hold too, and the rows of the files without a sidecar of use.
        """
        names = _names(key, schema)
        held = {file: self._held(file, names) for file in self.content.files}
        unread = tuple(file for file, keys in held.items() if keys is None)
        known = [keys for keys in held.values() if keys is not None]
        found = _found(known, pl.concat([_NONE, *mine]).unique())
        return found, replace(self.content, files=unread).plan() if unread else None

    def _held(self, file: delta.DataFile, names: list[str]) -> pl.Series | None:
        path = f"{self.content.uri}/{sidecar_of(file.path)}"
        try:
            columns = _columns(self.store, path) if names else {}
        except ANYTHING:  # whatever is wrong with it, its file is read instead
            return None
        for told, keys in columns.items():
            sound = keys.dtype == pl.UInt64 and len(keys) == file.rows
            if sound and told in [f"{name} {keys.sum()}" for name in names]:
                return keys
        return None


def sidecar_of(path: str, suffix: str = SUFFIX) -> str:
    """Return where the sidecar of a Parquet file lies, or would lie."""
    return path.removesuffix(".parquet") + suffix


def sidecars_of(path: str) -> tuple[str, ...]:
    """Return every place beside a Parquet file where a file of its own may lie."""
    return sidecar_of(path), sidecar_of(path, SAMPLE_SUFFIX)


def write_sidecar(
    store: Store,
    content: delta.Snapshot,
    keys: Iterable[tuple[str, ...]],
    sensitive: Collection[str] = (),
) -> None:
    """Write the keys of one staged file beside it; where that fails, there is no sidecar.

    Args:
        store: Where it lies.
        content: The file.
        keys: The columns of each key.
        sensitive: Columns whose values are written as hashes only, or not at all.
    """
    plan, (file,) = content.plan(), content.files
    types = plan.collect_schema()
    known = [Key(list(columns), alone=len(columns) == 1) for columns in keys]
    shown = [key for key in known if is_hashed(key, types) or key.columns[0] not in sensitive]
    wanted = {name: key_of(key, types) for key in shown for name in _names(key, types)}
    if not wanted:
        return
    place = store.path(f"{content.uri}/{sidecar_of(file.path)}")
    try:
        frame = _sorted_keys(plan, wanted)
        with place.open("wb") as out:
            frame.write_ipc(out)
    except ANYTHING:  # of an object store too, whatever library reaches it
        with suppress(*ANYTHING):
            place.unlink(missing_ok=True)


def _sorted_keys(plan: pl.LazyFrame, wanted: Mapping[str, pl.Expr]) -> pl.DataFrame:
    poured = {name: Keys() for name in wanted}
    pours = [poured[name].pour(plan, key) for name, key in wanted.items()]
    pl.collect_all(pours, engine="streaming")
    whole = {name: pl.concat([_NONE, *keys.chunks]).sort() for name, keys in poured.items()}
    return pl.DataFrame({f"{name} {keys.sum()}": keys for name, keys in whole.items()})


def _columns(store: Store, path: str) -> dict[str, pl.Series]:
    # pyarrow maps a local file, where polars copies it.
    source = (
        pyarrow.memory_map(path)
        if store.local
        else pyarrow.BufferReader(store.path(path).read_bytes())
    )
    with source, pyarrow.ipc.open_file(source) as reader:
        table = reader.read_all()
    table.validate()
    return {name: pl.Series("", table.column(name)) for name in table.column_names}


def _names(key: Key, schema: pl.Schema) -> list[str]:
    """Say what the keys are made of, and how; nothing where hashes are not steady."""
    types = [schema[name] for name in key.columns]
    if not all(dtype.is_numeric() or dtype.is_temporal() or dtype in _STEADY for dtype in types):
        return []
    columns = [[name, str(schema[name])] for name in key.columns]
    hashes = _SAMPLE.select(pl.all().hash(), all=pl.struct(pl.all()).hash())
    return [json.dumps([pl.__version__, [hashed.sum() for hashed in hashes], columns])]


def _found(held: list[pl.Series], wanted: pl.Series) -> list[pl.Series]:
    if not len(wanted):
        return []
    large = [keys for keys in held if len(keys) > _MANY_TIMES * len(wanted)]
    found = [_searched(keys, wanted) for keys in large]
    small = [keys for keys in held if len(keys) <= _MANY_TIMES * len(wanted)]
    if small:
        rest = pl.concat(small)
        found.append(rest.filter(rest.is_in(wanted.implode())))
    return [keys for keys in found if len(keys)]


def _searched(keys: pl.Series, wanted: pl.Series) -> pl.Series:
    places = keys.search_sorted(wanted).clip(upper_bound=len(keys) - 1)
    found: pl.Series = wanted.filter(keys.gather(places).eq(wanted))
    return found
