from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from mesh_dagster.declare.slo import Quality
from mesh_dagster.errors import UnknownBreachError, UnknownPortError
from mesh_dagster.observe.alerts import Changes, record
from mesh_dagster.observe.attention import (
    acknowledge,
    mute,
    open_list,
    unmute,
)
from mesh_dagster.observe.delivery import deliver
from mesh_dagster.observe.events import low_budgets, notify, tell_failures, tell_refusals
from mesh_dagster.observe.ledger import notices, slo_states
from mesh_dagster.observe.notice import Item
from mesh_dagster.observe.prune import RETENTION
from mesh_dagster.observe.routing import Routing, Tier
from mesh_dagster.observe.settings import Settings
from mesh_dagster.observe.status import SloStatus
from mesh_dagster.run.failures import Failure, note_failures
from mesh_dagster.run.registry import Refusal, Registry, ports, products
from tests.observe.ports import EVENTS, at, published, register
from tests.observe.scenario import (
    HOUR,
    MINUTE,
    NOON,
    PLAYERS,
    PLAYS,
    ROYALTIES,
    Ear,
    declare,
    down,
    fine,
    late,
    settings,
)


def tick(registry: Registry, given: Settings, minutes: float, *statuses: SloStatus) -> Changes:
    """Judge and deliver, so many minutes after noon."""
    now = NOON + minutes * MINUTE
    changes = record(statuses, registry, now, routing=given.routing)
    deliver(registry, given, now, side_by_side=1)
    return changes


def test_a_breach_is_told_once_and_its_recovery_too(registry: Registry) -> None:
    ops = Ear()
    given = settings(ops=ops)
    plays = late()

    for minutes in (1, 2, 3):
        tick(registry, given, minutes, plays)
    for minutes in (4, 5):
        tick(registry, given, minutes, fine(plays, NOON))

    assert ops.told == [("breach", [PLAYS]), ("recovery", [PLAYS])]
    assert ops.heard[0].text == (
        f"Promise broken: {PLAYS}\n{PLAYS} freshness: 2 h old, promised 1 h, "
        f"since 2026-03-01 12:00 UTC (owner team:x, id {str(plays.breach_id)[:12]})"
    )


def test_a_judgement_that_finds_nothing_new_changes_nothing(registry: Registry) -> None:
    record([late()], registry, NOON)

    changes = record([late()], registry, NOON + MINUTE)

    assert changes == Changes()


def test_a_state_and_its_notices_are_written_together_or_not_at_all(registry: Registry) -> None:
    class Broken(Routing):
        def sinks_for(self, _names: object) -> tuple[str, ...]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record([late()], registry, NOON, routing=Broken())

    assert registry.rows(sa.select(slo_states)) == []
    assert open_list(registry, NOON) == []


def test_breaches_of_one_product_make_one_notice(registry: Registry) -> None:
    ops = Ear()

    tick(registry, settings(ops=ops), 1, late(PLAYS), late(PLAYERS), late(ROYALTIES))

    assert ops.told == [("breach", [PLAYS, PLAYERS]), ("breach", [ROYALTIES])]


def test_what_a_breach_upstream_explains_stands_beneath_it(registry: Registry) -> None:
    ops = Ear()

    tick(registry, settings(ops=ops), 1, late(PLAYS), late(ROYALTIES, caused_by=PLAYS))

    assert ops.told == [("breach", [PLAYS, ROYALTIES])]
    assert ops.heard[0].items[1].caused_by == PLAYS


def test_what_follows_later_is_told_once_and_names_its_cause(registry: Registry) -> None:
    ops = Ear()
    given = settings(ops=ops)

    tick(registry, given, 1, late(PLAYS))
    for minutes in (60, 120):
        tick(registry, given, minutes, late(PLAYS), late(ROYALTIES, caused_by=PLAYS))

    assert ops.told == [("breach", [PLAYS]), ("breach", [ROYALTIES])]
    assert f"caused by {PLAYS}" in ops.heard[1].text


def test_a_pager_keeps_one_incident_until_all_that_it_explains_is_over(registry: Registry) -> None:
    pager = Ear(pager=True)
    given = settings(pager=pager)
    plays, royalties = late(PLAYS), late(ROYALTIES, caused_by=PLAYS)

    tick(registry, given, 1, plays)
    tick(registry, given, 2, plays, royalties)
    tick(registry, given, 3, fine(plays, NOON), replace(royalties, caused_by=None))
    tick(registry, given, 4, fine(plays, NOON), fine(royalties, NOON))

    assert pager.told == [
        ("breach", [PLAYS]),
        ("breach", [ROYALTIES]),
        ("recovery", [PLAYS, ROYALTIES]),
    ]
    assert {one.thread for one in pager.heard} == {plays.breach_id}


def test_a_promise_names_its_sinks_and_an_unknown_name_falls_back(registry: Registry) -> None:
    ops, boss = Ear(), Ear()
    declare(registry, [PLAYS], freshness="boss")
    declare(registry, [ROYALTIES], freshness=["nobody"])

    tick(registry, settings(ops=ops, boss=boss), 1, late(PLAYS), late(ROYALTIES))

    assert boss.told == [("breach", [PLAYS])]
    assert ops.told == [("breach", [ROYALTIES])]
    assert ops.heard[0].remark == (
        f"{ROYALTIES} names 'nobody', which the platform did not configure."
    )


def test_reminders_come_every_four_hours_to_whoever_was_told(registry: Registry) -> None:
    ops, pager = Ear(), Ear(pager=True)
    declare(registry, [PLAYS], freshness=["ops", "pager"])
    given = settings(ops=ops, pager=pager)

    for hours in range(10):
        tick(registry, given, 60 * hours, late())

    assert [kind for kind, _ in ops.told] == ["breach", "reminder", "reminder"]
    assert [kind for kind, _ in pager.told] == ["breach"]


def test_what_nobody_acknowledges_goes_up_tier_by_tier(registry: Registry) -> None:
    ops, boss, chief = Ear(), Ear(), Ear()
    tiers = (Tier(30 * MINUTE, ("boss",)), Tier(60 * MINUTE, ("ops", "chief")))
    given = settings(tiers, ops=ops, boss=boss, chief=chief)

    for minutes in (0, 29, 30, 31, 59, 60, 61):
        tick(registry, given, minutes, late())
    tick(registry, given, 62, fine(late(), NOON))

    assert ops.told == [("breach", [PLAYS]), ("recovery", [PLAYS])]
    assert boss.told == chief.told == [("escalation", [PLAYS]), ("recovery", [PLAYS])]


def test_a_clock_that_was_far_ahead_puts_off_no_reminder_and_no_escalation(
    registry: Registry,
) -> None:
    ops, boss = Ear(), Ear()
    given = settings((Tier(HOUR, ("boss",)),), ops=ops, boss=boss)
    year = 365 * 24 * 60

    for minutes in (year, 0, 59, 60, 241):
        tick(registry, given, minutes, late())

    assert [kind for kind, _ in ops.told] == ["breach", "reminder"]
    assert [kind for kind, _ in boss.told] == ["escalation", "reminder"]


def test_an_acknowledged_breach_is_left_in_peace_and_pagers_know(registry: Registry) -> None:
    ops, pager, boss = Ear(), Ear(pager=True), Ear()
    declare(registry, [PLAYS], freshness=["ops", "pager"])
    given = settings((Tier(30 * MINUTE, ("boss",)),), ops=ops, pager=pager, boss=boss)
    tick(registry, given, 0, late())

    acknowledge(registry, PLAYS, NOON + MINUTE, by="ann", routing=given.routing)
    for hours in range(1, 10):
        tick(registry, given, 60 * hours, late())

    assert ops.told == [("breach", [PLAYS])]
    assert boss.told == []
    assert pager.told == [("breach", [PLAYS]), ("acknowledged", [PLAYS])]
    assert open_list(registry, NOON)[0].acknowledged_by == "ann"


def test_acknowledging_nothing_is_refused(registry: Registry) -> None:
    record([late()], registry, NOON)

    with pytest.raises(UnknownBreachError) as caught:
        acknowledge(registry, f"{PLAYS}x", NOON, by="ann")

    assert str(caught.value) == (
        f"No breach is open at '{PLAYS}x'. Did you mean '{PLAYS}'? "
        "List them with mesh alerts ls. Nothing was acknowledged."
    )


def test_a_muted_breach_is_told_when_the_mute_ends(registry: Registry) -> None:
    ops = Ear()
    given = settings(ops=ops)
    declare(registry, [PLAYS, ROYALTIES])
    for address in (PLAYS, ROYALTIES):
        mute(registry, address, NOON, until=NOON + 2 * HOUR, because="moving", by="ann")

    tick(registry, given, 1, late(PLAYS), late(ROYALTIES))
    unmute(registry, ROYALTIES, NOON + 2 * MINUTE)
    tick(registry, given, 3, late(PLAYS), late(ROYALTIES))
    tick(registry, given, 121, late(PLAYS), late(ROYALTIES))

    assert ops.told == [("breach", [ROYALTIES]), ("breach", [PLAYS])]


def test_a_breach_that_passes_within_a_mute_is_never_told(registry: Registry) -> None:
    ops = Ear()
    declare(registry, [PLAYS])
    mute(registry, PLAYS, NOON, until=NOON + HOUR, because="moving", by="ann")

    tick(registry, settings(ops=ops), 1, late())
    tick(registry, settings(ops=ops), 2, fine(late(), NOON))

    assert ops.told == []


def test_muting_a_port_that_nobody_registered_is_refused(registry: Registry) -> None:
    declare(registry, [PLAYS])

    with pytest.raises(UnknownPortError) as caught:
        mute(registry, f"{PLAYS}x", NOON, until=NOON, because="moving", by="ann")

    assert str(caught.value) == (
        f"No port is registered at '{PLAYS}x'. Did you mean '{PLAYS}'? "
        "Correct the address. Nothing was muted."
    )


def test_a_recovery_that_overtakes_its_breach_cancels_both_in_a_chat(registry: Registry) -> None:
    ops, pager = Ear(fails=down), Ear(pager=True, fails=down)
    declare(registry, [PLAYS, PLAYERS], freshness=["ops", "pager"])
    given = settings(ops=ops, pager=pager)

    tick(registry, given, 1, late(PLAYS), late(PLAYERS))
    tick(registry, given, 2, fine(late(PLAYS), NOON), late(PLAYERS))
    ops.fails = pager.fails = lambda _: None
    tick(registry, given, 60, fine(late(PLAYS), NOON), late(PLAYERS))

    assert ops.told == [("breach", [PLAYERS])]
    assert pager.told == [("breach", [PLAYS]), ("breach", [PLAYERS]), ("recovery", [PLAYS])]


def test_a_pause_neither_ends_a_breach_nor_tells_it_again(registry: Registry) -> None:
    ops = Ear()
    given = settings(ops=ops)

    tick(registry, given, 1, late())
    tick(registry, given, 2, replace(late(), state="paused"))
    tick(registry, given, 3, late())
    tick(registry, given, 4, fine(late(), NOON))

    assert ops.told == [("breach", [PLAYS]), ("recovery", [PLAYS])]


def test_a_promise_that_held_between_two_judgements_broke_twice(registry: Registry) -> None:
    ops = Ear()
    given = settings(ops=ops)

    tick(registry, given, 1, late())
    tick(registry, given, 60, late(since=NOON + 30 * MINUTE))

    assert ops.told == [("breach", [PLAYS]), ("recovery", [PLAYS]), ("breach", [PLAYS])]
    assert ops.heard[0].items[0].key == ops.heard[1].items[0].key
    assert ops.heard[2].items[0].key == late(since=NOON + 30 * MINUTE).breach_id


def test_more_known_of_a_breach_does_not_make_it_another(registry: Registry) -> None:
    """The first of two late groups recovers: the promise is broken since the second was late."""
    ops = Ear()
    given = settings(ops=ops)

    tick(registry, given, 10, late())
    tick(registry, given, 11, late(since=NOON + 5 * MINUTE))

    assert ops.told == [("breach", [PLAYS])]


def test_a_judgement_that_another_location_overtook_changes_nothing(registry: Registry) -> None:
    ops = Ear()
    given = settings(ops=ops)
    record([late()], registry, NOON + MINUTE, routing=given.routing, judge="new")

    before = fine(late(), NOON - HOUR)
    changes = record([before], registry, NOON - MINUTE / 60, routing=given.routing, judge="old")
    record([late()], registry, NOON + 2 * MINUTE, routing=given.routing, judge="new")
    deliver(registry, given, NOON + 2 * MINUTE)

    assert changes == Changes()
    assert ops.told == [("breach", [PLAYS])]


def test_a_clock_set_back_opens_the_same_breach_again(registry: Registry) -> None:
    ops = Ear()
    given = settings(ops=ops)

    tick(registry, given, 1, late())
    tick(registry, given, -60, fine(late(), NOON - HOUR))
    tick(registry, given, 2, late())

    key = late().breach_id
    assert [one.items[0].key for one in ops.heard] == [key, key, f"{key}-2"]


def test_events_are_told_once_however_often_they_are_handed_in(registry: Registry) -> None:
    ops = Ear()
    given = settings(ops=ops)
    item = Item("e1", PLAYS, "media_player/plays", "team:x", "deprecated", NOON, "ends in May")

    for _ in range(3):
        notify("deprecated", [item], registry, NOON, routing=given.routing)
    deliver(registry, given, NOON)

    assert [one.text for one in ops.heard] == [
        f"Input deprecated: {PLAYS}\n{PLAYS} ends in May (owner team:x, id e1)"
    ]


def test_refused_publications_are_told_to_those_who_care_for_quality(registry: Registry) -> None:
    ops, boss = Ear(), Ear()
    given = settings(ops=ops, boss=boss)
    declare(registry, [PLAYS], freshness="ops", quality="boss")
    broken: dict[str, int | None] = {"score >= 0": 3, "id unique": None}
    registry.refuse(Refusal(PLAYS, "p1", NOON, "", 90_000, broken))

    for minutes in (0, 1):
        tell_refusals(registry, NOON + minutes * MINUTE, routing=given.routing)
    deliver(registry, given, NOON)

    assert ops.told == []
    assert [one.lines[0].partition(" (owner")[0] for one in boss.heard] == [
        f"{PLAYS} a batch of 90,000 rows was refused: id unique; score >= 0"
    ]


def test_refusals_of_a_long_outage_are_told_after_it(registry: Registry) -> None:
    declare(registry, [PLAYS])
    registry.refuse(Refusal(PLAYS, "history", NOON - 50 * HOUR, "", 1, {}))
    first = tell_refusals(registry, NOON)
    registry.refuse(Refusal(PLAYS, "outage", NOON + HOUR, "", 2, {}))

    after = tell_refusals(registry, NOON + 72 * HOUR)
    again = tell_refusals(registry, NOON + 73 * HOUR)

    assert [item.text for one in after for item in one.items] == [
        "a batch of 2 rows was refused: pandera could not judge it"
    ]
    assert first == again == []


def test_a_port_that_crashes_is_told_once_until_it_is_published(registry: Registry) -> None:
    ops, boss = Ear(), Ear()
    given = settings(ops=ops, boss=boss)
    register(registry, EVENTS, quality=Quality(alert="boss"))

    def crash(hours: float, slice_: str = "a", error: str = "KeyError") -> None:
        note_failures([Failure(EVENTS, slice_, at(hours), f"run-{hours}", error)], registry)
        for minutes in (1, 2):
            tell_failures(registry, at(hours) + minutes * MINUTE, routing=given.routing)

    crash(1)
    crash(2)
    registry.record(published(0, 3, slice_="b"))
    tell_failures(registry, at(4), routing=given.routing)
    crash(5, "c", "TypeError")
    registry.record(published(1, 6, slice_="a"), published(2, 6, slice_="c"))
    tell_failures(registry, at(7), routing=given.routing)
    deliver(registry, given, at(7))

    assert ops.told == []
    assert [one.text.partition(" (owner team:media_player")[0] for one in boss.heard] == [
        f"Build crashed: {EVENTS}\n{EVENTS} crashed on {error}, which run run-{hours} of Dagster "
        "keeps whole"
        for error, hours in (("KeyError", 1), ("TypeError", 5))
    ]


@pytest.mark.parametrize("major", [1, 2])
def test_what_befalls_one_major_version_is_told_as_its_owners(
    registry: Registry, major: int
) -> None:
    address = EVENTS.replace("/v1/", f"/v{major}/")
    for one in (1, 2):
        register(registry, EVENTS.replace("/v1/", f"/v{one}/"))
    owned = {products.c.owner: f"team:{major}"}
    with registry.begin() as connection:
        connection.execute(sa.update(products).where(products.c.major == major).values(owned))
    note_failures([Failure(address, "", at(1), "run", "KeyError")], registry)
    registry.refuse(Refusal(address, "p1", at(1), "", 1, {}))

    told = [*tell_refusals(registry, at(2)), *tell_failures(registry, at(2))]

    assert [item.owner for one in told for item in one.items] == [f"team:{major}"] * 2


def test_a_crash_of_what_nobody_declares_any_more_or_of_long_ago_is_history(
    registry: Registry,
) -> None:
    register(registry, EVENTS)
    note_failures([Failure(EVENTS, "", at(0), "run", "KeyError")], registry)
    late_told = tell_failures(registry, at(0) + RETENTION)
    with registry.begin() as connection:
        connection.execute(sa.update(ports).values(withdrawn_at=at(1)))

    withdrawn_told = tell_failures(registry, at(2))

    assert late_told == withdrawn_told == []


def test_a_low_budget_is_worth_one_word_a_window() -> None:
    kept = replace(late(), state="ok")
    low, spent = replace(kept, budget_remaining=0.2), replace(kept, budget_remaining=-0.1)
    short, broken = replace(low, window=6 * HOUR), replace(low, state="breached")

    texts = [item.text for item in low_budgets([kept, low, spent, short, broken], NOON)]
    again = low_budgets([low], NOON + HOUR)

    assert texts == [
        "freshness: error budget below 25% of 28 d",
        "freshness: error budget spent of 28 d",
        "freshness: error budget below 25% of 6 h",
    ]
    assert again[0].key == low_budgets([low], NOON)[0].key
    assert low_budgets([low], NOON + timedelta(days=28))[0].key != again[0].key


def test_a_table_of_notices_names_who_waits(registry: Registry) -> None:
    record([late()], registry, NOON)

    found = open_list(registry, NOON)

    assert [(one.address, one.told, one.waiting) for one in found] == [(PLAYS, (), ("log",))]
    assert len(registry.rows(sa.select(notices))) == 1


def test_an_event_of_a_muted_port_is_not_told(registry: Registry) -> None:
    declare(registry, [PLAYS])
    mute(registry, PLAYS, NOON, until=NOON + HOUR, because="moving", by="ann")
    item = Item("e1", PLAYS, "media_player/plays", "team:x", "deprecated", NOON, "ends in May")

    assert notify("deprecated", [item], registry, NOON) == []
