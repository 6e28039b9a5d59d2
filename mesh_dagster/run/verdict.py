"""Hold the outcome of an audit.

In and out: plain values, filled by `run/audit.py`, written into commits, registry and Dagster.
No data value stands here except the profile's bounds and, where they were asked for, the keys of
some rows; neither becomes a message.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from mesh_dagster.declare.contract import CheckName, Rule

Bound = int | float | str | datetime | None


@dataclass(frozen=True)
class RowKey:
    """Tells one row of a batch from the others."""

    row: int
    """Its number in the batch, from 0."""
    key: Mapping[str, Bound] = field(default_factory=dict)
    """Its values of the contract's key, without those of sensitive columns."""

    def __str__(self) -> str:
        """Write the key, else the number."""
        named = ", ".join(f"{name}={value}" for name, value in self.key.items())
        return named or f"row {self.row}"


@dataclass(frozen=True)
class Finding:
    """One rule and how many rows broke it."""

    rule: Rule
    passed: bool
    failing_rows: int | None = 0
    """Rows of the batch that broke it; `None` when the rule is not about rows."""
    note: str = ""
    """What was found instead, without data values, such as `is Int32` or `is missing`."""
    row_keys: tuple[RowKey, ...] = ()
    """Some of these rows, at most as many as were asked for."""


def finding_text(finding: Finding, rows: int) -> str:
    """Say which rule failed, and on how many of the rows."""
    note = f" ({finding.note})" if finding.note else ""
    if finding.failing_rows is None:
        return f"'{finding.rule.text}'{note}"
    return f"'{finding.rule.text}' on {finding.failing_rows:,} of {rows:,} rows{note}"


@dataclass(frozen=True)
class ColumnProfile:
    """What one column of a staged batch holds."""

    column: str
    nulls: int
    nans: int = 0
    minimum: Bound = None
    """`None` for types without an order, and for a column without values."""
    maximum: Bound = None
    mean: float | None = None
    approximate_distinct: int | None = None


@dataclass(frozen=True)
class Profile:
    """What a staged batch holds."""

    rows: int
    columns: tuple[ColumnProfile, ...] = ()

    def column(self, name: str) -> ColumnProfile | None:
        """Return the profile of one column, if it was taken."""
        return next((column for column in self.columns if column.column == name), None)

    def without_values(self, names: Collection[str]) -> "Profile":
        """Leave of some columns only what is counted."""
        columns = (
            replace(column, minimum=None, maximum=None, mean=None)
            if column.column in names
            else column
            for column in self.columns
        )
        return replace(self, columns=tuple(columns))


@dataclass(frozen=True)
class Verdict:
    """The outcome of auditing a staged publication."""

    accepted: bool
    profile: Profile
    findings: tuple[Finding, ...] = ()
    """One for every rule of the contract, in its order, the passed ones included."""
    fused: bool = True
    """False where pandera itself had to judge because a rule could not join the fused query."""
    undeclared: tuple[str, ...] = field(default=())
    """Columns of the batch that the contract does not name; they are never published."""

    @property
    def broken(self) -> tuple[Finding, ...]:
        """The failed rules that refuse a batch."""
        return tuple(f for f in self.findings if not f.passed and f.rule.level == "error")

    @property
    def digest(self) -> str:
        """Hex; equal for equal outcomes, carried by the commit."""
        facts = [self.accepted, self.profile.rows]
        rules = [[f.rule.text, f.rule.level, f.passed, f.failing_rows] for f in self.findings]
        return hashlib.sha256(json.dumps([facts, rules]).encode()).hexdigest()

    @property
    def checks(self) -> dict[str, bool]:
        """Each family of rules, and whether all of them were kept."""
        families = sorted({finding.rule.check for finding in self.findings})
        return {check: all(f.passed for f in self.of_check(check)) for check in families}

    def of_check(self, check: CheckName) -> tuple[Finding, ...]:
        """Return the findings that one Dagster check reports."""
        return tuple(finding for finding in self.findings if finding.rule.check == check)
