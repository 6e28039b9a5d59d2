import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from mesh_dagster.errors import SinkFailedError, UnknownSinkError
from mesh_dagster.observe.alerts import record
from mesh_dagster.observe.attention import open_list
from mesh_dagster.observe.delivery import LONGEST_WAIT, Delivered, deliver, wait_before
from mesh_dagster.observe.ledger import circuits, deliveries, notices
from mesh_dagster.observe.notice import Notice
from mesh_dagster.observe.outbox import LEASE, claim
from mesh_dagster.observe.routing import Routing
from mesh_dagster.observe.settings import Settings
from mesh_dagster.observe.sink import SendError
from mesh_dagster.observe.sinks import FileSink
from mesh_dagster.observe.trial import try_sink
from mesh_dagster.run.registry import Registry
from tests.observe.scenario import (
    HOUR,
    MINUTE,
    NOON,
    PLAYS,
    ROYALTIES,
    Ear,
    declare,
    down,
    fine,
    late,
    settings,
)


def test_waits_double_from_five_seconds_to_a_quarter_hour() -> None:
    chance = random.Random(1)  # noqa: S311 - the same waits each time

    waits = [wait_before(attempt, chance) for attempt in range(1, 40)]

    bounds = [min(timedelta(seconds=5) * 2**n, LONGEST_WAIT) for n in range(39)]
    assert all(bound / 2 <= wait <= bound for wait, bound in zip(waits, bounds, strict=True))


def test_a_dead_sink_is_tried_seldom_and_no_other_waits_for_it(registry: Registry) -> None:
    dead = Ear(fails=down)
    ops = Ear()
    given = settings(ops=ops, dead=dead)
    declare(registry, [PLAYS, ROYALTIES], freshness=["ops", "dead"])
    record([late(PLAYS), late(ROYALTIES)], registry, NOON, routing=given.routing)

    for minutes in range(60):
        deliver(registry, given, NOON + minutes * MINUTE)

    assert len(ops.heard) == 2
    assert 6 <= len(dead.tried) <= 15


def test_a_sink_that_is_back_within_a_day_gets_everything(registry: Registry) -> None:
    ops = Ear(fails=down)
    given = settings(ops=ops)
    record([late(PLAYS), late(ROYALTIES)], registry, NOON, routing=given.routing)

    for minutes in range(0, 24 * 60, 15):
        deliver(registry, given, NOON + minutes * MINUTE)
    ops.fails = lambda _: None
    for minutes in range(24 * 60, 24 * 60 + 20, 5):
        deliver(registry, given, NOON + minutes * MINUTE)

    assert sorted(ops.told) == [("breach", [PLAYS]), ("breach", [ROYALTIES])]


def test_what_cannot_be_delivered_for_a_day_is_told_elsewhere(registry: Registry) -> None:
    ops, boss = Ear(fails=down), Ear()
    given = settings(ops=ops, boss=boss)
    record([late()], registry, NOON, routing=given.routing)

    for minutes in range(0, 25 * 60, 15):
        deliver(registry, given, NOON + minutes * MINUTE)
    record([fine(late(), NOON)], registry, NOON + 26 * HOUR, routing=given.routing)
    deliver(registry, given, NOON + 26 * HOUR)

    assert boss.told == [("dead_letter", [PLAYS]), ("recovery", [PLAYS])]
    assert boss.heard[0].remark == (
        "Sink 'ops' cannot be reached; 1 of its notices stand here instead."
    )
    assert ops.told == []


def test_a_recovery_that_waits_for_a_dead_letter_goes_with_it(registry: Registry) -> None:
    ops, pager = Ear(), Ear(pager=True, fails=down)
    given = settings(ops=ops, pager=pager)
    declare(registry, [PLAYS], freshness="pager")
    record([late()], registry, NOON, routing=given.routing)
    deliver(registry, given, NOON)
    record([fine(late(), NOON)], registry, NOON + 20 * HOUR, routing=given.routing)

    for minutes in range(20 * 60, 25 * 60, 15):
        deliver(registry, given, NOON + minutes * MINUTE)

    assert ops.told == [("dead_letter", [PLAYS, PLAYS])]
    assert registry.rows(sa.select(notices).where(notices.c.state == "pending")) == []


def test_a_receiver_that_is_gone_is_never_asked_again(registry: Registry) -> None:
    gone = Ear(fails=lambda _: SendError("answered 410", gone=True))
    boss = Ear()
    given = settings(gone=gone, boss=boss)
    record([late(PLAYS)], registry, NOON, routing=given.routing)
    deliver(registry, given, NOON)
    record([late(PLAYS), late(ROYALTIES)], registry, NOON + MINUTE, routing=given.routing)

    for minutes in (1, 2, 60):
        deliver(registry, given, NOON + minutes * MINUTE)

    assert len(gone.tried) == 1
    assert boss.told == [("dead_letter", [PLAYS]), ("dead_letter", [ROYALTIES])]


def test_a_letter_that_is_lost_too_names_both_sinks_in_the_log(registry: Registry) -> None:
    def refused(_: Notice) -> SendError:
        return SendError("answered 400", permanent=True)

    given = settings(ops=Ear(fails=refused), boss=Ear(fails=refused), log=(log := Ear()))
    record([late()], registry, NOON, routing=given.routing)

    for minutes in (0, 1, 2):
        deliver(registry, given, NOON + minutes * MINUTE)

    assert [one.remark for one in log.heard] == [
        (
            "Sink 'boss' answered 400; 1 of its notices stand here instead. "
            "Sink 'ops' answered 400; 1 of its notices stand here instead."
        )
    ]


def test_a_notice_that_is_refused_for_good_harms_no_other(registry: Registry) -> None:
    def refuse(one: object) -> SendError | None:
        return SendError("answered 413", permanent=True) if PLAYS in str(one) else None

    ops, boss = Ear(fails=refuse), Ear()
    given = settings(ops=ops, boss=boss)
    record([late(PLAYS), late(ROYALTIES)], registry, NOON, routing=given.routing)

    done = deliver(registry, given, NOON, side_by_side=1)
    deliver(registry, given, NOON + MINUTE)

    assert done == Delivered(sent=1, kept=0, dead=1)
    assert ops.told == [("breach", [ROYALTIES])]
    assert boss.told == [("dead_letter", [PLAYS])]


def test_a_receiver_that_asks_for_time_gets_it(registry: Registry) -> None:
    busy = SendError("answered 429", retry_after=10 * MINUTE)
    ops = Ear()
    ops.fails = lambda _: busy if len(ops.tried) == 1 else None
    given = settings(ops=ops)
    record([late()], registry, NOON, routing=given.routing)

    for minutes in range(10):
        deliver(registry, given, NOON + minutes * MINUTE)
    before = len(ops.tried)
    deliver(registry, given, NOON + 11 * MINUTE)

    assert (before, len(ops.tried), len(ops.heard)) == (1, 2, 1)


def test_two_deliverers_never_hold_one_notice(registry: Registry) -> None:
    record([late()], registry, NOON)

    with registry.begin() as connection:
        first = claim(connection, "log", "one", NOON)
    with registry.begin() as connection:
        second = claim(connection, "log", "two", NOON)
    with registry.begin() as connection:
        third = claim(connection, "log", "three", NOON + LEASE)

    assert first is not None
    assert second is None
    assert third is not None
    assert third.notice == first.notice
    assert third.uncertain


def test_a_clock_set_back_makes_nothing_wait_for_ever(registry: Registry) -> None:
    ops = Ear(fails=down)
    given = settings(ops=ops)
    record([late()], registry, NOON + 30 * HOUR, routing=given.routing)
    deliver(registry, given, NOON + 30 * HOUR)
    ops.fails = lambda _: None

    deliver(registry, given, NOON)

    assert ops.told == [("breach", [PLAYS])]


def test_a_sink_that_is_not_configured_here_keeps_its_notices(registry: Registry) -> None:
    given = settings(ops=Ear())
    record([late()], registry, NOON, routing=given.routing)

    done = deliver(registry, Settings(), NOON)

    assert done == Delivered(sent=0, kept=1, dead=0)
    assert open_list(registry, NOON)[0].waiting == ("ops",)
    assert [row["reason"] for row in registry.rows(sa.select(deliveries))] == [
        "is not configured here"
    ]


def test_a_sink_that_breaks_down_fails_alone(registry: Registry) -> None:
    ops, broken = Ear(), FileSink(Path("no\0path"))
    routing = Routing(default=("file", "ops"), sinks=frozenset({"file", "ops"}))
    given = Settings({"file": broken, "ops": ops}, routing)
    record([late()], registry, NOON, routing=routing)

    done = deliver(registry, given, NOON)

    assert done == Delivered(sent=1, kept=1, dead=0)
    assert [row["reason"] for row in registry.rows(sa.select(deliveries)) if row["reason"]] == [
        "broke down with ValueError"
    ]


def test_a_test_notice_makes_a_stopped_sink_usable_again(registry: Registry) -> None:
    ops = Ear(fails=lambda _: SendError("answered 410", gone=True))
    given = settings(ops=ops)
    record([late()], registry, NOON, routing=given.routing)
    deliver(registry, given, NOON)

    with pytest.raises(SinkFailedError) as caught:
        try_sink(registry, given, "ops", NOON)
    ops.fails = lambda _: None
    try_sink(registry, given, "ops", NOON)

    assert registry.rows(sa.select(circuits)) == []
    assert [kind for kind, _ in ops.told] == ["test"]
    assert str(caught.value) == (
        "Sink 'ops' answered 410, so the test notice is not known to have arrived. "
        "Check the sink's settings and that its receiver runs."
    )


def test_trying_an_unknown_sink_is_refused(registry: Registry) -> None:
    with pytest.raises(UnknownSinkError) as caught:
        try_sink(registry, settings(ops=Ear()), "opps", NOON)

    assert str(caught.value) == (
        "There is no sink 'opps'. Did you mean 'ops'? "
        "Correct the name, or configure the sink. Nothing was sent."
    )


def test_a_clean_round_with_nothing_waiting_does_nothing(registry: Registry) -> None:
    assert deliver(registry, Settings(), NOON) == Delivered()


def test_several_deliverers_send_each_notice_once(registry: Registry) -> None:
    ops = Ear()
    given = settings(ops=ops)
    broken = [late(f"mesh://d/p{number}/v1/port") for number in range(40)]
    record(broken, registry, NOON, routing=given.routing)

    with ThreadPoolExecutor(4) as pool:
        rounds = list(pool.map(lambda _: deliver(registry, given, NOON), range(4)))

    assert sum(done.sent for done in rounds) == 40
    assert len({one.notice_id for one in ops.heard}) == len(ops.heard) == 40
