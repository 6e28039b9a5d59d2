"""Say who is told: sinks by name, tiers of escalation, the pause between reminders.

In:  what the platform configured, the names that a port's promise gives.
Out: `Routing`, a value; the sinks of a name. What a sink is, lies in the sinks.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

LOG = "log"
"""The sink that is always there."""


@dataclass(frozen=True)
class Tier:
    """Whom to tell as well, when nobody acknowledged."""

    after: timedelta
    """Counted from when the breach was told."""
    sinks: tuple[str, ...]


@dataclass(frozen=True)
class Routing:
    """Who is told what."""

    default: tuple[str, ...] = (LOG,)
    """The sinks of ports that name none."""
    sinks: frozenset[str] = frozenset({LOG})
    """Every configured sink."""
    pagers: frozenset[str] = frozenset()
    """The sinks that keep incidents: one for each cause, opened and resolved."""
    tiers: tuple[Tier, ...] = ()
    """In the order of escalation."""
    remind_after: timedelta = timedelta(hours=4)
    """The pause between two reminders of one breach."""

    def sinks_for(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the configured ones of the named sinks, or the default."""
        known = tuple(dict.fromkeys(name for name in names if name in self.sinks))
        return known or self.default

    def unknown(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the named sinks that nobody configured."""
        return tuple(sorted({name for name in names if name not in self.sinks}))

    def instead_of(self, sink: str) -> str:
        """Return the sink that is told when this one cannot be: never the same, at last the log."""
        others = (*self.default, *sorted(self.sinks))
        return next((name for name in others if name not in (sink, LOG)), LOG)
