"""Know which partitions of a port should have been published.

In:  a port's partitions as `compile/expected.py` describes them, its promise, a clock reading.
Out: the partitions that are missing, or were published late.
A partition is due when data that reaches up to its end would break the promise, but not before
data as old as the port's registration would; the latter alone counts for keys that are no times.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import islice, product
from math import prod
from operator import attrgetter
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from cronsim import CronSim

from mesh_dagster.observe.calendar import Timing, ticks
from mesh_dagster.run.promises import PortFacts

MOST_PARTITIONS = 1_000
"""So many of the newest times of a port are looked at."""
MOST_COMBINATIONS = 100_000
"""And so many of the newest together with its fixed keys."""
_LONG = timedelta(days=800)
"""Longer than any period between two partitions."""
_LONG_AGO = datetime.min.replace(tzinfo=timezone.utc)
_Json = Mapping[str, Any]  # Any: JSON


class Late(NamedTuple):
    """A partition that was not there when it was due."""

    due: datetime
    published: datetime | None
    key: str


class _Ended(NamedTuple):
    begin: datetime
    end: datetime
    key: str


class _Period(NamedTuple):
    begin: datetime
    due: datetime
    key: str


@dataclass(frozen=True)
class Expectations:
    """The partitions that are due now; what many ports share is computed once."""

    now: datetime
    _ended: dict[object, list[_Ended]] = field(default_factory=dict)
    _known: dict[object, list[_Period]] = field(default_factory=dict)

    def late(self, port: PortFacts, timing: Timing) -> list[Late]:
        """Return the partitions of a port that are missing or came late."""
        if port.partitions is None:
            return []
        registered = port.registered_at
        earliest = timing.breaks_at(registered) if registered else _LONG_AGO
        if earliest >= self.now:
            return []
        found, keys = [], port.partitions["keys"]
        fixed = prod(len(one) for one in keys if isinstance(one, list))
        newest = max(MOST_COMBINATIONS // max(fixed, 1), 1)
        for dimensions in product(*(self._due(one, timing, newest) for one in keys)):
            due = max(earliest, *(period.due for period in dimensions))
            key = "|".join([period.key for period in dimensions])
            published = port.slices.get(key)
            if published is None or published > due:
                found.append(Late(due, published, key))
        return found

    def _due(self, dimension: _Json | list[str], timing: Timing, newest: int) -> list[_Period]:
        if isinstance(dimension, list):
            return [_Period(_LONG_AGO, _LONG_AGO, key) for key in dimension]
        given = dimension["end"]
        end = min(datetime.fromisoformat(given), self.now) if given else self.now
        rest = [str(value) for name, value in dimension.items() if name not in {"start", "end"}]
        shape = (*rest, end)
        if shape not in self._ended:
            self._ended[shape] = _ended(dimension, end)
        if (shape, timing.promise) not in self._known:
            periods = (_Period(b, timing.due_at(e), k) for b, e, k in self._ended[shape])
            self._known[shape, timing.promise] = [p for p in periods if p.due < self.now]
        periods_due = self._known[shape, timing.promise]
        start = datetime.fromisoformat(dimension["start"])
        return periods_due[bisect_left(periods_due, start, key=attrgetter("begin")) :][-newest:]


def _ended(dimension: _Json, end: datetime) -> list[_Ended]:
    """Return the newest partitions that lie before `end` as a whole, oldest first."""
    cron, zone = dimension["cron"], ZoneInfo(dimension["timezone"])
    first, second = islice(ticks(cron, zone, end - _LONG), 2)
    begin = max(end - _LONG, end - (second - first) * (MOST_PARTITIONS + 1))
    borders = list(_borders(cron, zone, begin, end))
    # A partition that is held back appears when others have ended after it.
    available = borders[1 + dimension["held_back"] :]
    return [
        _Ended(since, until, _key(since, zone, dimension))
        for since, until in zip(borders, available, strict=False)
        if not _excluded(since, zone, dimension)
    ][-MOST_PARTITIONS:]


def _borders(cron: str, zone: ZoneInfo, begin: datetime, end: datetime) -> Iterator[datetime]:
    for tick in ticks(cron, zone, begin):
        if tick > end:
            return
        yield tick


def _excluded(begin: datetime, zone: ZoneInfo, dimension: _Json) -> bool:
    if begin.isoformat() in dimension["excluded"]:
        return True
    local = begin.astimezone(zone)
    earlier = local - timedelta(minutes=1)
    return any(next(CronSim(cron, earlier)) == local for cron in dimension["excluded_crons"])


def _key(begin: datetime, zone: ZoneInfo, dimension: _Json) -> str:
    """Write a partition's key as Dagster does; hours that come twice say which they are."""
    local, form = begin.astimezone(zone), dimension["format"]
    first = local.replace(fold=0).utcoffset()
    repeated = dimension["hourly"] and local.fold and local.utcoffset() != first
    return local.strftime(f"{form}%z" if repeated and "%z" not in form else form)
