"""Hold the outcome of judging one promise, in values that every later stage reads.

In:  what `freshness.py` and `quality.py` found of one port, at one clock reading.
Out: an `SloStatus`; the identity of a breach, which is the same each time it is judged.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Literal

State = Literal["ok", "warn", "breached", "no_data", "paused"]
Objective = Literal["freshness", "quality"]
BROKEN: tuple[State, ...] = ("breached", "no_data")
"""The states in which a promise is broken."""
STALE_AFTER = timedelta(minutes=10)
"""A sensor that has not judged for longer has stopped."""


@dataclass(frozen=True)
class SloStatus:
    """How one promise of one port stands at one moment."""

    address: str
    product_key: str
    owner: str
    objective: Objective
    state: State
    """`no_data`: there should be data and is none. `paused`: not due yet, or no working day."""
    since: datetime
    """Aware UTC; when this state began, computed from the data and not from when it was seen."""
    age: timedelta | None
    """Freshness only: the counting time since the newest data; `None` when there is none."""
    limit: timedelta | None
    """Freshness only: the longest age."""
    target: float
    """The share of the window in which the promise has to be kept."""
    window: timedelta
    budget_remaining: float | None
    """1.0 untouched, 0.0 spent, negative when overspent; `None` when nothing could be judged."""
    late_groups: tuple[str, ...] = ()
    """The latest 20 groups of the promise's `per` column that are late, latest first."""
    late_group_count: int = 0
    missing_partitions: tuple[str, ...] = ()
    """The newest 20 partitions that are due and were never published, newest first."""
    missing_partition_count: int = 0
    breaks_at: datetime | None = None
    """Freshness only, aware UTC; when it breaks, or broke, if nothing newer is published."""
    predicted_breach_at: datetime | None = None
    """Aware UTC; when a promise that still holds will break, if the next publication is late."""
    caused_by: str | None = None
    """The address of the port upstream whose breach explains this one."""

    @property
    def broken(self) -> bool:
        """Whether the promise is broken."""
        return self.state in BROKEN

    @property
    def breach_id(self) -> str | None:
        """What identifies this breach however often it is judged; `None` unless broken."""
        if not self.broken:
            return None
        began = self.since.astimezone(timezone.utc).isoformat(timespec="microseconds")
        identity = f"{self.address}\n{self.objective}\n{began}"
        return hashlib.sha256(identity.encode()).hexdigest()
