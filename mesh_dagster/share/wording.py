"""Write spans, times, numbers and shares as people read them.

In:  plain values.
Out: text, the same on pages as in a terminal.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from mesh_dagster.observe.status import SloStatus

MAY_BREAK = "may break readers: "
"""Before what of a change may."""
_UNITS = (("y", 31_557_600), ("d", 86_400), ("h", 3_600), ("min", 60))
_NAMED = 3
_KILO = 1_000
_DECIMALS = 6
_EXACT = 9
"""So many times over, a tenth of an error budget says nothing more."""
_SIZES = ("B", "kB", "MB", "GB", "TB", "PB")


def span(length: timedelta) -> str:
    """Write a span in the largest unit that it has twice or exactly: `3 h`, `25 h`, `1 d`."""
    seconds = max(length.total_seconds(), 0)
    for unit, size in _UNITS:
        if seconds >= 2 * size or seconds == size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 1 else "under 1 s"


def to_publish(length: timedelta | None, published: bool) -> str:  # noqa: FBT001 - a Jinja filter
    """Write how long a product took until it was published."""
    if length is not None:
        return span(length)
    return "published before" if published else "not published yet"


def to_use(length: timedelta | None) -> str:
    """Write how long new readers took until they read a product."""
    return "no new reader yet" if length is None else span(length)


def silence(judge: str, length: timedelta) -> str:
    """Say that the sensor of a code location has stopped, and what to do."""
    what = f"The sensor of {judge} has not judged for {span(length)}, so nobody is told meanwhile"
    return f"{what}; start dagster-daemon."


def unheard(unwatched: Sequence[str], *, judged: bool) -> str:
    """Say that nobody is told of what some ports break, and what to do."""
    ports = _named(unwatched, len(unwatched)) + " yet" if judged else "here yet"
    what = f"No sensor has judged {ports}, so nobody is told of a broken promise"
    return f"{what}; start dagster-daemon."


def moment(time: datetime | None) -> str:
    """Write a time in UTC, to the second."""
    return f"{time:%Y-%m-%d %H:%M:%S} UTC" if time else ""


def share(part: float) -> str:
    """Write a share in percent, with as many digits as it needs."""
    return f"{part * 100:.4g} %"


def budget(remaining: float | None) -> str:
    """Say how much of an error budget is left, or how many times over it was spent."""
    if remaining is None:
        return "nothing counts yet"
    if remaining > 0:
        return f"{remaining:.0%} left"
    times = f"{1 - remaining:,.0f}" if remaining <= -_EXACT else f"{1 - remaining:.1f}"
    return "spent" if times == "1.0" else f"spent {times} times"


def aged(one: SloStatus) -> str:
    """Say how old the newest data of a freshness promise is, and how old it may be."""
    age = f"newest data {span(one.age)} old" if one.age is not None else "no data"
    return f"{age}, at most {span(one.limit)} promised" if one.limit is not None else age


def standing(one: SloStatus, now: datetime) -> str:
    """Say on one line how a promise stands."""
    state = f"{one.state} for {span(now - one.since)}" if one.broken else one.state
    because = [f"because of {one.caused_by}"] if one.caused_by else []
    age = [aged(one)] if one.objective == "freshness" else []
    return "; ".join([state, *age, *notes(one, now), *because])


def notes(one: SloStatus, now: datetime) -> list[str]:
    """Say what else is to be known of how a promise stands, its cause left out."""
    found = []
    if one.late_groups:
        found.append(f"late: {_named(one.late_groups, one.late_group_count)}")
    elif one.late_group_count:
        found.append(f"late: {one.late_group_count:,} of its groups")
    if one.missing_partitions:
        found.append(f"missing: {_named(one.missing_partitions, one.missing_partition_count)}")
    if one.predicted_breach_at:
        found.append(f"will break in {span(one.predicted_breach_at - now)}")
    return found


def asked(columns: Sequence[str] | None, reads: int) -> str:
    """Write which columns a consumer asked for; empty where it never read."""
    if columns is None:
        return "not known"
    return ", ".join(columns) or ("none" if reads else "")


def size(count: int) -> str:
    """Write a number of bytes."""
    amount, unit = float(count), _SIZES[0]
    for unit in _SIZES:
        if amount < _KILO or unit == _SIZES[-1]:
            break
        amount /= _KILO
    return f"{amount:.3g} {unit}"


def cell_text(value: object) -> str:
    """Write a value of a column on one line; floats as polars shows them, to six decimals."""
    return "" if value is None else " ".join(str(_rounded(value)).split())


def column_type(text: str) -> str:
    """Write a type of polars without the names of its parts."""
    return (
        text.replace("time_unit='us', time_zone=", "")
        .replace("precision=", "")
        .replace("scale=", "")
    )


def _named(names: Sequence[str], count: int) -> str:
    """Write the first of some names, and how many more there are."""
    shown = names[:_NAMED]
    return ", ".join(shown) + (f" and {count - len(shown)} more" if count > len(shown) else "")


def _rounded(value: object) -> object:
    if isinstance(value, float):
        # A small number keeps as many digits, or nothing of it would be left.
        return round(value, _DECIMALS) if abs(value) >= 1 else float(f"{value:.{_DECIMALS}g}")
    if isinstance(value, list):
        return list(map(_rounded, value))
    if isinstance(value, dict):
        return {name: _rounded(part) for name, part in value.items()}
    return value
