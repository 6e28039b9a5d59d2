"""Write the values that a rule compares with as ODCS does, and read them.

In:  a value; or what stands in a document, and the type of the column.
Out: the other of the two. Dates and times are texts in ISO 8601.
"""

import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal

import polars as pl

from mesh_dagster.discover.documents import Json, PlaceError

_Reader = Callable[[Json], object]


def text_of(value: object) -> Json:
    """Write a value; one that ODCS cannot hold stays what it is."""
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return value.isoformat() if isinstance(value, date | time) else value


def value_of(written: Json, dtype: pl.DataType | None, *place: str) -> object:
    """Read a value that a column of this type is compared with.

    Args:
        written: What stands in the document.
        dtype: The column's type; `None` takes any value.
        place: Where it stands.

    Raises:
        PlaceError: No value of the type can be compared with it.
    """
    try:
        return (_any if dtype is None else _reader(dtype))(written)
    except (ArithmeticError, AttributeError, TypeError, ValueError) as error:
        raise PlaceError("compares a column with what its type cannot be", place) from error


def _reader(dtype: pl.DataType) -> _Reader:
    if isinstance(dtype, pl.Datetime):
        return _aware if dtype.time_zone else _naive
    if type(dtype) in _READERS:
        return _READERS[type(dtype)]
    if dtype.is_numeric():
        return _number
    raise TypeError(dtype)


def _text(written: Json) -> str:
    if not isinstance(written, str):
        raise TypeError(type(written))
    return written


def _boolean(written: Json) -> bool:
    if not isinstance(written, bool):
        raise TypeError(type(written))
    return written


def _number(written: Json) -> int | float:
    if not isinstance(written, int | float) or isinstance(written, bool):
        raise TypeError(type(written))
    if not math.isfinite(written):
        raise ValueError(written)
    return written


def _any(written: Json) -> object:
    return written if isinstance(written, str | bool) else _number(written)


def _decimal(written: Json) -> int | Decimal:
    number = _number(written)
    return number if isinstance(number, int) else Decimal(str(number))


def _aware(written: Json) -> datetime:
    moment = datetime.fromisoformat(written.replace("Z", "+00:00"))
    if moment.tzinfo is None:
        raise ValueError(written)
    return moment


def _naive(written: Json) -> datetime:
    moment = datetime.fromisoformat(written)
    if moment.tzinfo is not None:
        raise ValueError(written)
    return moment


_READERS: Mapping[type[pl.DataType], _Reader] = {
    pl.Date: date.fromisoformat,
    pl.Time: time.fromisoformat,
    pl.String: _text,
    pl.Categorical: _text,
    pl.Enum: _text,
    pl.Boolean: _boolean,
    pl.Decimal: _decimal,
}
