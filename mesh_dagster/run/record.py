"""Write what is known of a publication into its commit, and read it back.

In:  a port, a verdict, staged files; or the history of a table.
Out: a JSON record, or a `Publication`.
The commit is the truth: whatever the registry holds of a publication can be read from here.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import date, datetime, time, timezone
from math import isfinite
from typing import Any

from mesh_dagster.declare.address import Address
from mesh_dagster.declare.lifecycle import state_row
from mesh_dagster.declare.port import OutputPort
from mesh_dagster.declare.slo import EARLIEST_EVENT
from mesh_dagster.run import delta
from mesh_dagster.run.registry import Publication
from mesh_dagster.run.store import Store
from mesh_dagster.run.verdict import Profile, Verdict

Record = dict[str, Any]  # Any: JSON
_HEALED = 2
"""So many commits are looked at, in case a writer died before it recorded its own."""


def facts(
    port: OutputPort,
    verdict: Verdict,
    *,
    slice_: str,
    rows: int,
    rejected_rows: int,
    other_rows: int,
    published: Profile,
) -> Record:
    """Return what a commit says of the publication that it makes."""
    event_time = _data_time(port, published)
    return {
        "address": str(port.address),
        "state": state_row(port.state),
        "contract_version": port.version,
        "contract_digest": port.contract.digest,
        "verdict_digest": verdict.digest,
        "slice": slice_,
        "rows": rows,
        "port_rows": rows + other_rows,
        "rejected_rows": rejected_rows,
        "checks": verdict.checks,
        "data_time": event_time.isoformat() if event_time else None,
        "profile": profile_json(published.without_values(port.contract.sensitive_columns)),
    }


def publication(entry: Mapping[str, Any]) -> Publication:
    """Read one entry of a table's history."""
    names = Publication.__dataclass_fields__
    known = {name: value for name, value in entry.items() if name in names}
    for name in ("data_time", "oldest_group"):
        if known.get(name):
            known[name] = datetime.fromisoformat(known[name])
    return Publication(**known)


def newest(store: Store, address: Address, version: int) -> dict[int, Publication]:
    """Return the publication that made a version, and the one before it, by version."""
    versions = range(version, version - _HEALED, -1)
    entries = [entry for one in versions for entry in _entries(store, address, one)]
    return {entry["version"]: publication(entry) for entry in entries}


def _entries(store: Store, address: Address, version: int) -> Iterator[Record]:
    """Read one commit alone; not every one made a publication."""
    commit = store.path(f"{store.table(address)}/_delta_log/{version:020}.json")
    with suppress(FileNotFoundError):
        # A profile may hold what `splitlines` takes for the end of a line, as U+2028.
        for line in commit.read_text(encoding="utf-8").strip().split("\n"):
            made = json.loads(line).get("commitInfo", {})
            if delta.RECORD_KEY in made:
                yield delta.entry_of(made, version)


def profile_json(profile: Profile) -> Record:
    """Write a profile as JSON, times as ISO 8601."""
    return {
        "rows": profile.rows,
        "columns": [
            {name: _json(value) for name, value in asdict(column).items()}
            for column in profile.columns
        ],
    }


def _json(value: object) -> object:
    if isinstance(value, float) and not isfinite(value):
        return str(value)
    if isinstance(value, str):
        return value.replace("\0", "")  # PostgreSQL keeps no such character
    return value.isoformat() if isinstance(value, datetime) else value


def _data_time(port: OutputPort, profile: Profile) -> datetime | None:
    by = port.freshness.by if port.freshness else None
    column = profile.column(by) if by else None
    newest = column.maximum if column else None
    if isinstance(newest, datetime):
        known = newest if newest.tzinfo else newest.replace(tzinfo=timezone.utc)
        return max(known, EARLIEST_EVENT).astimezone(timezone.utc)
    if isinstance(newest, str):  # a date, as a profile writes it
        day = datetime.combine(date.fromisoformat(newest), time(), timezone.utc)
        return max(day, EARLIEST_EVENT)
    return None
