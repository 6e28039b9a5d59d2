"""Read and write spans of time as people do: 30m, 4h, 7d.

In:  text, or a `timedelta`.
Out: the other.
"""

import re
from datetime import timedelta

from mesh_dagster.errors import SpanRefusedError

_LONGEST = timedelta(days=366)
_SPAN = re.compile(r"([0-9]{1,6}) ?(s|m|min|h|d|w)", re.ASCII)
_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


def parse_span(text: str) -> timedelta:
    """Read a span.

    Raises:
        SpanRefusedError: It is none, is zero, or is longer than a year.
    """
    found = _SPAN.fullmatch(text)
    span = int(found[1]) * _UNITS[found[2]] if found else timedelta(0)
    if not timedelta(0) < span <= _LONGEST:
        raise SpanRefusedError(text)
    return span


def span_text(length: timedelta) -> str:
    """Write a span in days, hours and minutes."""
    hours, minutes = divmod(int(length.total_seconds() // 60), 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "0 min"
