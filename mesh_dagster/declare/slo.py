"""State how fresh and how valid a port's data will be.

In:  spans, shares and column names, as a team promises them.
Out: `Freshness` and `Quality`, checked values.
Whether a promise was kept is judged elsewhere; here it is only written down.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from mesh_dagster.errors import DeclarationError

Otherwise = Literal["refuse", "quarantine"]
_SHORTEST = timedelta(minutes=1)


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
        _require(self.within >= _SHORTEST, f"within={self.within}", "at least one minute")
        if self.warn is not None:
            short = timedelta(0) < self.warn < self.within
            _require(short, f"warn={self.warn}", "above zero and shorter than within")
        _require(0 < self.target < 1, f"target={self.target}", "above 0 and below 1")
        _require(self.window >= self.within, f"window={self.window}", "at least as long as within")
        try:
            ZoneInfo(self.timezone)
        except (KeyError, ValueError, OSError):
            _require(False, f"timezone='{self.timezone}'", "a name such as 'Europe/Berlin'")


@dataclass(frozen=True)
class Quality:
    """A promise on the share of valid rows, and what happens to the others."""

    valid_rows: float = 1.0
    """The least share of valid rows with which a batch may be published; above 0, at most 1."""
    otherwise: Otherwise = "refuse"
    """`refuse` publishes whole batches only; `quarantine` sets the rejected rows aside."""

    def __post_init__(self) -> None:
        """Refuse shares that mean nothing, and a quarantine that could never be used."""
        what = "Quality"
        _require(
            0 < self.valid_rows <= 1, f"valid_rows={self.valid_rows}", "above 0, at most 1", what
        )
        known = get_args(Otherwise)
        _require(
            self.otherwise in known, f"otherwise='{self.otherwise}'", f"one of {known}", what
        )
        usable = self.otherwise == "quarantine" or self.valid_rows == 1
        _require(
            usable, f"valid_rows={self.valid_rows}", "1.0 unless otherwise='quarantine'", what
        )


def _require(holds: bool, got: str, expected: str, what: str = "Freshness") -> None:
    if not holds:
        raise DeclarationError(what, f"got {got}, expected {expected}", "Correct the promise.")
