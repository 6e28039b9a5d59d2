"""Write promises on time and amount as ODCS does, and read them.

In:  `Promises`; or the `slaProperties` of a document.
Out: the other of the two. The longest age is the property `latency`, the deadline
`timeOfAvailability`, the cadence `frequency`; what else a promise holds stands in custom
properties, as the registry writes it.

Source:
    ODCS v3.1.0, "Service-level agreement", which prefers `latency` to `freshness`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from mesh_dagster.declare.slo import Freshness, Quality, is_schedule
from mesh_dagster.discover.documents import Json, PlaceError, at
from mesh_dagster.discover.odcs.custom import customs_of
from mesh_dagster.discover.odcs.tables import Range
from mesh_dagster.run.declared import freshness_row, quality_row
from mesh_dagster.run.promises import freshness_of, quality_of

FRESHNESS = "meshFreshness"
QUALITY = "meshQuality"
_RETENTION = "versionRetention"
"""Not `retention`, which speaks of the data themselves."""
_AGES = ("latency", "freshness")
_NATIVE = ("within_seconds", "by", "deadline")
"""What of a freshness promise has a property of its own."""
_USUAL_WINDOW = Freshness(within=timedelta(hours=1)).window
_SHORTEST = timedelta(minutes=1)
_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
_SECONDS = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 3_600),
    **dict.fromkeys(("d", "day", "days"), 86_400),
    **dict.fromkeys(("w", "week", "weeks"), 604_800),
    **dict.fromkeys(("y", "yr", "year", "years"), 31_536_000),
}


@dataclass(frozen=True)
class Promises:
    """What is promised of a port beside its contract."""

    freshness: Freshness | None = None
    quality: Quality = field(default_factory=Quality)
    cadence: str | None = None
    """A cron expression."""
    retention: timedelta | None = None
    """How long replaced versions stay readable."""
    unwatched: tuple[str, ...] = ()
    """The properties of a document that nobody watches here."""


def sla_properties(promises: Promises, table: str) -> list[Json]:
    """Write the promises that ODCS has properties for; columns are named after the table."""
    fresh, written = promises.freshness, []
    if fresh is not None:
        within = {"property": "latency", **_span(fresh.within)}
        element = {"element": f"{table}.{fresh.by}"} if fresh.by else {}
        written.append({**within, **element, "description": _kept(fresh)})
    if fresh is not None and fresh.deadline:
        zone = {"description": f"Looked at when it is due, in {fresh.timezone}."}
        written.append({**_scheduled("timeOfAvailability", fresh.deadline), **zone})
    if promises.cadence:
        written.append(_scheduled("frequency", promises.cadence))
    if promises.retention is not None:
        kept = {"description": "How long replaced versions stay readable."}
        written.append({"property": _RETENTION, **_span(promises.retention), **kept})
    return written


def promise_customs(promises: Promises, *, rows_elsewhere: bool) -> dict[str, Json]:
    """Write what ODCS has no property for.

    Args:
        promises: What is promised.
        rows_elsewhere: Whether the number of rows stands among the checks of the table.
    """
    customs: dict[str, Json] = {}
    if promises.freshness is not None:
        plain = freshness_row(_plain(promises.freshness))
        row = freshness_row(promises.freshness) or {}
        customs[FRESHNESS] = _unlike(row, plain or {}, _NATIVE)
    usual, row = quality_row(Quality()), quality_row(promises.quality)
    customs[QUALITY] = _unlike(row, usual, ("rows",) if rows_elsewhere else ())
    return {name: value for name, value in customs.items() if value}


def promises_of(document: Json, table: str, rows: Range | None = None) -> Promises:
    """Read the promises that a document makes on one of its tables.

    Args:
        document: The whole document.
        table: The name of the table.
        rows: The fewest and the most rows, as a check of the table says.

    Raises:
        PlaceError: A promise is none that a port can make.
    """
    customs = customs_of(document)
    found: dict[str, Json] = {}
    unwatched = []
    for given in document.get("slaProperties") or ():
        said = _said(given, table, document.get("slaDefaultElement"))
        if said and not said.keys() & found.keys():
            found |= said
        else:
            unwatched.append(str(given["property"]))
    with at("customProperties"):
        fresh = _freshness(found, customs.get(FRESHNESS, {}))
        quality = _quality(rows, customs.get(QUALITY, {}))
    if fresh is None and "deadline" in found:
        unwatched.append("timeOfAvailability")
    retention = found.get("retention")
    return Promises(fresh, quality, found.get("cadence"), retention, tuple(unwatched))


def other_properties(document: Json, table: str) -> list[Json]:
    """Return the properties of a document that promise nothing of a table here."""
    usual, given = document.get("slaDefaultElement"), document.get("slaProperties") or ()
    return [one for one in given if not _said(one, table, usual)]


def _freshness(found: Mapping[str, Json], rest: Json) -> Freshness | None:
    if "within" not in found:
        return None
    try:
        native = {name: found.get(name) for name in ("by", "deadline")}
        within = found["within"]
        usual = Freshness(within=within, window=max(within, _USUAL_WINDOW))
        row = {**(freshness_row(usual) or {}), **native, **rest}
        return freshness_of({**row, "within_seconds": within.total_seconds()})
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise PlaceError("promises a freshness that no port can keep") from error


def _quality(rows: Range | None, rest: Json) -> Quality:
    try:
        return quality_of({**quality_row(Quality()), "rows": rows, **rest})
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise PlaceError("promises a quality that no port can keep") from error


def _said(given: Json, table: str, usual_element: str | None) -> dict[str, Json]:
    """Return what one property promises on a table; nothing for one that nobody watches."""
    name = given["property"]
    of, _, column = str(given.get("element") or usual_element or "").rpartition(".")
    if of not in ("", table) and column != table:
        return {}
    span, schedule = _span_of(given), _schedule_of(given)
    if name in _AGES and span is not None and span >= _SHORTEST:
        return {"within": span, **({"by": column} if column and column != table else {})}
    if name == _RETENTION and span is not None:
        return {"retention": span}
    if name == "timeOfAvailability" and schedule:
        return {"deadline": schedule}
    return {"cadence": schedule} if name == "frequency" and schedule else {}


def _span(span: timedelta) -> dict[str, Json]:
    seconds = span.total_seconds()
    unit, size = next(((u, s) for u, s in _UNITS if seconds % s == 0), _UNITS[-1])
    number = seconds / size
    return {"value": int(number) if number.is_integer() else number, "unit": unit}


def _span_of(given: Json) -> timedelta | None:
    size = _SECONDS.get(str(given.get("unit", "d")).lower())
    try:
        return timedelta(seconds=float(given["value"]) * size) if size else None
    except (ArithmeticError, TypeError, ValueError):
        return None


def _scheduled(name: str, cron: str) -> dict[str, Json]:
    return {"property": name, "value": cron, "scheduler": "cron", "schedule": cron}


def _schedule_of(given: Json) -> str | None:
    schedule = given.get("schedule")
    known = given.get("scheduler") == "cron" and is_schedule(schedule)
    return str(schedule) if known else None


def _kept(fresh: Freshness) -> str:
    newest = f"newest '{fresh.by}'" if fresh.by else "newest publication"
    share = f"{fresh.target * 100:g} % of {fresh.window.total_seconds() / 86_400:g} days"
    return f"The longest age of the {newest}, kept for {share}."


def _plain(fresh: Freshness) -> Freshness:
    """Return a promise with nothing but what has properties of its own."""
    window = max(fresh.within, _USUAL_WINDOW)
    return Freshness(within=fresh.within, by=fresh.by, deadline=fresh.deadline, window=window)


def _unlike(row: Mapping[str, Json], usual: Mapping[str, Json], without: tuple[str, ...]) -> Json:
    return {n: v for n, v in row.items() if v != usual[n] and n not in without}
