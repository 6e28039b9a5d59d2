import json

import pytest

from mesh_dagster.discover.score import Question, score
from tests.cli.scenario import declare, mesh

PEOPLE: dict[Question, int] = {"team_size": 4, "bottleneck": 3, "governance": 5}


def product(key: str, alignment: str) -> dict[str, str]:
    return {"key": key, "alignment": alignment}


def test_the_registry_answers_for_sources_and_domains() -> None:
    rows = [
        product("sales/orders", "source"),
        product("sales/orders", "source"),  # its next major version
        product("sales/kpis", "consumer"),
        product("labels/releases", "source"),
    ]

    found = score(rows, PEOPLE)

    assert [(one.question, one.value, one.origin) for one in found.answers] == [
        ("sources", 2, "registry"),
        ("team_size", 4, "given"),
        ("domains", 2, "registry"),
        ("bottleneck", 3, "given"),
        ("governance", 5, "given"),
    ]
    assert found.total == 16


def test_what_people_say_stands_above_what_is_counted() -> None:
    given: dict[Question, int] = {**PEOPLE, "sources": 40}

    assert score([product("sales/orders", "source")], given).total == 40 + 4 + 1 + 3 + 5


@pytest.mark.parametrize(
    ("sources", "meaning"),
    [(1, "cost more"), (2, "practices"), (17, "practices"), (18, "will support")],
)
def test_under_15_is_not_yet_15_to_30_some_and_over_30_a_mesh(sources: int, meaning: str) -> None:
    given: dict[Question, int] = {**PEOPLE, "domains": 1, "sources": sources}

    found = score([], given)

    assert found.total == 13 + sources
    assert meaning in str(found.meaning)


def test_an_open_question_leaves_the_score_open() -> None:
    found = score([], {})

    assert (found.total, found.meaning) == (None, None)
    assert found.unanswered == ("sources", "team_size", "domains", "bottleneck", "governance")


def test_the_command_says_which_answers_are_missing_and_then_the_score() -> None:
    declare()

    partly = mesh("score", "--team-size", "5")
    whole = mesh("score", "--team-size=5", "--bottleneck=9", "--governance=8", "--json")

    assert partly.exit_code == 0
    last = partly.stdout.splitlines()[-1]
    assert last == "Not scored yet: answer with --bottleneck, --governance."
    assert json.loads(whole.stdout)["total"] == 1 + 5 + 2 + 9 + 8


def test_an_answer_off_the_scale_is_wrong_usage() -> None:
    result = mesh("score", "--governance", "11")

    assert result.exit_code == 2
