"""Compare what is judged now with what was known.

In:  statuses, the stored states and open breaches, the time of the judgement before.
Out: which states changed, which breaches began, stand or are over. Nothing is read or written.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mesh_dagster.observe.status import SloStatus

Row = Mapping[str, Any]  # Any: one row of a table
Promise = tuple[str, str]
"""An address and an objective."""


@dataclass(frozen=True)
class Comparison:
    """What is new at one clock reading."""

    changed: tuple[SloStatus, ...]
    """The statuses that differ from the stored ones."""
    begun: tuple[SloStatus, ...]
    """Promises that broke."""
    standing: Mapping[str, SloStatus]
    """The open breaches that go on, by key."""
    over: Mapping[str, SloStatus]
    """The breaches that are over, by key, with what is judged now."""


def compare(
    statuses: Iterable[SloStatus],
    states: Mapping[Promise, Row],
    open_breaches: Iterable[Row],
    before: datetime | None,
) -> Comparison:
    """Say what changed.

    A pause ends no breach: whether the promise holds again is not known until it is judged again.

    Args:
        statuses: At most one for each promise.
        states: The rows of `slo_states`.
        open_breaches: The rows of `breaches` that are not over.
        before: When the same promises were judged before.
    """
    rows = {(row["address"], row["objective"]): row for row in open_breaches}
    changed, begun = [], []
    standing: dict[str, SloStatus] = {}
    over: dict[str, SloStatus] = {}
    for status in statuses:
        promise = (status.address, status.objective)
        row, state = rows.get(promise), states.get(promise)
        anew = status.broken and (row is None or _held_meanwhile(status, row, before))
        if anew:
            begun.append(status)
        if row is not None and (anew or (not status.broken and status.state != "paused")):
            over[row["key"]] = status
        elif row is not None and status.broken:
            standing[row["key"]] = status
        if anew or state is None or state["state"] != status.state:
            changed.append(status)
    return Comparison(tuple(changed), tuple(begun), standing, over)


def _held_meanwhile(status: SloStatus, row: Row, before: datetime | None) -> bool:
    """Say whether the promise held for a while that no judgement saw.

    A breach that begins after the last judgement is another one. One that is said to begin earlier
    than that is the known one, of which more is known now: another group is late, for example.
    """
    return before is not None and status.since > before and status.breach_id != row["breach_id"]
