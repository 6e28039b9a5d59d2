from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from mesh_dagster.declare.slo import Freshness, Quality
from mesh_dagster.observe.causes import causes
from mesh_dagster.observe.judgement import assess, statuses, statuses_of
from mesh_dagster.observe.status import SloStatus
from mesh_dagster.run.declared import freshness_row, quality_row
from mesh_dagster.run.promises import freshness_of, gather, quality_of
from mesh_dagster.run.registry import Refusal, Registry
from tests.observe.ports import DAILY, DAY, EVENTS, HOUR, START, at, facts, published, register

ROYALTIES = "mesh://payments/royalties/v1/monthly"
CHARTS = "mesh://payments/charts/v1/weekly"
HOURLY = Freshness(within=3 * HOUR)
BY = Freshness(within=3 * HOUR, by="played_at")


def freshness_at(registry: Registry, hours: float, *, historic: bool = False) -> SloStatus:
    found = statuses(registry, at(hours), historic=historic)
    return next(one for one in found if one.objective == "freshness")


def quality_at(registry: Registry, hours: float) -> SloStatus:
    return next(one for one in statuses(registry, at(hours)) if one.objective == "quality")


def refusal(hours: float, slice_: str = "") -> Refusal:
    return Refusal(EVENTS, f"refused-{hours}", at(hours), slice_, 10, {"amount >= 0": 1})


def test_a_status_says_how_a_promise_stands(registry: Registry) -> None:
    register(registry, freshness=HOURLY)
    registry.record(published(0, 1), published(1, 2))

    found = statuses(registry, at(4))

    assert found == [
        SloStatus(
            address=EVENTS,
            product_key="media_player/plays",
            owner="team:media_player",
            objective="freshness",
            state="ok",
            since=START,
            age=2 * HOUR,
            limit=3 * HOUR,
            target=0.99,
            window=timedelta(days=28),
            budget_remaining=1.0,
            breaks_at=at(5),
        ),
        SloStatus(
            address=EVENTS,
            product_key="media_player/plays",
            owner="team:media_player",
            objective="quality",
            state="ok",
            since=at(1),
            age=None,
            limit=None,
            target=0.99,
            window=timedelta(days=28),
            budget_remaining=1.0,
        ),
    ]


@pytest.mark.parametrize(
    "promise",
    [
        HOURLY,
        Freshness(
            within=DAY,
            by="played_at",
            per="station",
            warn=HOUR,
            deadline="0 6 * * 1-5",
            timezone="Europe/Berlin",
            calendar="mon-fri",
            holidays=(START.date(),),
            grace=HOUR,
            target=0.9,
            window=timedelta(days=90),
            alert=("chat", "pager"),
        ),
    ],
)
def test_a_freshness_promise_is_read_as_it_was_declared(promise: Freshness) -> None:
    assert freshness_of(freshness_row(promise) or {}) == promise


def test_a_quality_promise_is_read_as_it_was_declared() -> None:
    promise = Quality(
        valid_rows=0.9,
        otherwise="quarantine",
        target=0.5,
        window=DAY,
        rows=(1, None),
        rows_vs_last=0.5,
        volume="warn",
        alert=("chat",),
    )

    assert quality_of(quality_row(promise)) == promise


def test_what_was_published_later_does_not_count(registry: Registry) -> None:
    register(registry, freshness=HOURLY)
    registry.record(published(0, 1), published(1, 9))

    assert freshness_at(registry, 5).state == "breached"
    assert freshness_at(registry, 9.5).state == "ok"


def test_a_port_keeps_the_time_of_its_first_registration(registry: Registry) -> None:
    register(registry, freshness=HOURLY)
    register(registry, freshness=HOURLY, registered=at(50))

    assert freshness_at(registry, 51).since == at(3)


def test_a_breach_longer_than_the_window_keeps_its_identity(registry: Registry) -> None:
    daily = Freshness(within=3 * HOUR, by="played_at", window=DAY)
    register(registry, freshness=daily)
    registry.record(*(published(n, 5 * n + 1, event=0.5) for n in range(40)))

    found = {freshness_at(registry, hours).breach_id for hours in (5, 30, 100, 210)}

    assert len(found) == 1
    assert freshness_at(registry, 210).since == at(3.5)


def test_the_budget_of_a_window_starts_with_what_was_published_before_it(
    registry: Registry,
) -> None:
    register(registry, freshness=Freshness(within=3 * HOUR, target=0.5, window=DAY))
    registry.record(published(0, 1), published(1, 40))

    # In the 24 hours before, 15 were too old, of 12 that may be.
    assert freshness_at(registry, 41).budget_remaining == pytest.approx(1 - 23 / 12)


def test_events_before_the_window_count_where_partitions_are_published(
    registry: Registry,
) -> None:
    promise = Freshness(within=40 * HOUR, by="played_at", window=40 * HOUR)
    register(registry, freshness=promise, partitions={"keys": [["a", "b"]]})
    registry.record(published(0, 1, event=0.9, slice_="b"), published(1, 2, event=-300, slice_="a"))

    assert freshness_at(registry, 40.5).age == timedelta(hours=39, minutes=36)
    assert freshness_at(registry, 42).age == timedelta(hours=41, minutes=6)


def test_an_event_from_a_wrong_clock_keeps_no_partitioned_port_fresh_after_the_window(
    registry: Registry,
) -> None:
    register(registry, freshness=BY, partitions={"keys": [["a"]]})
    registry.record(published(0, 1, event=999_999, slice_="a"))

    found = freshness_at(registry, 60 * 24)

    assert (found.state, found.since) == ("breached", at(4))


def test_loaded_history_is_judged_as_of_its_own_time_by_its_data(registry: Registry) -> None:
    register(registry, freshness=BY, registered=at(10_000))
    registry.record(published(0, 10_001, event=2), published(1, 10_002, event=7))

    known = [freshness_at(registry, hours, historic=True) for hours in (1, 4, 6, 8)]

    assert [one.state for one in known] == ["paused", "ok", "breached", "ok"]
    assert freshness_at(registry, 8).state == "paused"
    assert freshness_at(registry, 10_003, historic=True).state == "breached"


def test_loaded_partitions_are_judged_as_of_their_own_time(registry: Registry) -> None:
    promise = Freshness(within=DAY, by="played_at")
    register(registry, freshness=promise, partitions={"keys": [DAILY]}, registered=at(10_000))
    days = [(0, "2026-03-02", 23), (1, "2026-03-03", 47), (2, "2026-03-05", 90)]
    registry.record(*(published(n, 10_001, event=event, slice_=key) for n, key, event in days))

    known = freshness_at(registry, 100, historic=True)

    assert known.missing_partitions == ("2026-03-04",)
    assert (known.state, known.since) == ("breached", at(96))


def test_late_groups_are_counted_and_twenty_are_named(registry: Registry) -> None:
    register(registry, freshness=Freshness(within=3 * HOUR, by="played_at", per="station"))
    groups = {f"K{number:03}": at(1 + number / 100).isoformat() for number in range(50)}
    registry.record(published(0, 2, event=1.5, groups=groups, oldest_group=at(1)))

    known = freshness_at(registry, 5)

    assert known.late_group_count == 50
    assert known.late_groups == tuple(f"K{number:03}" for number in range(20))
    assert known.age == 4 * HOUR


def test_a_refused_batch_breaks_the_quality_promise_until_it_is_replaced(
    registry: Registry,
) -> None:
    register(registry, quality=Quality(target=0.5))
    registry.record(published(0, 1), published(1, 9))
    registry.refuse(refusal(5))
    registry.refuse(refusal(6))

    before, during, after = (quality_at(registry, hours) for hours in (2, 7, 10))

    assert (before.state, before.budget_remaining) == ("ok", 1.0)
    assert (during.state, during.since) == ("breached", at(5))
    assert during.budget_remaining == pytest.approx(1 - 2 / 1.5)
    assert (after.state, after.since) == ("ok", at(9))


def test_a_refused_slice_is_not_replaced_by_another(registry: Registry) -> None:
    register(registry, partitions={"keys": [["a", "b"]]})
    registry.record(published(0, 1, slice_="a"), published(1, 9, slice_="b"))
    registry.refuse(refusal(5, "a"))

    assert quality_at(registry, 10).since == at(5)


def test_a_port_that_no_batch_was_made_for_has_no_quality_yet(registry: Registry) -> None:
    register(registry)

    known = quality_at(registry, 10)

    assert (known.state, known.since, known.budget_remaining) == ("paused", START, None)


def test_a_breach_names_the_breach_upstream_that_explains_it(registry: Registry) -> None:
    register(registry, freshness=HOURLY)
    register(registry, CHARTS, inputs=[EVENTS])
    register(registry, ROYALTIES, freshness=Freshness(within=5 * HOUR), inputs=[CHARTS])
    registry.record(*(published(0, 1, address=one) for one in (EVENTS, CHARTS, ROYALTIES)))

    found = {one.address: one.caused_by for one in statuses(registry, at(7)) if one.broken}

    assert found == {EVENTS: None, ROYALTIES: EVENTS}


def test_a_refusal_upstream_explains_data_that_does_not_come(registry: Registry) -> None:
    register(registry, freshness=Freshness(within=DAY))
    register(registry, ROYALTIES, freshness=HOURLY, inputs=[EVENTS])
    registry.record(published(0, 1), published(0, 1, address=ROYALTIES))
    registry.refuse(refusal(2))

    found = {(one.address, one.caused_by) for one in statuses(registry, at(7)) if one.broken}

    assert found == {(EVENTS, None), (ROYALTIES, EVENTS)}


def test_a_younger_breach_explains_no_older_one() -> None:
    assert causes({"a": at(5), "b": at(4)}, {"b": ["a"]}) == {}


def test_of_a_chain_of_breaches_the_first_is_the_cause() -> None:
    broken = {"a": at(1), "b": at(2), "c": at(3), "x": at(2)}

    found = causes(broken, {"b": ["a"], "c": ["b", "x"]})

    assert found == {"b": "a", "c": "a"}


def test_a_cause_is_found_among_any_number_of_ways_upstream() -> None:
    layers = [[f"{one}{number}" for one in "abc"] for number in range(60)]
    inputs = {one: above for above, below in pairwise(layers) for one in below}

    found = causes({"a0": at(1), "a59": at(2), "b59": at(0)}, inputs)

    assert found == {"a59": "a0"}


@given(
    st.dictionaries(st.integers(0, 8), st.integers(0, 5)),
    st.dictionaries(st.integers(0, 8), st.lists(st.integers(0, 8), max_size=4)),
)
def test_causes_are_found_also_where_ports_read_each_other_in_circles(
    since: dict[int, int], reads: dict[int, list[int]]
) -> None:
    broken = {str(one): at(hour) for one, hour in since.items()}
    inputs = {str(one): [str(other) for other in others] for one, others in reads.items()}

    found = causes(broken, inputs)

    assert all(broken[cause] <= broken[one] and cause != one for one, cause in found.items())


def test_a_warning_is_over_with_newer_data_until_the_next(registry: Registry) -> None:
    register(registry, freshness=Freshness(within=9 * HOUR, warn=2 * HOUR))
    registry.record(*(published(n, hour) for n, hour in enumerate((1, 4, 6, 9))))

    found = [freshness_at(registry, hours) for hours in (3.5, 6.5, 8.5, 10)]

    assert [(one.state, one.since) for one in found] == [
        ("warn", at(3)),
        ("ok", at(4)),
        ("warn", at(8)),
        ("ok", at(9)),
    ]


def test_a_breach_is_foreseen_when_the_usual_gap_is_too_long() -> None:
    port = facts(1, 5, 9, freshness=Freshness(within=3 * HOUR))

    (known, _) = statuses_of(assess([port], at(10)), at(10))

    assert (known.state, known.predicted_breach_at) == ("ok", at(12))


def test_no_breach_is_foreseen_while_publications_come_in_time() -> None:
    port = facts(1, 2, 3)

    (known, _) = statuses_of(assess([port], at(4)), at(4))

    assert known.predicted_breach_at is None


def test_a_breach_is_foreseen_when_what_the_port_reads_is_late() -> None:
    upstream = facts(1)
    port = replace(
        facts(5, 6, 7, address=ROYALTIES, freshness=Freshness(within=3 * HOUR)), inputs=(EVENTS,)
    )

    found = statuses_of(assess([upstream, port], at(8)), at(8))

    assert [one.predicted_breach_at for one in found if one.objective == "freshness"] == [
        None,
        at(10),
    ]


def test_one_clock_reading_costs_the_same_statements_for_any_number_of_ports(
    registry: Registry,
) -> None:
    promise = Freshness(within=3 * HOUR, by="played_at", per="station")
    for number in range(12):
        window = timedelta(days=28 + number % 3)
        address = f"mesh://media_player/plays_{number}/v1/events"
        register(
            registry,
            address,
            freshness=replace(promise, window=window) if number else HOURLY,
            partitions={"keys": [DAILY]},
        )
        registry.record(published(0, 1, address=address, slice_="2026-03-02"))
    asked: list[object] = []

    @sa.event.listens_for(sa.Engine, "before_cursor_execute")
    def count(*given: object) -> None:
        asked.append(given[2])

    found = statuses(registry, at(2))
    sa.event.remove(sa.Engine, "before_cursor_execute", count)

    assert len(found) == 24
    assert sum(str(one).startswith("SELECT") for one in asked) == 7


def test_a_mesh_without_ports_has_no_promises(registry: Registry) -> None:
    assert gather(registry, START) == []
