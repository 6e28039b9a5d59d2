"""Store what is inside a product: one Parquet file for each slice of an internal, never a pickle.

In:  plans, from the build functions of internals.
Out: plans over the last file that was written whole.
A pointer names the current file, and is moved in one step, so that a reader never meets half a
file and a lazy reader keeps the file that it has opened. `mesh vacuum` removes the replaced files.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import polars as pl

from mesh_dagster.errors import InternalMissingError
from mesh_dagster.run.edges import Lineage
from mesh_dagster.run.store import Store

POINTER = "current"


def write_internal(
    store: Store,
    folder: str,
    plan: pl.LazyFrame,
    inputs: Mapping[str, int],
    lineage: Mapping[str, Any] | None = None,  # Any: JSON
) -> str:
    """Stream a plan into a new file and make it the current one.

    Args:
        store: Where internals lie.
        folder: The slice to replace.
        plan: The rows.
        inputs: Address to the version that the rows were made from.
        lineage: Where the columns come from, a record of `run/edges.py`.

    Returns:
        The file's URL.
    """
    name = f"{uuid4().hex}.parquet"
    url = f"{folder}/{name}"
    pointer, aside = store.path(f"{folder}/{POINTER}"), store.path(f"{url}.{POINTER}")
    text = json.dumps({"file": name, "inputs": dict(inputs), "lineage": dict(lineage or {})})
    with ExitStack() as undo:
        undo.callback(store.path(url).unlink, missing_ok=True)
        plan.sink_parquet(
            url, mkdir=store.local, storage_options=dict(store.storage_options) or None
        )
        if store.local:
            undo.callback(aside.unlink, missing_ok=True)
            aside.write_text(text, encoding="utf-8")
            undo.pop_all()
            aside.replace(pointer)
        else:
            undo.pop_all()
            pointer.write_text(text, encoding="utf-8")
    return url


def current_file(store: Store, folder: str) -> str | None:
    """Return the URL of the current file of one slice, or `None` before the first."""
    pointer = _pointer(store, folder)
    return f"{folder}/{pointer['file']}" if pointer else None


def inputs_at(store: Store, place: str, slice_folder: str) -> dict[str, int]:
    """Return the versions of other products' ports that an internal was made from.

    Where its slices were made from several versions of a port, the newest counts.

    Args:
        store: Where internals lie.
        place: The folder of all its slices.
        slice_folder: The name of the slice that is asked first; a step without partitions may
            read an internal with them, whose slices then all stand for it.
    """
    made_from: dict[str, int] = {}
    for pointer in _pointers(store, place, slice_folder):
        for address, version in pointer["inputs"].items():
            made_from[address] = max(version, made_from.get(address, version))
    return made_from


def lineage_at(store: Store, place: str, slice_folder: str) -> Lineage:
    """Return where the columns of an internal come from; the arguments are as in `inputs_at`."""
    pointer = next(_pointers(store, place, slice_folder), None)
    return Lineage.of(pointer["lineage"]) if pointer else Lineage()


def read_internal(store: Store, folders: Sequence[str], who: str) -> pl.LazyFrame:
    """Return the rows of one or several slices.

    Raises:
        InternalMissingError: A slice was never materialized; `who` names the internal.
    """
    urls = [url for folder in folders if (url := current_file(store, folder)) is not None]
    if len(urls) < len(folders) or not urls:
        raise InternalMissingError(who, len(folders) - len(urls), len(folders))
    options = dict(store.storage_options) or None
    plans = [
        pl.scan_parquet(url, storage_options=options, glob=False, hive_partitioning=False)
        for url in urls
    ]
    # No contract fixes the columns of an internal, so its slices need not all have the same.
    return pl.concat(plans, how="diagonal_relaxed")


def _pointers(store: Store, place: str, slice_folder: str) -> Iterator[dict[str, Any]]:  # Any: JSON
    own = _pointer(store, f"{place}/{slice_folder}")
    if own is not None:
        yield own
        return
    for folder in sorted(store.path(place).glob("*"), key=str):
        other = _pointer(store, str(folder))
        if other is not None:
            yield other


def _pointer(store: Store, folder: str) -> dict[str, Any] | None:  # Any: JSON
    try:
        text = store.path(f"{folder}/{POINTER}").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    pointer: dict[str, Any] = json.loads(text)
    return pointer
