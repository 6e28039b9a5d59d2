"""Score how much a company needs a data mesh, by five questions, two of which the registry answers.

In:  the registered products; answers of people.
Out: a `Score`: the answers, where each comes from, their sum and what it means.

Source:
    Barr Moses and Lior Gavish, "What is a Data Mesh, and How Not to Mesh it Up": five answers
    whose sum says whether a mesh pays.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Question = Literal["sources", "team_size", "domains", "bottleneck", "governance"]
Origin = Literal["registry", "given", "open"]
_ASKED: dict[Question, str] = {
    "sources": "How many data sources are there?",
    "team_size": "How many people work on data?",
    "domains": "How many domains offer or use data?",
    "bottleneck": "How often do data engineers hold new products up, from 1, never, to 10, always?",
    "governance": "How much does governance matter, from 1, little, to 10, most of all?",
}
_SPARING, _MOST_SPARING = 15, 30
_NOT_YET = "A mesh would cost more than it gives; a shared warehouse serves you."
_SOME = "Take over practices of a mesh, domain by domain: owners, contracts, promises."
_MESH = "A mesh will support you: you have the sources, people and domains that need one."


@dataclass(frozen=True)
class Answer:
    """The answer to one question."""

    question: Question
    asked: str
    value: int | None
    origin: Origin
    """`registry`: counted. `given`: by whoever asked. `open`: nobody answered."""


@dataclass(frozen=True)
class Score:
    """What the answers add up to."""

    answers: tuple[Answer, ...]
    total: int | None
    """The sum; `None` while a question is open."""
    meaning: str | None

    @property
    def unanswered(self) -> tuple[Question, ...]:
        """The questions that are open."""
        return tuple(answer.question for answer in self.answers if answer.value is None)


def score(
    products: Iterable[Mapping[str, Any]],  # Any: rows of the registry
    given: Mapping[Question, int],
) -> Score:
    """Answer what the registry knows, and add up.

    Args:
        products: Rows of the registered products. Each source-aligned product counts as a source.
        given: Answers of people, which stand above what is counted.
    """
    rows = list(products)
    domains = {row["key"].partition("/")[0] for row in rows}
    sources = {row["key"] for row in rows if row["alignment"] == "source"}
    counted: dict[Question, int] = {"sources": len(sources), "domains": len(domains)}
    answers = tuple(_answer(question, given, counted if rows else {}) for question in _ASKED)
    values = [answer.value for answer in answers if answer.value is not None]
    if len(values) < len(answers):
        return Score(answers, None, None)
    return Score(answers, sum(values), _meaning(sum(values)))


def _answer(
    question: Question, given: Mapping[Question, int], counted: Mapping[Question, int]
) -> Answer:
    asked = _ASKED[question]
    if question in given:
        return Answer(question, asked, given[question], "given")
    if question in counted:
        return Answer(question, asked, counted[question], "registry")
    return Answer(question, asked, None, "open")


def _meaning(total: int) -> str:
    if total < _SPARING:
        return _NOT_YET
    return _SOME if total <= _MOST_SPARING else _MESH
