"""Say whether the rules of one column make a rule of another hold, or can never go with it.

In:  two written columns: what is promised, and what is wanted.
Out: `True`: proved; `False`: a value was found that shows the contrary; `None`: undetermined.
Values are judged by pandera itself. Rules over several columns or rows, and opaque ones, are
only ever implied by the same rule.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

import polars as pl

from mesh_dagster.declare.admitted import (
    Admitted,
    admitted_by,
    binding,
    by_row,
    ends_of,
    kept_by,
    lengths,
    series_of,
    wider,
)
from mesh_dagster.declare.transcribe import NotFollowedError
from mesh_dagster.declare.trials import trials
from mesh_dagster.declare.written import WrittenColumn, WrittenRule

Answer = bool | None


def implies(promised: WrittenColumn, rule: WrittenRule) -> Answer:
    """Say whether every column that keeps what is promised keeps a rule too.

    Args:
        promised: Its type, whether it holds nulls, and its own rules count, nothing else. A rule
            that only warns promises nothing.
        rule: Whatever its level, as if it were binding.
    """
    admitted = admitted_by(promised)
    if _is_implied(promised, admitted, rule):
        return True
    if not by_row(rule) or not _is_certain(promised):
        return None
    if admitted.nulls and not rule.ignore_na:
        return False
    with suppress(NotFollowedError):
        return False if _is_refuted(promised, admitted, rule) else None
    return None


def is_implied(promised: WrittenColumn, rule: WrittenRule) -> bool:
    """Say whether a rule is implied for certain: `implies`, without a search for the contrary."""
    return _is_implied(promised, admitted_by(promised), rule)


def contradicts(promised: WrittenColumn, wanted: WrittenColumn) -> Answer:
    """Say whether no value but null can keep the rules of both columns, which have one type."""
    if is_contradicted(promised, wanted):
        return True
    both = _together(promised, wanted)
    with suppress(NotFollowedError):
        witnesses = _witnesses(both, admitted_by(both))
        return False if _is_certain(both) and len(witnesses) else None
    return None


def is_contradicted(promised: WrittenColumn, wanted: WrittenColumn) -> bool:
    """Say whether rules contradict each other for certain, without a search for the contrary."""
    both = _together(promised, wanted)
    together = admitted_by(both)
    with suppress(NotFollowedError):
        return together.empty or _fit_nowhere(binding(both), together.lengths[1])
    return False


def is_key(keys: Iterable[Iterable[str]], wanted: Iterable[str]) -> bool:
    """Say whether columns are unique together because some of them are."""
    return any(set(key) <= set(wanted) for key in keys)


def _together(promised: WrittenColumn, wanted: WrittenColumn) -> WrittenColumn:
    return replace(promised, rules=(*promised.rules, *wanted.rules))


def _is_implied(promised: WrittenColumn, admitted: Admitted, rule: WrittenRule) -> bool:
    if admitted.nulls and not rule.ignore_na and by_row(rule):
        return False
    if any(_same(known, rule) for known in promised.rules if known.level == "error"):
        return True
    with suppress(NotFollowedError):
        return by_row(rule) and (admitted.empty or _is_proved(promised, admitted, rule))
    return False


def _same(known: WrittenRule, rule: WrittenRule) -> bool:
    if known.opaque or rule.opaque:
        return known.digest == rule.digest
    return known.check == rule.check and _told(known) == _told(rule)


def _told(rule: WrittenRule) -> list[str]:
    return sorted(f"{name}={value!r}" for name, value in rule.arguments.items())


def _is_certain(column: WrittenColumn) -> bool:
    """Say whether all that a column has to keep is known."""
    return not any(rule.opaque and rule.level == "error" for rule in column.rules)


def _is_proved(promised: WrittenColumn, admitted: Admitted, rule: WrittenRule) -> bool:
    if admitted.values is not None:
        return len(kept_by(admitted.values, [rule])) == len(admitted.values)
    if promised.dtype is None:
        return False
    if rule.check in ("notin", "not_equal_to"):
        [forbidden] = rule.arguments.values()
        values = forbidden if rule.check == "notin" else [forbidden]
        held = series_of(values, promised.dtype)
        return kept_by(held, filter(by_row, binding(promised))).is_empty()
    if isinstance(promised.dtype, pl.String) and (rule.check or "").startswith("str_"):
        return _is_proved_of_text(promised, admitted, rule)
    ends = list(ends_of(rule, promised.dtype))
    return bool(ends) and all(
        wider(end, admitted.low if side == "low" else admitted.high, side) for side, end in ends
    )


def _is_proved_of_text(promised: WrittenColumn, admitted: Admitted, rule: WrittenRule) -> bool:
    if rule.check == "str_length":
        fewest, most = lengths([rule])
        return fewest <= admitted.lengths[0] and admitted.lengths[1] <= most
    wanted = _text_of(rule)
    known = [(other.check, _text_of(other)) for other in binding(promised) if _text_of(other)]
    if rule.check == "str_startswith":
        return any(c == rule.check and text.startswith(wanted) for c, text in known)
    if rule.check == "str_endswith":
        return any(c == rule.check and text.endswith(wanted) for c, text in known)
    if rule.check == "str_matches":
        return any(c in _PATTERNS and text == _from_start(wanted) for c, text in known)
    return any(c in _PATTERNS and text in (wanted, _from_start(wanted)) for c, text in known)


_PATTERNS = ("str_matches", "str_contains")


def _text_of(rule: WrittenRule) -> str:
    """Return what a text has to begin, end or match with; nothing for other rules."""
    text = rule.arguments.get("pattern") or rule.arguments.get("string") or ""
    return _from_start(text) if rule.check == "str_matches" else str(text)


def _from_start(pattern: str) -> str:
    """Anchor a pattern as pandera does."""
    return pattern if pattern.startswith("^") else f"^{pattern}"


def _fit_nowhere(rules: list[WrittenRule], most: float) -> bool:
    """Say whether texts would have to begin, or to end, in two ways, or be too long for it."""
    begins = [_text_of(rule) for rule in rules if rule.check == "str_startswith"]
    ends = [_text_of(rule)[::-1] for rule in rules if rule.check == "str_endswith"]
    for parts in (begins, ends):
        longest = max(parts, key=len, default="")
        if len(longest) > most or not all(longest.startswith(part) for part in parts):
            return True
    return False


def _is_refuted(promised: WrittenColumn, admitted: Admitted, rule: WrittenRule) -> bool:
    witnesses = _witnesses(promised, admitted, rule)
    return len(kept_by(witnesses, [rule])) < len(witnesses)


def _witnesses(
    column: WrittenColumn, admitted: Admitted, tried_with: WrittenRule | None = None
) -> pl.Series:
    """Return some values that keep the rules of a column; all of them where they are listed."""
    values = admitted.values
    if values is None:
        if column.dtype is None:
            raise NotFollowedError
        rules = binding(column)
        tried = trials(column.dtype, [*rules, *([tried_with] if tried_with else [])])
        values = kept_by(tried, filter(by_row, rules))
    if values.dtype.is_float() and not column.nullable:
        values = values.drop_nans()  # pandera takes them for nulls
    return values
