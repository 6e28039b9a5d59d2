"""Write values of the catalogue as JSON.

In:  dataclasses, times, spans and plain values, nested as they come.
Out: dicts, lists, texts, numbers, Booleans and nulls. A span becomes a number of seconds, under its
name with `_seconds` behind it; a time becomes ISO 8601.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import Field, fields, is_dataclass
from datetime import date, timedelta
from typing import Any

Json = Any  # Any: JSON


def plain(value: object) -> Json:
    """Write any value as JSON."""
    if is_dataclass(value) and not isinstance(value, type):
        parts = ((known, getattr(value, known.name)) for known in fields(value))
        return {_name(known, part): plain(part) for known, part in parts}
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, str | int | float) or value is None:
        return value
    if isinstance(value, Sequence | AbstractSet) and not isinstance(value, bytes):
        return [plain(part) for part in value]
    if isinstance(value, date):
        return value.isoformat()
    return value.total_seconds() if isinstance(value, timedelta) else str(value)


def _name(known: Field[Any], part: object) -> str:  # Any: the type of the field
    # The text of the annotation tells a span also where there is none.
    span = isinstance(part, timedelta) or "timedelta" in str(known.type)
    return f"{known.name}_seconds" if span else known.name
