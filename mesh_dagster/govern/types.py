"""Say whether a type holds all that another holds.

In:  two polars types; `None` is any type.
Out: the direction of the change from one to the other.
"""

import polars as pl

from mesh_dagster.govern.change import Direction

_UNITS = ("ms", "us", "ns")
_BITS: dict[type[pl.DataType], tuple[int, int]] = {
    pl.Int8: (7, 7),
    pl.Int16: (15, 15),
    pl.Int32: (31, 31),
    pl.Int64: (63, 63),
    pl.Int128: (127, 127),
    pl.UInt8: (0, 8),
    pl.UInt16: (0, 16),
    pl.UInt32: (0, 32),
    pl.UInt64: (0, 64),
    pl.Float32: (24, 24),
    pl.Float64: (53, 53),
}
"""So many bits a whole number below and above zero may have, to be held exactly."""


def type_direction(before: pl.DataType | None, after: pl.DataType | None) -> Direction:
    """Say what happens to the values that a column may hold."""
    if holds(after, before):
        return "loosens"
    return "tightens" if holds(before, after) else "both"


def holds(outer: pl.DataType | None, inner: pl.DataType | None) -> bool:
    """Say whether every value of `inner` is one of `outer`, exactly."""
    if outer is None or outer == inner:
        return True
    if inner is None:
        return False
    if inner.is_float() and not outer.is_float():
        return False
    if type(outer) in _BITS and type(inner) in _BITS:
        below, above = zip(_BITS[type(outer)], _BITS[type(inner)], strict=True)
        return below[0] >= below[1] and above[0] >= above[1]
    return _holds_of_its_kind(outer, inner)


def _holds_of_its_kind(outer: pl.DataType, inner: pl.DataType) -> bool:
    match outer, inner:
        case pl.Enum(), pl.Enum():
            return set(inner.categories) <= set(outer.categories)
        case pl.Decimal(), pl.Decimal():
            wholes = outer.precision - outer.scale, inner.precision - inner.scale
            return outer.scale >= inner.scale and wholes[0] >= wholes[1]
        case pl.Datetime(), pl.Datetime():
            finer = _UNITS.index(outer.time_unit) >= _UNITS.index(inner.time_unit)
            return outer.time_zone == inner.time_zone and finer
        case pl.String(), pl.Enum() | pl.Categorical():
            return True
    return False
