"""Describe a port's partitions in values that need no Dagster.

In:  a port with a Dagster partitions definition.
Out: JSON for the registry, from which `observe/partitions.py` knows what should be there; `None`
where that cannot be known beforehand, as with dynamic partitions.
"""

from datetime import datetime, timezone
from math import prod
from typing import Any

import dagster as dg

from mesh_dagster.declare.port import OutputPort
from mesh_dagster.declare.slo import cron_fields

_MOST_KEYS = 10_000
"""So many fixed keys, or combinations of them, can be watched."""
Json = dict[str, Any]  # Any: JSON


def expected_partitions(port: OutputPort) -> Json | None:
    """Return for each dimension its keys, or how its times are found."""
    given = port.execution.partitions
    if isinstance(given, dg.MultiPartitionsDefinition):
        dimensions = [_dimension(one.partitions_def) for one in given.partitions_defs]
    else:
        dimensions = [_dimension(given)]
    known = [one for one in dimensions if one is not None]
    few = prod(len(one) for one in known if isinstance(one, list)) <= _MOST_KEYS
    return {"keys": known} if few and len(known) == len(dimensions) else None


def _dimension(partitions: object) -> Json | list[str] | None:
    if isinstance(partitions, dg.StaticPartitionsDefinition):
        return list(partitions.get_partition_keys())
    if not isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        return None
    excluded, cron = partitions.exclusions or [], cron_fields(partitions.cron_schedule)
    return {
        "cron": cron,
        "timezone": partitions.timezone,
        "format": partitions.fmt,
        "hourly": cron.split()[1] == "*",
        "start": _iso(partitions.start),
        "end": _iso(partitions.end) if partitions.end else None,
        "held_back": max(0, -partitions.end_offset),
        "excluded_crons": [cron_fields(one) for one in excluded if isinstance(one, str)],
        "excluded": [
            _iso(datetime.fromtimestamp(one.timestamp, timezone.utc))
            for one in excluded
            if not isinstance(one, str)
        ],
    }


def _iso(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).isoformat()
