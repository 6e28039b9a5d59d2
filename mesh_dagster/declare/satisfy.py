"""Say what of an expectation a contract can never satisfy.

In:  two written contracts: the producer's, and what a consumer expects.
Out: the columns in which they cannot go together.
A rule that the contract does not promise is none of these: data may keep it, so it is judged on
data. A rule that no value can keep beside the contract's own rules is.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from mesh_dagster.declare.admitted import admits_nulls
from mesh_dagster.declare.implication import is_contradicted
from mesh_dagster.declare.written import WrittenColumn, WrittenContract, WrittenRule

Key = tuple[str, ...]


@dataclass(frozen=True)
class Unmet:
    """One thing that is expected of a column and cannot be had."""

    column: str
    expected: str
    """Such as `not null`, without the column."""
    promised: str
    """What the contract says instead, likewise."""

    def __str__(self) -> str:
        """Write it for a message."""
        return f"'{self.column}' {self.expected}, promised {self.promised}"


def unmet(promised: WrittenContract, expected: WrittenContract) -> list[Unmet]:
    """Return what a contract can never satisfy, in the order of what is expected."""
    return [
        one
        for column in expected.columns
        for one in _unmet_of(promised.column(column.name), column)
    ]


def holds_nulls(promised: WrittenColumn) -> bool:
    """Say whether what is published may hold nulls; an optional column that is absent does."""
    return not promised.required or admits_nulls(promised)


def keys_of(contract: WrittenContract) -> list[Key]:
    """Return the column sets whose values are unique together in whatever is published.

    An optional column that a batch lacks is published as nulls, which repeat.
    """
    optional = {column.name for column in contract.columns if not column.required}
    return [key for key in declared_keys(contract) if not optional & set(key)]


def declared_keys(contract: WrittenContract) -> list[Key]:
    """Return the column sets that a contract calls unique, single columns first."""
    single = [(column.name,) for column in contract.columns if column.unique]
    return [*single, *contract.keys]


def _unmet_of(promised: WrittenColumn | None, expected: WrittenColumn) -> Iterator[Unmet]:
    if promised is None:
        if expected.required:
            yield Unmet(expected.name, _type(expected), "no such column")
        return
    if None not in (expected.dtype, promised.dtype) and expected.dtype != promised.dtype:
        yield Unmet(expected.name, _type(expected), _type(promised))
        return
    if not expected.nullable and holds_nulls(promised):
        yield Unmet(expected.name, "not null", "nulls")
    clash = _contradiction(promised, expected)
    if clash:
        yield Unmet(expected.name, clash, _rules(promised, promised.rules))


def _contradiction(promised: WrittenColumn, expected: WrittenColumn) -> str:
    """Return the first rule that goes with none of the contract's, or all that together do not."""
    if not expected.rules or not is_contradicted(promised, expected):
        return ""
    for rule in expected.rules:
        if is_contradicted(promised, replace(expected, rules=(rule,))):
            return _rules(expected, (rule,))
    return _rules(expected, expected.rules)


def _type(column: WrittenColumn) -> str:
    return "any type" if column.dtype is None else str(column.dtype)


def _rules(column: WrittenColumn, rules: tuple[WrittenRule, ...]) -> str:
    texts = [rule.text.removeprefix(f"{column.name} ") for rule in rules]
    return " and ".join(texts) or _type(column)
