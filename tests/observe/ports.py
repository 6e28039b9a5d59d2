"""Facts of ports as judgement takes them, and a registry filled with them."""

from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from typing import Any

from mesh_dagster.declare.slo import Freshness, Quality
from mesh_dagster.observe.calendar import Timing
from mesh_dagster.observe.freshness import Judged, judge
from mesh_dagster.observe.partitions import Expectations
from mesh_dagster.run.declared import freshness_row, quality_row
from mesh_dagster.run.history import Made
from mesh_dagster.run.promises import PortFacts
from mesh_dagster.run.registry import Publication, Registry

START = datetime(2026, 3, 2, tzinfo=timezone.utc)
"""A Monday."""
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
EVENTS = "mesh://media_player/plays/v1/events"
DAILY: dict[str, Any] = {  # Any: JSON
    "cron": "0 0 * * *",
    "timezone": "UTC",
    "format": "%Y-%m-%d",
    "hourly": False,
    "start": START.isoformat(),
    "end": None,
    "held_back": 0,
    "excluded_crons": [],
    "excluded": [],
}


def at(hours: float) -> datetime:
    """Return the time so many hours after the start."""
    return START + timedelta(hours=hours)


def facts(
    *published: float | tuple[float, float | None],
    address: str = EVENTS,
    freshness: Freshness | None = None,
    registered: float | None = 0,
    **known: Any,  # Any: fields of `PortFacts`
) -> PortFacts:
    """Return a port published at these hours; pairs add the hour of the newest event."""
    pairs = [one if isinstance(one, tuple) else (one, one) for one in published]
    return PortFacts(
        address=address,
        product_key="/".join(address.removeprefix("mesh://").split("/")[:2]),
        owner="team:media-player",
        quality=Quality(),
        freshness=freshness or Freshness(within=3 * HOUR),
        registered_at=None if registered is None else at(registered),
        made=[Made(at(made), None if event is None else at(event)) for made, event in pairs],
        **known,
    )


def judged_at(port: PortFacts, hours: float) -> Judged:
    """Judge the freshness of a port so many hours after the start."""
    assert port.freshness is not None
    timing = Timing.of(port.freshness)
    return judge(port, timing, Expectations(at(hours)).late(port, timing), at(hours))


def register(
    registry: Registry,
    address: str = EVENTS,
    *,
    freshness: Freshness | None = None,
    quality: Quality | None = None,
    inputs: Iterable[str] = (),
    partitions: dict[str, Any] | None = None,  # Any: JSON
    registered: datetime = START,
) -> None:
    """Declare one port, alone in its product."""
    domain, product, version, _ = address.removeprefix("mesh://").split("/")
    registry.register(
        {
            "key": f"{domain}/{product}",
            "major": int(version[1:]),
            "guid": "",
            "version": "1.0.0",
            "owner": f"team:{domain}",
            "alignment": "source",
            "purpose": "For tests.",
            "declaration": {"inputs": dict(enumerate(inputs))},
            "registered_at": registered,
        },
        [
            {
                "address": address,
                "product_key": f"{domain}/{product}",
                "description": None,
                "declaration": {
                    "freshness": freshness_row(freshness),
                    "quality": quality_row(quality or Quality()),
                    "partitioned": partitions is not None,
                    "partitions": partitions,
                },
                "registered_at": registered,
            }
        ],
    )


def published(
    version: int,
    hours: float,
    *,
    address: str = EVENTS,
    event: float | None = None,
    slice_: str = "",
    rows: int = 1,
    **known: Any,  # Any: fields of `Publication`
) -> Publication:
    """Return a publication made so many hours after the start."""
    return Publication(
        address=address,
        version=version,
        publication_id=f"{address}-{version}",
        published_at=at(hours),
        contract_version="1.0.0",
        contract_digest="",
        verdict_digest="",
        slice=slice_,
        rows=rows,
        port_rows=rows,
        data_time=None if event is None else at(event),
        **known,
    )
