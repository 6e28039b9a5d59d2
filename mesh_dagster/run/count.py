"""Count a read, and never be in its way.

In:  the URL of a registry, a `Read`.
Out: a row of `run/reads.py`, or none: a registry that is missing, read-only or down loses the
count and nothing else. A lock or a server is waited for in the background, and at the end of the
process for half a second.

Why: readers do not wait for SQLAlchemy, whose import takes as long as a read. So a SQLite registry
is written by the standard library; a test holds the statement against the table.
"""

import atexit
import json
import os
import sqlite3
import threading
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import lru_cache
from getpass import getuser
from pathlib import Path
from queue import Full, Queue
from typing import Literal

Way = Literal["python", "sql", "command", "build"]
"""How it was read; `build` is another product's, whose key is then the reader."""

READER_VARIABLE = "MESH_READER"
PURPOSE_VARIABLE = "MESH_PURPOSE"
LONGEST_NAME = 200
LONGEST_PURPOSE = 500
INSERT = (
    "INSERT INTO reads (address, version, reader, way, purpose, day, product_key, reads, "
    "first_read_at, last_read_at, columns) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (address, version, reader, way, purpose, day) DO UPDATE SET "
    "reads = (reads.reads + excluded.reads), last_read_at = excluded.last_read_at, "
    "columns = CASE WHEN (CAST(reads.columns AS TEXT) = CAST(excluded.columns AS TEXT)) "
    "THEN reads.columns END"
)
SQLITE = "sqlite:///"
_PATIENCE_SECONDS = 5.0
_LAST_PATIENCE_SECONDS = 0.5
_MOST_WAITING = 1_000


@dataclass(frozen=True)
class Read:
    """One read of one port."""

    address: str
    version: int
    way: Way
    read_at: datetime
    """Aware UTC."""
    reader: str
    purpose: str = ""
    columns: tuple[str, ...] | None = None
    """The columns that were asked for, sorted; `None` where that is not known."""

    def row(self) -> dict[str, object]:
        """Return the row of `run/reads.py`, in the order of its columns."""
        return {
            "address": self.address,
            "version": self.version,
            "reader": self.reader[:LONGEST_NAME],
            "way": self.way,
            "purpose": self.purpose[:LONGEST_PURPOSE],
            "day": f"{self.read_at.astimezone(timezone.utc):%Y-%m-%d}",
            "product_key": "/".join(self.address.removeprefix("mesh://").split("/")[:2]),
            "reads": 1,
            "first_read_at": self.read_at,
            "last_read_at": self.read_at,
            "columns": None if self.columns is None else list(self.columns),
        }


def who_reads() -> str:
    """Return MESH_READER, else the user of this process."""
    with suppress(OSError, KeyError, ImportError):
        return os.environ.get(READER_VARIABLE) or getuser()
    return "unknown"


def why_read() -> str:
    """Return MESH_PURPOSE, else nothing."""
    return os.environ.get(PURPOSE_VARIABLE, "")


def count(registry_url: str, *made: Read) -> None:
    """Record reads; whatever goes wrong, the reader never notices."""
    if not made:
        return
    if registry_url.startswith(SQLITE):
        if _written(registry_url, made, patience_seconds=0):
            return
    elif registry_url.startswith("sqlite"):
        return
    with suppress(Full):
        _waiting().put_nowait((registry_url, made))


def settle(patience_seconds: float | None = None) -> None:
    """Wait for reads that are counted in the background, for so long at most."""
    finished = threading.Thread(target=_waiting().join, daemon=True)
    finished.start()
    finished.join(patience_seconds)


def file_of(registry_url: str) -> str | None:
    """Return the URI of a SQLite registry, opened to be written; `None` where no file is."""
    path = Path(registry_url.removeprefix(SQLITE).partition("?")[0])
    return f"{path.absolute().as_uri()}?mode=rw" if path.is_file() else None


def _written(registry_url: str, made: tuple[Read, ...], patience_seconds: float) -> bool:
    """Write to SQLite; return False where another writer was in the way."""
    place = file_of(registry_url)
    if place is None:
        return True
    try:
        with closing(sqlite3.connect(place, uri=True, timeout=patience_seconds)) as connection:
            connection.execute("PRAGMA synchronous=NORMAL")
            with connection:
                connection.executemany(INSERT, [_parameters(read) for read in made])
    except sqlite3.OperationalError as error:
        return "locked" not in str(error)
    except sqlite3.Error:
        return True
    return True


def _parameters(read: Read) -> list[object]:
    """Write values as SQLAlchemy does."""
    return [_parameter(value) for value in read.row().values()]


def _parameter(value: object) -> object:
    if isinstance(value, datetime):
        return f"{value.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S.%f}"
    return json.dumps(value) if isinstance(value, list) else value


@lru_cache(maxsize=1)
def _waiting() -> "Queue[tuple[str, tuple[Read, ...]]]":
    """Start the one thread that waits in place of readers, and return its queue."""
    queue: Queue[tuple[str, tuple[Read, ...]]] = Queue(_MOST_WAITING)

    def write_all() -> None:
        while True:
            url, made = queue.get()
            with suppress(Exception):  # nobody is there to be told, and no read depends on it
                if url.startswith(SQLITE):
                    _written(url, made, _PATIENCE_SECONDS)
                else:
                    _written_elsewhere(url, made)
            queue.task_done()

    threading.Thread(target=write_all, name="mesh-counts-reads", daemon=True).start()
    atexit.register(settle, _LAST_PATIENCE_SECONDS)
    return queue


def _written_elsewhere(registry_url: str, made: tuple[Read, ...]) -> None:
    from mesh_dagster.run.reads import record  # noqa: PLC0415 - brings SQLAlchemy

    record(registry_url, [read.row() for read in made])
