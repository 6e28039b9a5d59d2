"""Lay out how many rows each batch of a port had, and how many of them were rejected.

In:  the newest publications and refusals of a port.
Out: `Bars`, in pixels; the oldest stands left.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from mesh_dagster.discover.entries import PortEntry

_WIDTH_PX, _BASE_PX, _LEFT_PX, _TOP_PX, _LEAST_PX = 960, 190, 24, 24, 3
_MOST, _LABELLED = 24, 12
"""So many bars are drawn; so many have room for a time below each."""


class _Batch(NamedTuple):
    at: datetime
    label: str
    valid: int
    rejected: int
    refused: bool


@dataclass(frozen=True)
class Bar:
    """One batch."""

    title: str
    labels: tuple[str, ...]
    """Its day and its time, in short; none where there is no room."""
    refused: bool
    x: float
    width: float
    valid_height: float
    """Of the rows that were published, or refused altogether."""
    rejected_height: float
    """Of the rows in quarantine, on top of them."""


@dataclass(frozen=True)
class Bars:
    """The newest batches of a port."""

    bars: tuple[Bar, ...]
    most_rows: int
    rejected: bool
    """Whether any row was rejected."""
    refused: bool


def bars_of(port: PortEntry) -> Bars | None:
    """Lay out the newest batches of a port; nothing where there are none."""
    made = [
        _Batch(one.published_at, f"version {one.version}", one.rows, one.rejected_rows, False)  # noqa: FBT003 - a field by its place
        for one in port.publications
    ]
    turned_away = [
        _Batch(one.refused_at, "refused", one.rows, 0, True)  # noqa: FBT003 - likewise
        for one in port.refusals
    ]
    batches = sorted([*made, *turned_away])[-_MOST:]
    if not batches:
        return None
    most = max(*(one.valid + one.rejected for one in batches), 1)
    # A few bars stand left, as wide as many, so that they look like the beginning that they are.
    step = (_WIDTH_PX - 2 * _LEFT_PX) / max(len(batches), _LABELLED)
    width = step * 0.65
    every = 1 if len(batches) <= _LABELLED else 2
    unit = (_BASE_PX - _TOP_PX) / most
    rejected = [max(one.rejected * unit, _LEAST_PX) if one.rejected else 0 for one in batches]
    bars = tuple(
        Bar(
            title=_title(one),
            labels=() if number % every else (f"{one.at:%m-%d}", f"{one.at:%H:%M}"),
            refused=one.refused,
            x=_LEFT_PX + number * step + (step - width) / 2,
            width=width,
            valid_height=min(one.valid * unit, _BASE_PX - _TOP_PX - rejected[number]),
            rejected_height=rejected[number],
        )
        for number, one in enumerate(batches)
    )
    return Bars(
        bars,
        most,
        rejected=any(one.rejected for one in batches),
        refused=any(one.refused for one in batches),
    )


def _title(one: _Batch) -> str:
    rejected = f", {one.rejected:,} rejected" if one.rejected else ""
    return f"{one.at:%Y-%m-%d %H:%M} UTC, {one.label}: {one.valid:,} rows{rejected}"
