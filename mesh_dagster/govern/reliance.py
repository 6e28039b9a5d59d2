"""Find what a consumer relies on and no longer gets.

In:  what it expects, and the contract of the port before and after.
Out: a `Loss` for each part of the expectation that published data may now break.
What a consumer expects that the old contract did not promise either is lost only if the change
touches it.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from mesh_dagster.declare.implication import Answer, implies, is_key
from mesh_dagster.declare.satisfy import holds_nulls, keys_of
from mesh_dagster.declare.written import WrittenColumn, WrittenContract, WrittenRule
from mesh_dagster.govern.change import Change, Kind

_OF_DATA: tuple[Kind, ...] = (
    "column",
    "type",
    "nullability",
    "requirement",
    "order",
    "key",
    "rule",
    "unit",
    "entity",
)
_PROMISES: tuple[Kind, ...] = ("freshness", "quality", "retention", "partitioning", "state")


@dataclass(frozen=True)
class Loss:
    """One thing that a consumer can no longer rely on."""

    what: str
    """The rule or promise, such as `amount >= 0`."""
    columns: tuple[str, ...] = ()
    certain: bool = True
    """Whether it is known that data may break it; else it cannot be ruled out."""


def losses(
    expected: WrittenContract,
    after: WrittenContract,
    changes: Collection[Change],
) -> list[Loss]:
    """Return what an expectation loses by changes of the contract.

    Args:
        expected: What the consumer states; the whole old contract where it states nothing.
        after: The new contract.
        changes: What leads from the old contract to the new one.
    """
    touched = _touched(changes)
    found = [
        *(loss for column in expected.columns for loss in _of_column(column, after)),
        *_of_the_frame(expected, after),
        *_of_meaning(expected, changes),
    ]
    return [loss for loss in found if touched(loss.columns)]


def _touched(changes: Collection[Change]) -> Callable[[tuple[str, ...]], bool]:
    moved = [change for change in changes if change.kind in _OF_DATA and _may_break(change)]
    everywhere = any(change.columns is None for change in moved)
    names = {name for change in moved for name in change.columns or ()}
    return lambda columns: bool(moved) and (everywhere or not columns or bool(names & set(columns)))


def _may_break(change: Change) -> bool:
    loosened = change.direction in ("loosens", "both", "undetermined")
    return loosened or change.kind in ("type", "order")


def _of_column(wanted: WrittenColumn, after: WrittenContract) -> Iterator[Loss]:
    columns = (wanted.name,)
    given = after.column(wanted.name)
    if given is None:
        patterned = wanted.regex or any(column.regex for column in after.columns)
        if wanted.required:
            yield Loss(f"{wanted.name} is there", columns, certain=not patterned)
        return
    if wanted.dtype not in (None, given.dtype):
        yield Loss(f"{wanted.name} is {wanted.dtype}", columns)
    if holds_nulls(given) and not wanted.nullable:
        yield Loss(f"{wanted.name} not null", columns)
    if wanted.unique and not is_key(keys_of(after), columns):
        yield Loss(f"{wanted.name} unique", columns)
    for rule in (rule for rule in wanted.rules if rule.level == "error"):
        answer = _implied(given, rule)
        if not answer:
            yield Loss(rule.text, columns, certain=answer is False)


def _implied(given: WrittenColumn, rule: WrittenRule) -> Answer:
    answer = implies(given, rule)
    if answer and not given.required and not rule.ignore_na:
        return None  # a column that a batch lacks is published as nulls
    return answer


def _of_the_frame(expected: WrittenContract, after: WrittenContract) -> Iterator[Loss]:
    for key in expected.keys:
        if not is_key(keys_of(after), key):
            yield Loss(f"{', '.join(key)} unique", key)
    kept = {rule.digest for rule in after.rules if rule.level == "error"}
    for rule in expected.rules:
        if rule.level == "error" and rule.digest not in kept:
            yield Loss(rule.text, (), certain=False)
    if expected.ordered:
        names = [column.name for column in expected.columns]
        order = [column.name for column in after.columns if column.name in names]
        if order != [name for name in names if name in order]:
            yield Loss("columns in order")


def _of_meaning(expected: WrittenContract, changes: Collection[Change]) -> Iterator[Loss]:
    for change in changes:
        if change.kind in ("unit", "entity") and change.breaking:
            columns = change.columns or ()
            if not columns or any(map(expected.column, columns)):
                yield Loss(f"{change.subject} is {change.before}", columns)


def promises_lost(changes: Collection[Change]) -> list[Loss]:
    """Return the promises beside the contract that changes take from whoever relies on all."""
    return [
        Loss(f"{change.subject} {change.before}")
        for change in changes
        if change.kind in _PROMISES and change.breaking
    ]
