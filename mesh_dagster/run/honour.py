"""Judge a batch by what the consumers of its port rely on, besides its own contract.

In:  what is stated of a port; the rows that are about to be published.
Out: a finding of the check `expectations` for each consumer and rule.
What the contract promises anyway is not asked again, and what several consumers rely on is asked
once. Rules that only their own code location can judge are left to the consumer's reading.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from mesh_dagster.declare.contract import (
    Contract,
    Rule,
    RuleKind,
    not_null_text,
    unique_text,
)
from mesh_dagster.declare.implication import is_implied, is_key
from mesh_dagster.declare.port import Honours
from mesh_dagster.declare.satisfy import declared_keys, holds_nulls, keys_of
from mesh_dagster.declare.transcribe import schema_of
from mesh_dagster.declare.written import Level, WrittenColumn, WrittenContract, WrittenRule
from mesh_dagster.run.audit import audit_staged
from mesh_dagster.run.stated import Stated
from mesh_dagster.run.verdict import Finding

_PROMISED = "promised by the contract"
_ON_READ = "judged when it is read"
_UNREADABLE = "stated by another version of mesh_dagster; judged when it is read"

Place = tuple[RuleKind, str | None, int]


@dataclass
class Questions:
    """What is to be asked of the data, each once."""

    rules: dict[str, list[WrittenRule]] = field(default_factory=dict)
    """By column; a column whose nulls alone are asked for has none."""
    not_null: set[str] = field(default_factory=set)
    keys: list[tuple[str, ...]] = field(default_factory=list)
    _answered: dict[tuple[str, str], bool] = field(default_factory=dict)

    def null(self, column: str) -> Place:
        """Ask whether a column holds nulls."""
        self.rules.setdefault(column, [])
        self.not_null.add(column)
        return ("not_null", column, 0)

    def rule(self, column: str, rule: WrittenRule) -> Place:
        """Ask whether a column keeps a rule."""
        asked = self.rules.setdefault(column, [])
        alike = [repr((r.check, r.arguments, r.ignore_na)) for r in (*asked, rule)]
        number = alike.index(alike[-1])
        if number == len(asked):
            asked.append(rule)
        return ("check", column, number)

    def key(self, columns: Sequence[str]) -> Place:
        """Ask whether columns are unique together."""
        for column in columns:
            self.rules.setdefault(column, [])
        if tuple(columns) not in self.keys:
            self.keys.append(tuple(columns))
        return ("keys", None, self.keys.index(tuple(columns)))

    def answered(self, promised: WrittenColumn, rule: WrittenRule) -> bool:
        """Say whether the contract answers for a column that it keeps a rule; thought out once."""
        known = (promised.name, rule.digest)
        if known not in self._answered:
            # An optional column that is absent is published as nulls, whatever it promises.
            there = promised.required or rule.ignore_na
            self._answered[known] = there and is_implied(promised, rule)
        return self._answered[known]

    def contract(self) -> Contract:
        """Return them as one contract, which says nothing of types."""
        columns = tuple(
            WrittenColumn(
                name=name,
                dtype=None,
                nullable=name not in self.not_null,
                unique=False,
                required=True,
                coerce=False,
                regex=False,
                drop_invalid_rows=False,
                default=None,
                title=None,
                description=None,
                metadata={},
                rules=tuple(rules),
            )
            for name, rules in self.rules.items()
        )
        return Contract.of(
            schema_of(WrittenContract("expectations", "", columns, keys=tuple(self.keys)))
        )


@dataclass(frozen=True)
class Demand:
    """One thing that one consumer relies on."""

    text: str
    level: Level = "error"
    place: Place | None = None
    """Where the answer stands; `None` where it is known without the data."""
    passed: bool = True
    note: str = ""

    def finding(self, answers: Mapping[Place, Finding]) -> Finding:
        """Say how it came out."""
        answer = answers[self.place] if self.place else None
        # A rule that cannot be run on such a column is the consumer's own mistake.
        level = "warn" if answer and answer.note else self.level
        rule = Rule(self.text, "expectations", level=level)
        if answer is None:
            return Finding(rule, self.passed, 0 if self.passed else None, self.note)
        return Finding(rule, answer.passed, answer.failing_rows, answer.note)


@dataclass(frozen=True)
class Relied:
    """What the consumers of one port rely on."""

    demands: tuple[Demand, ...] = ()
    questions: Questions = field(default_factory=Questions)

    @classmethod
    def on(cls, contract: WrittenContract, known: Sequence[Stated], honours: Honours) -> "Relied":
        """Gather it.

        Args:
            contract: The port's.
            known: The consumers of the port.
            honours: Whether what is broken refuses a batch.
        """
        questions, demands = Questions(), []
        consumers = [one.consumer for one in known]
        for one in known:
            twice = consumers.count(one.consumer) > 1
            who = f"{one.consumer} ({one.input})" if twice else one.consumer
            binding = honours == "refuse" and one.binding
            demands += [
                replace(
                    demand,
                    text=f"{demand.text} for {who}",
                    level=demand.level if binding else "warn",
                )
                for demand in _demands(contract, one.expected, questions)
            ]
        return cls(tuple(demands), questions)

    def findings(self, plan: pl.LazyFrame, others: pl.LazyFrame | None) -> tuple[Finding, ...]:
        """Judge rows.

        Args:
            plan: What is about to be published.
            others: The rows of other partitions; what is unique is unique over both.
        """
        answers: dict[Place, Finding] = {}
        if self.questions.rules:
            rows = plan.select(list(self.questions.rules))
            verdict = audit_staged(rows, self.questions.contract(), others=others, profile="rows")
            answers = {(f.rule.kind, f.rule.column, f.rule.number): f for f in verdict.findings}
        return tuple(demand.finding(answers) for demand in self.demands)


def _demands(
    contract: WrittenContract, expected: WrittenContract, questions: Questions
) -> Iterator[Demand]:
    if not expected.columns:
        yield Demand("what is expected", note=_UNREADABLE)
    for column in expected.columns:
        promised = contract.column(column.name)
        missing = promised is None or promised.dtype != (column.dtype or promised.dtype)
        if promised is not None and not missing:
            yield from _demands_of_column(promised, column, questions)
        elif promised is not None or column.required:
            note = f"is {promised.dtype}" if promised else "is missing"
            yield Demand(f"{column.name} is {column.dtype or 'there'}", passed=False, note=note)
    for key in (key for key in declared_keys(expected) if all(map(contract.column, key))):
        promised_too = is_key(keys_of(contract), key)
        place = None if promised_too else questions.key(key)
        yield Demand(unique_text([*key]), place=place, note=_PROMISED if promised_too else "")
    for rule in expected.rules:
        yield Demand(rule.text, rule.level, note=_ON_READ)


def _demands_of_column(
    promised: WrittenColumn, expected: WrittenColumn, questions: Questions
) -> Iterator[Demand]:
    name = expected.name
    if not expected.nullable and holds_nulls(promised):
        yield Demand(not_null_text(name), place=questions.null(name))
    elif not expected.nullable:
        yield Demand(not_null_text(name), note=_PROMISED)
    for rule in expected.rules:
        if rule.opaque:
            yield Demand(rule.text, rule.level, note=_ON_READ)
        elif questions.answered(promised, rule):
            yield Demand(rule.text, rule.level, note=_PROMISED)
        else:
            yield Demand(rule.text, rule.level, questions.rule(name, rule))
