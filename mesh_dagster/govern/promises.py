"""Compare what two declarations promise beside the contract: freshness, quality, retention.

In:  the promises of both sides, as `run/declared.py` wrote them.
Out: a `Change` for each part that differs, with its direction: a longer age, a lower share, fewer
working days are loosened promises.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from datetime import timedelta
from typing import Any

from mesh_dagster.declare.slo import Freshness, Quality, weekdays
from mesh_dagster.govern.change import Change, Direction, Kind, Step
from mesh_dagster.run.promises import freshness_of, quality_of

Json = Mapping[str, Any]  # Any: JSON
Compared = Callable[[Any, Any], Direction]  # Any: the values of one part of a promise
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def freshness_changes(before: Json | None, after: Json | None) -> Iterator[Change]:
    """Yield what changed in a promise on age; either side may have none."""
    old, new = (None if side is None else freshness_of(side) for side in (before, after))
    if old is None or new is None:
        if old is not None:
            yield Change("freshness", "freshness", _within(old), None, "loosens", None)
        if new is not None:
            yield Change("freshness", "freshness", None, _within(new), "tightens", None)
        return
    yield from _changes("freshness", old, new, _FRESHNESS)


def quality_changes(before: Json, after: Json) -> Iterator[Change]:
    """Yield what changed in a promise on valid rows and on their number."""
    yield from _changes("quality", quality_of(before), quality_of(after), _QUALITY)


def retention_changes(before_seconds: float, after_seconds: float) -> Iterator[Change]:
    """Yield whether replaced versions stay readable for longer, or less long."""
    if before_seconds != after_seconds:
        old, new = (_span(timedelta(seconds=span)) for span in (before_seconds, after_seconds))
        direction = _lower(before_seconds, after_seconds)
        yield Change("retention", "retention", old, new, direction, None)


def partition_changes(before: Json, after: Json) -> Iterator[Change]:
    """Yield what changed in how a port is cut into partitions.

    Args:
        before: The port's whole declaration as it was.
        after: As it is.
    """
    for part in ("partitioned", "partition_columns"):
        if before[part] != after[part]:
            texts = _text(before[part]), _text(after[part])
            direction = _held_in(before[part], after[part]) if part != "partitioned" else "both"
            yield Change("partitioning", part.replace("_", " "), *texts, direction, None)
    old, new = before.get("partitions"), after.get("partitions")
    if old != new and before["partitioned"] and after["partitioned"]:
        direction, step = _partition_direction(old, new)
        yield Change("partitioning", "partitions", _keys(old), _keys(new), direction, None, step)


def _changes(
    kind: Kind, before: object, after: object, compared: Mapping[str, Compared]
) -> Iterator[Change]:
    for part in (field.name for field in fields(Freshness if kind == "freshness" else Quality)):
        old, new = getattr(before, part), getattr(after, part)
        if old != new:
            direction = compared[part](old, new) if part in compared else "none"
            step: Step | None = "minor" if part == "holidays" else None
            subject = f"{kind} {part}"
            yield Change(kind, subject, _text(old), _text(new), direction, None, step)


def _higher(before: float | timedelta, after: float | timedelta) -> Direction:
    """Return the direction where more is looser."""
    return "loosens" if _number(after) > _number(before) else "tightens"


def _lower(before: float | timedelta, after: float | timedelta) -> Direction:
    return _higher(after, before)


def _number(value: float | timedelta) -> float:
    return value.total_seconds() if isinstance(value, timedelta) else value


def _window(before: timedelta, after: timedelta) -> Direction:
    # A share that holds in each of several windows holds in all of them together.
    if after % before == timedelta(0):
        return "loosens"
    return "tightens" if before % after == timedelta(0) else "undetermined"


def _per(before: str | None, after: str | None) -> Direction:
    return "tightens" if before is None else "loosens" if after is None else "both"


def _deadline(before: str | None, after: str | None) -> Direction:
    return "loosens" if before is None else "tightens" if after is None else "both"


def _calendar(before: str | None, after: str | None) -> Direction:
    old, new = (set(range(7)) if days is None else weekdays(days) for days in (before, after))
    if old == new:
        return "none"
    return "loosens" if new < old else "tightens" if old < new else "both"


def _holidays(before: tuple[object, ...], after: tuple[object, ...]) -> Direction:
    old, new = set(before), set(after)
    return "loosens" if old < new else "tightens" if new < old else "both"


def _both(before: object, after: object) -> Direction:
    del before, after
    return "both"


def _rows(before: tuple[int, int | None] | None, after: tuple[int, int | None] | None) -> Direction:
    old, new = (_bounds(side) for side in (before, after))
    if new[0] <= old[0] and old[1] <= new[1]:
        return "loosens"
    return "tightens" if old[0] <= new[0] and new[1] <= old[1] else "both"


def _bounds(rows: tuple[int, int | None] | None) -> tuple[float, float]:
    fewest, most = rows or (0, None)
    return fewest, float("inf") if most is None else most


def _rows_vs_last(before: float | None, after: float | None) -> Direction:
    if before is None or after is None:
        return "tightens" if before is None else "loosens"
    return _higher(before, after)


def _otherwise(before: str, after: str) -> Direction:
    del before
    return "loosens" if after == "quarantine" else "tightens"


def _volume(before: str, after: str) -> Direction:
    del before
    return "loosens" if after == "warn" else "tightens"


_FRESHNESS: Mapping[str, Compared] = {
    "within": _higher,
    "by": _both,
    "deadline": _deadline,
    "timezone": _both,
    "target": _lower,
    "window": _window,
    "per": _per,
    "calendar": _calendar,
    "holidays": _holidays,
    "grace": _higher,
}
_QUALITY: Mapping[str, Compared] = {
    "valid_rows": _lower,
    "otherwise": _otherwise,
    "target": _lower,
    "window": _window,
    "rows": _rows,
    "rows_vs_last": _rows_vs_last,
    "volume": _volume,
}
"""Parts of a promise whose change moves it; the others only say whom to tell and when to warn."""


def _held_in(before: Json, after: Json) -> Direction:
    """Compare the columns that hold the rows of a batch in its partition, which is a promise."""
    old, new = before.items(), after.items()
    return "tightens" if old < new else "loosens" if new < old else "both"


def _partition_direction(before: Json | None, after: Json | None) -> tuple[Direction, Step | None]:
    if before is None or after is None:
        return "undetermined", None
    old, new = before["keys"], after["keys"]
    if len(old) != len(new):
        return "both", None
    if all(map(_offers, new, old)):
        return "none", "minor"
    return "loosens" if all(map(_offers, old, new)) else "both", None


def _offers(outer: Any, inner: Any) -> bool:  # noqa: ANN401 - JSON: keys, or how times are found
    """Say whether every partition of a dimension is there in another one too."""
    if isinstance(outer, list) or isinstance(inner, list):
        return type(outer) is type(inner) and set(inner) <= set(outer)
    if any(outer[name] != inner[name] for name in outer.keys() - _BOUNDS):
        return False
    later = outer["end"] is None or (inner["end"] is not None and inner["end"] <= outer["end"])
    earlier = outer["start"] <= inner["start"]
    return later and earlier and outer["held_back"] <= inner["held_back"]


_BOUNDS = {"start", "end", "held_back"}
"""What says from when to when there are partitions; times in UTC, in ISO 8601."""


def _keys(partitions: Json | None) -> str:
    if partitions is None:
        return "not known beforehand"
    return "; ".join(
        ", ".join(one) if isinstance(one, list) else _times(one) for one in partitions["keys"]
    )


def _times(dimension: Json) -> str:
    parts = [f"'{dimension['cron']}' from {dimension['start']}"]
    if dimension["end"]:
        parts.append(f"to {dimension['end']}")
    if dimension["held_back"]:
        parts.append(f"held back by {dimension['held_back']}")
    return " ".join(parts)


def _within(promise: Freshness) -> str:
    return f"within {_text(promise.within)}"


def _text(value: object) -> str | None:
    if isinstance(value, timedelta):
        return _span(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {given}".strip() for name, given in sorted(value.items()))
    if isinstance(value, tuple):
        return ", ".join("any" if part is None else str(part) for part in value)
    return None if value is None else str(value)


def _span(length: timedelta) -> str:
    """Write a span exactly, in its largest unit."""
    seconds = length.total_seconds()
    unit, size = next((u for u in _UNITS if seconds % u[1] == 0), ("s", 1))
    return f"{seconds / size:g} {unit}"
