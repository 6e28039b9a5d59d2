"""State how fresh and how valid a port's data will be.

In:  spans, shares and column names, as a team promises them.
Out: `Freshness` and `Quality`, checked values.
Whether a promise was kept is judged elsewhere; here it is only written down.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from mesh_dagster.errors import DeclarationError

Otherwise = Literal["refuse", "quarantine"]
Volume = Literal["refuse", "warn"]
EARLIEST_EVENT = datetime(1900, 1, 1, tzinfo=timezone.utc)
"""No event counts as older: some write the first year for a time that they do not know, where
neither zones nor spans can be reckoned with."""
_SHORTEST = timedelta(minutes=1)
_LONGEST = timedelta(days=3660)
_SHORTEST_RETENTION = timedelta(hours=1)
_MOST_ROW_KEYS = 100
_CRON_WORDS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_CRON_HIGHEST = (59, 23, 31, 12, 7)
"""The highest number of minute, hour, day, month and weekday."""
_CRON_FIELD = re.compile(r"[0-9A-Za-z*?][0-9A-Za-z*?,/#-]*", re.ASCII)
_NUMBER = re.compile(r"[0-9]+")
_MANY_DIGITS = 3
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True)
class Freshness:
    """A promise on the age of a port's newest data.

    Source:
        ODCS 3, `slaProperties`, which calls it latency.
    """

    within: timedelta
    """The longest allowed age; at least one minute."""
    by: str | None = None
    """The column with the event time; without it the age counts from the publication."""
    warn: timedelta | None = None
    """An age that is worth a warning; shorter than `within`."""
    deadline: str | None = None
    """A cron expression; only then is the age looked at, so it may be longer in between."""
    timezone: str = "UTC"
    """The IANA zone in which `deadline` and `calendar` are read."""
    target: float = 0.99
    """The share of the window in which the promise must hold; above 0, below 1."""
    window: timedelta = timedelta(days=28)
    """The span over which the share is taken."""
    per: str | None = None
    """A column each of whose values must be fresh by itself; late ones are named in alerts, of a
    sensitive column only counted."""
    calendar: str | None = None
    """The working days, such as `mon-fri`; no other time counts. All days without it."""
    holidays: Collection[date] = ()
    """Days that do not count either."""
    grace: timedelta = timedelta(0)
    """How long a missed limit is a warning before it is a breach."""
    alert: str | Collection[str] = ()
    """The sinks to tell, by the names that the platform gave them; its default without any."""

    def __post_init__(self) -> None:
        """Refuse spans and shares that no port could keep or miss."""
        spans = {"within": self.within, "warn": self.warn, "window": self.window}
        for name, span in (spans | {"grace": self.grace}).items():
            fits = isinstance(span, timedelta) or (name == "warn" and span is None)
            _require(f"{name}={span!r}", "a timedelta", holds=fits)
        _require(f"within={self.within}", "at least one minute", holds=self.within >= _SHORTEST)
        if self.warn is not None:
            short = timedelta(0) < self.warn < self.within
            _require(f"warn={self.warn}", "above zero and shorter than within", holds=short)
        long = self.window >= self.within
        _require(f"window={self.window}", "at least as long as within", holds=long)
        _require_objective(self.target, self.window)
        mild = timedelta(0) <= self.grace <= self.window
        _require(f"grace={self.grace}", "zero or more, at most window", holds=mild)
        _require_alert(self.alert)
        expected = "a name such as 'Europe/Berlin'"
        _require(f"timezone={self.timezone!r}", expected, holds=_is_zone(self.timezone))
        self._require_times()

    def _require_times(self) -> None:
        if self.deadline is not None:
            expected = "a cron expression such as '0 6 * * *'"
            _require(f"deadline={self.deadline!r}", expected, holds=is_schedule(self.deadline))
        if self.calendar is not None:
            known = bool(weekdays(self.calendar))
            expected = "weekdays such as 'mon-fri' or 'mon,wed,sat'"
            _require(f"calendar={self.calendar!r}", expected, holds=known)
        _require(f"holidays={self.holidays!r}", "dates", holds=_are_days(self.holidays))
        if self.per is not None:
            expected = "the name of a column, and 'by' beside it"
            usable = _is_text(self.per) and self.by is not None
            _require(f"per={self.per!r}", expected, holds=usable)


@dataclass(frozen=True)
class Quality:
    """A promise on the share of valid rows, and what happens to the others."""

    valid_rows: float = 1.0
    """The least share of valid rows with which a batch may be published; above 0, at most 1."""
    otherwise: Otherwise = "refuse"
    """`refuse` publishes whole batches only; `quarantine` sets the rejected rows aside."""
    target: float = 0.99
    """The share of batches in the window that must be publishable; above 0, below 1."""
    window: timedelta = timedelta(days=28)
    """The span over which the share is taken."""
    rows: tuple[int, int | None] | None = None
    """The fewest and the most rows of a batch, both allowed; `None` for no upper bound."""
    rows_vs_last: float | None = None
    """The most by which the rows may differ from those of the last batch that was published, as a
    share of those: 0.5 allows half as many to half as many again; above 0, at most 1. After an
    empty batch any number is allowed."""
    volume: Volume = "refuse"
    """What follows when `rows` or `rows_vs_last` is broken."""
    alert: str | Collection[str] = ()
    """The sinks to tell, by the names that the platform gave them; its default without any."""
    row_keys: int = 0
    """How many rows of each broken rule may be named in Dagster, by key; at most 100."""
    quarantine_retention: timedelta | None = None
    """How long rejected rows are kept; as long as the product keeps replaced versions if `None`."""

    def __post_init__(self) -> None:
        """Refuse shares that mean nothing, and a quarantine that could never be used."""
        share = f"valid_rows={self.valid_rows!r}"
        fits = _is_share(self.valid_rows)
        _require(share, "above 0, at most 1", holds=fits, what="Quality")
        _require(
            f"otherwise={self.otherwise!r}",
            "'refuse' or 'quarantine'",
            holds=self.otherwise in get_args(Otherwise),
            what="Quality",
        )
        usable = self.otherwise == "quarantine" or self.valid_rows == 1
        _require(share, "1.0 unless otherwise='quarantine'", holds=usable, what="Quality")
        dated = isinstance(self.window, timedelta)
        _require(f"window={self.window!r}", "a timedelta", holds=dated, what="Quality")
        _require_objective(self.target, self.window, "Quality")
        _require_alert(self.alert, "Quality")
        if self.rows is not None:
            expected = "(fewest, most), such as (1, 1000) or (1, None)"
            _require(f"rows={self.rows!r}", expected, holds=_is_range(self.rows), what="Quality")
        if self.rows_vs_last is not None:
            share, fits = f"rows_vs_last={self.rows_vs_last!r}", _is_share(self.rows_vs_last)
            _require(share, "above 0, at most 1", holds=fits, what="Quality")
        known = self.volume in get_args(Volume)
        _require(f"volume={self.volume!r}", "'refuse' or 'warn'", holds=known, what="Quality")
        require_row_keys(self.row_keys, "Quality")
        _require_retention(self.quarantine_retention, self.otherwise)


def require_row_keys(row_keys: object, what: str) -> None:
    """Refuse a number of row keys that nobody should look at."""
    if type(row_keys) is not int or not 0 <= row_keys <= _MOST_ROW_KEYS:
        got = f"got row_keys={row_keys!r}, expected a whole number from 0 to {_MOST_ROW_KEYS}"
        raise DeclarationError(what, got, "Correct it.")


def is_cron(text: object) -> bool:
    """Say whether a text has the form of a cron expression: five fields, or one of the words.

    Dagster reads it in full when definitions load; here it is about slips of the pen.
    """
    if not isinstance(text, str):
        return False
    fields = text.split()
    if len(fields) != len(_CRON_HIGHEST):
        return text in _CRON_WORDS
    return all(
        _CRON_FIELD.fullmatch(given)
        and all(len(n) < _MANY_DIGITS and int(n) <= highest for n in _NUMBER.findall(given))
        for given, highest in zip(fields, _CRON_HIGHEST, strict=True)
    )


def is_schedule(text: object) -> bool:
    """Say whether a cron expression can be read in full, and ever comes."""
    if not isinstance(text, str) or not is_cron(text):
        return False
    try:
        return (
            next(CronSim(cron_fields(text), datetime(2000, 1, 1, tzinfo=timezone.utc)), None)
            is not None
        )
    except CronSimError:
        return False


def cron_fields(text: str) -> str:
    """Return the five fields of a cron expression that may be one of the words."""
    return _CRON_WORDS.get(text, text)


def weekdays(calendar: object) -> frozenset[int]:
    """Read weekdays, such as `mon-fri` or `mon,wed`; Monday is 0. Empty when they are none."""
    days: set[int] = set()
    for part in str(calendar).lower().split(","):
        first, _, last = part.strip().partition("-")
        if first not in _WEEKDAYS or (last or first) not in _WEEKDAYS:
            return frozenset()
        begin, end = _WEEKDAYS.index(first), _WEEKDAYS.index(last or first)
        days |= {day % len(_WEEKDAYS) for day in range(begin, end + (end < begin) * 7 + 1)}
    return frozenset(days)


def sinks(alert: str | Collection[str]) -> tuple[str, ...]:
    """Return the names of the sinks that a promise tells."""
    return (alert,) if isinstance(alert, str) else tuple(sorted(alert))


def _require_objective(target: object, window: timedelta, what: str = "Freshness") -> None:
    usable = _is_share(target) and target != 1
    _require(f"target={target!r}", "above 0 and below 1", holds=usable, what=what)
    fits = _SHORTEST <= window <= _LONGEST
    _require(f"window={window}", "one minute to 3,660 days", holds=fits, what=what)


def _require_retention(retention: object, otherwise: Otherwise) -> None:
    if retention is None:
        return
    long = isinstance(retention, timedelta) and _SHORTEST_RETENTION <= retention <= _LONGEST
    got, expected = f"quarantine_retention={retention!r}", "a timedelta of one hour to 3,660 days"
    _require(got, expected, holds=long, what="Quality")
    kept = otherwise == "quarantine"
    _require(got, "otherwise='quarantine' beside it", holds=kept, what="Quality")


def _require_alert(alert: object, what: str = "Freshness") -> None:
    names = [alert] if isinstance(alert, str) else alert
    named = isinstance(names, Collection) and all(isinstance(n, str) and n for n in names)
    expected = "the name of a sink, or several"
    _require(f"alert={alert!r}", expected, holds=named, what=what)


def _is_zone(name: object) -> bool:
    try:
        ZoneInfo(str(name))
    except (KeyError, ValueError, OSError):
        return False
    return True


def _is_share(share: object) -> bool:
    return isinstance(share, int | float) and 0 < share <= 1


def _is_text(text: object) -> bool:
    return isinstance(text, str)


def _are_days(days: object) -> bool:
    return isinstance(days, Collection) and all(
        isinstance(day, date) and not isinstance(day, datetime) for day in days
    )


def _is_range(rows: object) -> bool:
    match rows:
        case (int(fewest), int(most)):
            return 0 <= fewest <= most
        case (int(fewest), None):
            return fewest >= 0
    return False


def _require(got: str, expected: str, *, holds: bool, what: str = "Freshness") -> None:
    if not holds:
        raise DeclarationError(what, f"got {got}, expected {expected}", "Correct the promise.")
