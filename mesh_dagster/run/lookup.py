"""Look up how a port is declared now, and never be in a reader's way.

In:  the URL of a registry, an address.
Out: its state, or nothing: where the registry is missing, does not know the port, cannot be read,
or is a server that does not answer within two seconds.

Why: as in `run/count.py`, readers of SQLite do not wait for SQLAlchemy.
"""

import json
import sqlite3
from contextlib import closing, suppress
from threading import Thread

from mesh_dagster.declare.lifecycle import Row, State, state_of
from mesh_dagster.run.count import SQLITE, file_of

_STATEMENT = "SELECT declaration FROM ports WHERE address = ?"
_PATIENCE_SECONDS = 2.0


def declared_state(registry_url: str, address: str) -> State | None:
    """Return the state in which a port was registered last."""
    if registry_url.startswith(SQLITE):
        return _in_file(registry_url, address)
    if registry_url.startswith("sqlite"):
        return None
    found: list[State] = []
    # A thread that is not waited for any longer ends with the process.
    asking = Thread(target=_ask_server, args=(registry_url, address, found), daemon=True)
    asking.start()
    asking.join(_PATIENCE_SECONDS)
    return found[0] if found else None


def _in_file(registry_url: str, address: str) -> State | None:
    # To read alone would leave the files of its log behind; what is write-protected is read.
    place = file_of(registry_url)
    if place is None:
        return None
    try:
        with closing(sqlite3.connect(place, uri=True, timeout=_PATIENCE_SECONDS)) as connection:
            row = connection.execute(_STATEMENT, (address,)).fetchone()
    except sqlite3.Error:
        return None
    return state_of(json.loads(row[0]).get("state")) if row else None


def _ask_server(registry_url: str, address: str, found: list[State]) -> None:
    with suppress(Exception):  # whatever goes wrong, the reader reads
        import sqlalchemy as sa  # noqa: PLC0415 - slow to import

        from mesh_dagster.run.dialects import open_engine  # noqa: PLC0415 - brings SQLAlchemy
        from mesh_dagster.run.registry import ports  # noqa: PLC0415 - likewise

        engine = open_engine(sa.make_url(registry_url))
        query = sa.select(ports.c.declaration["state"]).where(ports.c.address == address)
        with engine.begin() as connection:
            rows: list[Row | None] = list(connection.scalars(query))
        engine.dispose()
        found += map(state_of, rows)
