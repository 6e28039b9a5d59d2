"""The promise on the number of rows of a batch."""

import polars as pl
import pytest

from mesh_dagster.declare.slo import Quality
from mesh_dagster.run.publish import Published
from tests.run.scenario import ADDRESS, SET_ASIDE, lines, port_of, publish_batch, refusal_of

FIX = "Fix the batch."


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        (1, "'at least 2 rows' (has 1)"),
        (5, "'at most 4 rows' (has 5)"),
    ],
)
def test_a_batch_outside_its_promised_size_is_refused(rows: int, fault: str) -> None:
    port = port_of(quality=Quality(rows=(2, 4)))

    said = str(refusal_of(lines(*range(rows)), port).error)

    assert said == (
        f"'{ADDRESS}' failed 1 of 9 rules: {fault}. Nothing was published; there is no earlier "
        f"version. {FIX}"
    )


def test_a_batch_of_exactly_the_promised_size_is_published() -> None:
    port = port_of(quality=Quality(rows=(2, 4)))

    outcomes = [publish_batch(lines(*range(rows)), port) for rows in (2, 4)]

    assert [type(outcome) for outcome in outcomes] == [Published, Published]


@pytest.mark.parametrize("rows", [4, 16])
def test_a_batch_that_falls_or_jumps_is_refused(rows: int) -> None:
    port = port_of(quality=Quality(rows_vs_last=0.5))
    publish_batch(lines(*range(10)), port)

    said = str(refusal_of(lines(*range(rows)), port).error)

    assert said == (
        f"'{ADDRESS}' failed 1 of 8 rules: 'rows within 50% of the last 10' (has {rows}). Nothing "
        f"was published; version 0 stays current. {FIX}"
    )


@pytest.mark.parametrize("rows", [5, 15])
def test_a_batch_that_changes_by_just_as_much_as_allowed_is_published(rows: int) -> None:
    port = port_of(quality=Quality(rows_vs_last=0.5))
    publish_batch(lines(*range(10)), port)

    outcome = publish_batch(lines(*range(rows)), port)

    assert isinstance(outcome, Published)


def test_an_empty_batch_bars_no_later_one() -> None:
    port = port_of(quality=Quality(rows_vs_last=1))
    publish_batch(lines(1), port)
    publish_batch(lines(), port)

    outcome = publish_batch(lines(1, 2, 3), port)

    assert isinstance(outcome, Published)


def test_rows_that_were_set_aside_count_among_those_of_the_last_batch() -> None:
    port = port_of(quality=Quality(valid_rows=0.5, otherwise="quarantine", rows_vs_last=0.5))
    batch = pl.concat([lines(1, 2), lines(3, 4, amount=-1.0)])

    outcomes = [publish_batch(batch, port) for _ in range(2)]

    assert [type(outcome) for outcome in outcomes] == [Published, Published]


def test_a_promise_on_the_size_may_only_warn() -> None:
    port = port_of(quality=Quality(rows=(2, None), volume="warn"))

    outcome = publish_batch(lines(1), port)

    assert isinstance(outcome, Published)
    [warned] = [finding for finding in outcome.verdict.findings if not finding.passed]
    assert (warned.rule.text, warned.rule.level, warned.note) == (
        "at least 2 rows",
        "warn",
        "has 1",
    )


def test_setting_rows_aside_saves_no_batch_of_a_wrong_size() -> None:
    port = port_of(
        quality=Quality(valid_rows=SET_ASIDE.valid_rows, otherwise="quarantine", rows=(9, None))
    )
    batch = pl.concat([lines(1, 2, 3), lines(4, amount=-1.0)])

    said = str(refusal_of(batch, port).error)

    assert "'at least 9 rows' (has 4)" in said
