"""Compare two contracts: columns, types, nulls, keys, rules, and what columns mean.

In:  the contract before and after, written.
Out: `Change`s, in the order of the contract's columns.

Why a changed type always breaks: a reader compares, joins and stores by the type itself. What a
contract does not name is never published, so `strict` is between the producer and the audit.
"""

from collections.abc import Iterator, Mapping

import polars as pl

from mesh_dagster.declare.implication import is_key
from mesh_dagster.declare.satisfy import declared_keys, holds_nulls, keys_of
from mesh_dagster.declare.written import WrittenColumn, WrittenContract
from mesh_dagster.govern.change import Change, Direction, Kind
from mesh_dagster.govern.rules import column_rule_changes, frame_rule_changes
from mesh_dagster.govern.types import type_direction

_MEANINGS: Mapping[str, Kind] = {
    "unit": "unit",
    "entity": "entity",
    "sensitivity": "sensitivity",
}
"""Entries of a column's metadata that have a kind of their own."""


def contract_changes(before: WrittenContract, after: WrittenContract) -> Iterator[Change]:
    """Yield every difference between two contracts."""
    old = {column.name: column for column in before.columns}
    new = {column.name: column for column in after.columns}
    for name, column in old.items():
        if name in new:
            yield from _column_changes(column, new[name])
        else:
            yield Change("column", name, _summary(column), None, "loosens", (name,))
    for name, column in new.items():
        if name not in old:
            yield _added(column)
    yield from _key_changes(before, after)
    yield from frame_rule_changes(before, after)
    yield from _shape_changes(before, after)
    yield from _meaning_changes("contract", before, after, None)
    if before.name != after.name:
        yield Change("name", "contract", before.name, after.name)


def _added(column: WrittenColumn) -> Change:
    direction: Direction = "tightens" if column.required else "none"
    summary = _summary(column)
    return Change("column", column.name, None, summary, direction, (column.name,), "minor")


def _summary(column: WrittenColumn) -> str:
    notes = ["" if column.nullable else "not null", "" if column.required else "optional"]
    return ", ".join([_type(column.dtype), *(note for note in notes if note)])


def _type(dtype: pl.DataType | None) -> str:
    return "any type" if dtype is None else str(dtype)


def _column_changes(before: WrittenColumn, after: WrittenColumn) -> Iterator[Change]:
    name, columns = before.name, (before.name,)
    if before.dtype != after.dtype:
        direction = type_direction(before.dtype, after.dtype)
        texts = _type(before.dtype), _type(after.dtype)
        yield Change(
            "type", name, *texts, direction, columns, "minor" if before.dtype is None else "major"
        )
    if before.nullable != after.nullable:
        texts = ("may be null", "not null") if before.nullable else ("not null", "may be null")
        yield Change("nullability", name, *texts, _nulls(before, after), columns)
    if before.required != after.required:
        texts = ("required", "optional") if before.required else ("optional", "required")
        yield Change("requirement", name, *texts, _loosens(before.required), columns)
    yield from column_rule_changes(before, after)
    if before.default != after.default:
        old, new = before.default, after.default
        filled = _nulls(before, after) if before.nullable == after.nullable else "none"
        yield Change("nullability", f"{name} default", _said(old), _said(new), filled, columns)
    for part in ("coerce", "drop_invalid_rows"):
        yield from _differing("parsing", f"{name} {part}", part, (before, after), columns)
    yield from _meaning_changes(name, before, after, columns)


def _nulls(before: WrittenColumn, after: WrittenColumn) -> Direction:
    """Say whether nulls may be published now that could not be, or the other way round."""
    if holds_nulls(before) == holds_nulls(after):
        return "none"
    return _loosens(holds_nulls(after))


def _loosens(loosens: bool) -> Direction:  # noqa: FBT001 - it reads as a question
    return "loosens" if loosens else "tightens"


def _key_changes(before: WrittenContract, after: WrittenContract) -> Iterator[Change]:
    old, new = declared_keys(before), declared_keys(after)
    for key in (key for key in old if key not in new):
        direction: Direction = "none" if is_key(keys_of(after), key) else "loosens"
        yield Change("key", ", ".join(key), "unique", None, direction, key)
    for key in (key for key in new if key not in old):
        direction = "none" if is_key(keys_of(before), key) else "tightens"
        yield Change("key", ", ".join(key), None, "unique", direction, key)


def _shape_changes(before: WrittenContract, after: WrittenContract) -> Iterator[Change]:
    names = [[column.name for column in contract.columns] for contract in (before, after)]
    common = [[name for name in side if name in names[0] and name in names[1]] for side in names]
    if common[0] != common[1]:
        ordered: Direction = "both" if before.ordered else "none"
        sides = ", ".join(common[0]), ", ".join(common[1])
        yield Change("order", "columns", *sides, ordered)
    if before.ordered != after.ordered:
        # Columns are always published in the contract's order.
        texts = ("free", "ordered") if after.ordered else ("ordered", "free")
        yield Change("order", "columns of a batch", *texts, _loosens(before.ordered), (), "patch")
    if before.strict != after.strict:
        stricter = _STRICTNESS[after.strict] > _STRICTNESS[before.strict]
        texts = f"strict={before.strict}", f"strict={after.strict}"
        yield Change("strictness", "other columns", *texts, _loosens(not stricter))
    for part in ("coerce", "add_missing_columns", "drop_invalid_rows"):
        yield from _differing("parsing", part, part, (before, after), None)


_STRICTNESS: Mapping[bool | str, int] = {False: 0, "filter": 0, True: 1}


def _meaning_changes(
    subject: str,
    before: WrittenColumn | WrittenContract,
    after: WrittenColumn | WrittenContract,
    columns: tuple[str, ...] | None,
) -> Iterator[Change]:
    for name in dict.fromkeys([*before.metadata, *after.metadata]):
        old, new = before.metadata.get(name), after.metadata.get(name)
        if old != new:
            kind = _MEANINGS.get(name, "metadata")
            direction = _moved(old, new) if kind in ("unit", "entity") else "none"
            yield Change(kind, f"{subject} {name}", _said(old), _said(new), direction, columns)
    yield from _differing("title", f"{subject} title", "title", (before, after), ())
    yield from _differing(
        "description", f"{subject} description", "description", (before, after), ()
    )


def _moved(old: object, new: object) -> Direction:
    if old is None:
        return "tightens"
    return "loosens" if new is None else "both"


def _differing(
    kind: Kind,
    subject: str,
    part: str,
    sides: tuple[object, object],
    columns: tuple[str, ...] | None,
) -> Iterator[Change]:
    old, new = (getattr(side, part) for side in sides)
    if old != new:
        yield Change(kind, subject, _said(old), _said(new), "none", columns)


def _said(value: object) -> str | None:
    return None if value is None else str(value)
