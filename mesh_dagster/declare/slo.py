"""State how fresh and how valid a port's data will be.

In:  spans, shares and column names, as a team promises them.
Out: `Freshness` and `Quality`, checked values.
Whether a promise was kept is judged elsewhere; here it is only written down.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from mesh_dagster.errors import DeclarationError

Otherwise = Literal["refuse", "quarantine"]
_SHORTEST = timedelta(minutes=1)
_CRON_WORDS = ("@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually")
_CRON_HIGHEST = (59, 23, 31, 12, 7)
"""The highest number of minute, hour, day, month and weekday."""
_CRON_FIELD = re.compile(r"[0-9A-Za-z*?][0-9A-Za-z*?,/#-]*", re.ASCII)
_NUMBER = re.compile(r"[0-9]+")
_MANY_DIGITS = 3


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
    """A cron expression by which new data must be there."""
    timezone: str = "UTC"
    """The IANA zone in which `deadline` is read."""
    target: float = 0.99
    """The share of the window in which the promise must hold; above 0, below 1."""
    window: timedelta = timedelta(days=28)
    """The span over which the share is taken."""

    def __post_init__(self) -> None:
        """Refuse spans and shares that no port could keep or miss."""
        spans = {"within": self.within, "warn": self.warn, "window": self.window}
        for name, span in spans.items():
            fits = isinstance(span, timedelta) or (name == "warn" and span is None)
            _require(f"{name}={span!r}", "a timedelta", holds=fits)
        _require(f"within={self.within}", "at least one minute", holds=self.within >= _SHORTEST)
        if self.warn is not None:
            short = timedelta(0) < self.warn < self.within
            _require(f"warn={self.warn}", "above zero and shorter than within", holds=short)
        usable = _is_share(self.target) and self.target < 1
        _require(f"target={self.target!r}", "above 0 and below 1", holds=usable)
        long = self.window >= self.within
        _require(f"window={self.window}", "at least as long as within", holds=long)
        if self.deadline is not None:
            expected = "a cron expression such as '0 6 * * *'"
            _require(f"deadline={self.deadline!r}", expected, holds=is_cron(self.deadline))
        expected = "a name such as 'Europe/Berlin'"
        _require(f"timezone={self.timezone!r}", expected, holds=_is_zone(self.timezone))


@dataclass(frozen=True)
class Quality:
    """A promise on the share of valid rows, and what happens to the others."""

    valid_rows: float = 1.0
    """The least share of valid rows with which a batch may be published; above 0, at most 1."""
    otherwise: Otherwise = "refuse"
    """`refuse` publishes whole batches only; `quarantine` sets the rejected rows aside."""

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


def _is_zone(name: object) -> bool:
    try:
        ZoneInfo(str(name))
    except (KeyError, ValueError, OSError):
        return False
    return True


def _is_share(share: object) -> bool:
    return isinstance(share, int | float) and 0 < share <= 1


def _require(got: str, expected: str, *, holds: bool, what: str = "Freshness") -> None:
    if not holds:
        raise DeclarationError(what, f"got {got}, expected {expected}", "Correct the promise.")
