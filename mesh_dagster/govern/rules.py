"""Compare the rules of one column, or of a whole frame, by what they allow.

In:  written columns or contracts of both sides.
Out: a `Change` for each rule that is not on both sides. A rule on one side is paired with the rule
on the other that speaks of the same thing; whether the one makes the other hold is asked of
`declare/implication.py`, and where that is undetermined, so is the direction.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import zip_longest

from mesh_dagster.declare.implication import Answer, implies
from mesh_dagster.declare.written import WrittenColumn, WrittenContract, WrittenRule
from mesh_dagster.govern.change import Change, Direction

Implied = Callable[[WrittenRule], Answer]
Columns = tuple[str, ...] | None
_SUBJECTS: Mapping[str, str] = {
    "greater_than": "low",
    "greater_than_or_equal_to": "low",
    "less_than": "high",
    "less_than_or_equal_to": "high",
    "in_range": "range",
    "equal_to": "range",
    "notin": "forbidden",
    "not_equal_to": "forbidden",
}
"""Built-in checks that speak of the same thing; the others speak of their own."""


def column_rule_changes(before: WrittenColumn, after: WrittenColumn) -> Iterator[Change]:
    """Yield what changed among the rules of a column that both sides have."""
    return _changes(
        before.rules,
        after.rules,
        (lambda rule: implies(after, rule), lambda rule: implies(before, rule)),
        (before.name,),
    )


def frame_rule_changes(before: WrittenContract, after: WrittenContract) -> Iterator[Change]:
    """Yield what changed among the rules over the whole frame; only equal ones imply each other."""
    return _changes(before.rules, after.rules, (lambda _: None, lambda _: None), None)


def _changes(
    before: Iterable[WrittenRule],
    after: Iterable[WrittenRule],
    implied: tuple[Implied, Implied],
    columns: Columns,
) -> Iterator[Change]:
    kept = {rule.digest for rule in before} & {rule.digest for rule in after}
    gone, new = _by_subject(before, kept), _by_subject(after, kept)
    for subject in dict.fromkeys([*gone, *new]):
        for old, young in zip_longest(gone[subject], new[subject]):
            direction = _direction(old, young, *implied)
            texts = _text(old), _text(young)
            yield Change("rule", texts[0] or texts[1] or "", *texts, direction, columns)


def _by_subject(rules: Iterable[WrittenRule], kept: set[str]) -> dict[str, list[WrittenRule]]:
    found: defaultdict[str, list[WrittenRule]] = defaultdict(list)
    for rule in rules:
        if rule.digest not in kept:
            subject = rule.text if rule.check is None else _SUBJECTS.get(rule.check, rule.check)
            found[subject].append(rule)
    return found


def _direction(
    old: WrittenRule | None, young: WrittenRule | None, by_after: Implied, by_before: Implied
) -> Direction:
    # What only warns promises nothing: it may go without loss, and come without gain.
    nothing_lost = old is None or old.level == "warn" or by_after(old)
    nothing_new = young is None or young.level == "warn" or by_before(young)
    if nothing_lost:
        return "none" if nothing_new else "tightens"
    if nothing_new:
        return "loosens"
    return "both" if nothing_lost is False and nothing_new is False else "undetermined"


def _text(rule: WrittenRule | None) -> str | None:
    if rule is None:
        return None
    return rule.text if rule.level == "error" else f"{rule.text} (only warns)"
