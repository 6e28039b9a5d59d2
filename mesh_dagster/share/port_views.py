"""Gather what a product's page shows of each port beside its entry in the catalogue.

In:  a `ProductEntry`, the registry, a clock reading.
Out: charts, what its state means, and where Dagster shows it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from mesh_dagster.declare.address import Address
from mesh_dagster.discover.entries import PortEntry, ProductEntry
from mesh_dagster.observe.judgement import Assessed, assessed
from mesh_dagster.observe.timeline import Timeline, timeline
from mesh_dagster.run.registry import Refusal, Registry
from mesh_dagster.share.bars import Bars, bars_of
from mesh_dagster.share.four import standing_refusals
from mesh_dagster.share.plot import plot

_POINTS = 240


@dataclass(frozen=True)
class PortView:
    """One port, as its product's page shows it."""

    entry: PortEntry
    history: Timeline | None
    """How its freshness promise was kept; `None` where it makes none."""
    plot: Markup | None
    """`None` also before there is any data."""
    bars: Bars | None
    refused: tuple[Refusal, ...]
    """Refusals that were not made good."""
    profile: tuple[Mapping[str, Any], ...]  # Any: JSON
    """Of the newest publication, one for each column."""
    dagster_url: str | None


def port_views(
    registry: Registry, entry: ProductEntry, now: datetime, dagster_url: str | None
) -> list[PortView]:
    """Return what is shown of each port of a product."""
    addresses = [port.address for port in entry.ports]
    known = {one.port.address: one for one in assessed(registry, now, only=addresses)}
    return [_view(port, known.get(port.address), now, dagster_url) for port in entry.ports]


def _view(
    port: PortEntry, known: Assessed | None, now: datetime, dagster_url: str | None
) -> PortView:
    history = None
    if known and known.timing and known.judged:
        history = timeline(known.port, known.timing, known.judged, now, _POINTS)
    path = "/".join(map(quote, Address.parse(port.address).parts))
    return PortView(
        entry=port,
        history=history,
        plot=_plot(history) if history else None,
        bars=bars_of(port),
        refused=tuple(standing_refusals(port)),
        profile=tuple(port.current.profile.get("columns", ())) if port.current else (),
        dagster_url=f"{dagster_url}/assets/{path}" if dagster_url else None,
    )


def _plot(history: Timeline) -> Markup | None:
    if all(point.age is None for point in history.points):
        return None
    # Only numbers and times of ours stand in it.
    return Markup(plot(history))  # noqa: S704 - see above
