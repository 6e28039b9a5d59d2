"""Find the newest event of each group whose freshness a port promises.

In:  the rows that will be published, what the newest publication knew of the whole port, a clock
reading: no event counts as later, else one wrong clock would end all other groups.
Out: facts for the commit: group to its newest event, and the earliest of those.
A group without an event for a whole window of the promise is forgotten: it has ended.
Groups of a sensitive column stand under a hash of their name.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime

import polars as pl

from mesh_dagster.declare.port import OutputPort
from mesh_dagster.declare.slo import EARLIEST_EVENT, Freshness
from mesh_dagster.errors import TooManyGroupsError
from mesh_dagster.run import delta
from mesh_dagster.run.stage import Staged
from mesh_dagster.run.store import WHOLE

MOST_GROUPS = 10_000
"""So many groups are watched one by one; a commit carries the newest event of each."""
_LONGEST_NAME = 64
_UNPRINTED = r"[\p{C}\p{Zl}\p{Zp}]"
"""What would start a line or steer a terminal where a name is shown; PostgreSQL keeps no NUL."""
_HASHED = "blake2b:"


def group_facts(
    port: OutputPort, accepted: Staged, slice_: str, base: delta.Snapshot | None, now: datetime
) -> dict[str, object]:
    """Return what a commit says of the groups of the whole port; nothing if none are promised.

    Raises:
        TooManyGroupsError: There are more groups than are watched.
    """
    promise = port.freshness
    if promise is None or promise.per is None:
        return {}
    newest = _kept(newest_events(accepted.plan(), promise, now), port)
    if base is not None and slice_ != WHOLE:
        known = base.record.get("groups", {})
        earlier = _kept({n: datetime.fromisoformat(time) for n, time in known.items()}, port)
        newest = {**earlier, **{n: max(t, earlier.get(n, t)) for n, t in newest.items()}}
    living = _living(newest, promise)
    if len(living) > MOST_GROUPS:
        current = f"version {base.version} stays current" if base else "it was never published"
        raise TooManyGroupsError(str(port.address), promise.per, MOST_GROUPS, current)
    return {
        "groups": {name: time.isoformat() for name, time in sorted(living.items())},
        "oldest_group": min(living.values()).isoformat() if living else None,
    }


def newest_events(plan: pl.LazyFrame, promise: Freshness, now: datetime) -> dict[str, datetime]:
    """Return the newest event of each living group, aware UTC.

    Rows without group or time do not count. Groups that have ended by the newest event of the rows
    are left out before they are bounded.
    """
    by, dtype = pl.col(str(promise.by)), plan.collect_schema()[str(promise.by)]
    # Days beyond all that can be a time are no events.
    time = by.cast(pl.Datetime("us"), strict=False) if isinstance(dtype, pl.Date) else by
    if not isinstance(dtype, pl.Datetime) or dtype.time_zone is None:
        time = time.dt.replace_time_zone("UTC")
    frame = (
        plan.select(
            group=pl.col(str(promise.per))
            .cast(pl.String)
            .str.slice(0, _LONGEST_NAME)
            .str.replace_all(_UNPRINTED, " "),
            time=time.dt.convert_time_zone("UTC").dt.cast_time_unit("us"),
        )
        .drop_nulls()
        .group_by("group")
        .agg(pl.col("time").max().clip(EARLIEST_EVENT, now))
        .filter(pl.col("time") >= pl.col("time").max() - promise.window)
        .head(MOST_GROUPS + 1)
        .collect(engine="streaming")
    )
    return dict(zip(frame["group"].to_list(), frame["time"].to_list(), strict=True))


def _kept(newest: Mapping[str, datetime], port: OutputPort) -> dict[str, datetime]:
    """Hash those names that are to be hidden and are not hashed yet."""
    if not port.hides_groups:
        return dict(newest)
    salt = str(port.address).encode()[: hashlib.blake2b.MAX_KEY_SIZE]

    def hashed(name: str) -> str:
        return _HASHED + hashlib.blake2b(name.encode(), digest_size=8, key=salt).hexdigest()

    return {n if n.startswith(_HASHED) else hashed(n): time for n, time in newest.items()}


def _living(newest: Mapping[str, datetime], promise: Freshness) -> dict[str, datetime]:
    end = max(newest.values(), default=None)
    return {n: t for n, t in newest.items() if end is None or t >= end - promise.window}
