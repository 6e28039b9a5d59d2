"""What is long over is forgotten; nothing that is open, waits, or must be told only once."""

from datetime import timedelta

import sqlalchemy as sa

from mesh_dagster.declare.slo import Freshness
from mesh_dagster.observe.alerts import record
from mesh_dagster.observe.attention import mute, unmute
from mesh_dagster.observe.delivery import deliver
from mesh_dagster.observe.events import notify
from mesh_dagster.observe.ledger import breaches, mutes, notices, tellings
from mesh_dagster.observe.notice import Item
from mesh_dagster.observe.prune import RETENTION, Pruned, prune, prune_daily
from mesh_dagster.observe.settings import Settings
from mesh_dagster.observe.status import SloStatus
from mesh_dagster.run.registry import Registry
from tests.observe.ports import register
from tests.observe.scenario import (
    HOUR,
    MINUTE,
    NOON,
    PLAYS,
    ROYALTIES,
    Ear,
    down,
    fine,
    late,
    settings,
)

LATER = NOON + RETENTION + 2 * HOUR


def judge(registry: Registry, given: Settings, minutes: float, *known: SloStatus) -> None:
    now = NOON + minutes * MINUTE
    record(known, registry, now, routing=given.routing)
    deliver(registry, given, now, side_by_side=1)


def left(registry: Registry) -> tuple[int, int, int]:
    """Return how many breaches, tellings and notices there are."""
    tables = (breaches, tellings, notices)
    breach, told, notice = (len(registry.rows(sa.select(table))) for table in tables)
    return breach, told, notice


def test_a_breach_that_is_long_over_is_forgotten_with_all_that_was_told_of_it(
    registry: Registry,
) -> None:
    given = settings(chat=Ear(), page=Ear(pager=True))
    judge(registry, given, 0, late())
    judge(registry, given, 1, fine(late(), NOON))
    mute(registry, _port(registry), NOON, until=NOON, because="moving", by="ann")

    early = prune(registry, NOON + RETENTION)
    tried, forgotten = prune(registry, LATER, dry_run=True), prune(registry, LATER)

    assert early == Pruned()
    assert tried == forgotten == Pruned(1, 1, 2, 2, 1)
    assert (left(registry), registry.rows(sa.select(mutes))) == ((0, 0, 0), [])


def test_an_open_breach_and_what_was_told_of_it_stay(registry: Registry) -> None:
    chat = Ear()
    given = settings(chat=chat)
    judge(registry, given, 0, late())

    forgotten = prune(registry, LATER)
    record([fine(late(), LATER)], registry, LATER, routing=given.routing)
    deliver(registry, given, LATER)

    assert forgotten.breaches == forgotten.notices == 0
    assert chat.told == [("breach", [PLAYS]), ("recovery", [PLAYS])]


def test_what_was_never_delivered_stays(registry: Registry) -> None:
    chat = Ear(fails=down)
    given = settings(chat=chat)
    judge(registry, given, 0, late())

    forgotten = prune(registry, LATER)
    chat.fails = lambda _: None
    deliver(registry, given, NOON + 8 * HOUR)

    assert forgotten == Pruned()
    assert chat.told == [("breach", [PLAYS])]


def test_a_breach_that_came_back_keeps_its_number_until_all_of_them_are_over(
    registry: Registry,
) -> None:
    chat = Ear()
    given = settings(chat=chat)
    judge(registry, given, 0, late())
    judge(registry, given, 1, fine(late(), NOON))
    judge(registry, given, (LATER - NOON) / MINUTE, late())

    forgotten = prune(registry, LATER)
    judge(registry, given, (LATER - NOON) / MINUTE + 1, fine(late(), NOON))
    judge(registry, given, (LATER - NOON) / MINUTE + 2, late())

    assert forgotten.breaches == 0
    assert [row["key"][64:] for row in registry.rows(sa.select(breaches))] == ["", "-2", "-3"]
    assert [kind for kind, _ in chat.told] == ["breach", "recovery"] * 2 + ["breach"]


def test_an_incident_at_a_pager_is_over_as_a_whole(registry: Registry) -> None:
    page = Ear(pager=True)
    given = settings(page=page)
    both = [late(), late(ROYALTIES, caused_by=PLAYS)]
    judge(registry, given, 0, *both)
    judge(registry, given, 1, both[0], fine(both[1], NOON))

    prune(registry, LATER)
    record([fine(both[0], LATER)], registry, LATER, routing=given.routing)
    deliver(registry, given, LATER)

    assert page.told == [("breach", [PLAYS, ROYALTIES]), ("recovery", [PLAYS, ROYALTIES])]


def test_a_deprecation_is_told_once_for_ever_and_another_event_once_a_window(
    registry: Registry,
) -> None:
    chat = Ear()
    given = settings(chat=chat)
    register(registry, PLAYS, freshness=Freshness(within=HOUR, window=2 * RETENTION))

    for now in (NOON, LATER, NOON + 2 * RETENTION + HOUR):
        prune(registry, now)
        for kind in ("deprecated", "budget"):
            item = Item(kind, PLAYS, "media_player/plays", "team:x", kind, NOON, "text")
            notify(kind, [item], registry, now, routing=given.routing)
        deliver(registry, given, now)

    assert [kind for kind, _ in chat.told] == ["deprecated", "budget", "budget"]


def test_whoever_runs_often_forgets_once_a_day(registry: Registry) -> None:
    def expired() -> None:
        mute(registry, _port(registry), NOON, until=NOON + HOUR, because="moving", by="ann")
        unmute(registry, PLAYS, NOON)

    expired()
    first = prune_daily(registry, LATER)
    expired()
    second, third = prune_daily(registry, LATER + HOUR), prune_daily(registry, LATER + 25 * HOUR)

    assert (first, second, third) == (Pruned(mutes=1), Pruned(), Pruned(mutes=1))
    assert prune_daily(registry, LATER + timedelta(days=2) + HOUR) == Pruned()


def _port(registry: Registry) -> str:
    register(registry, PLAYS)
    return PLAYS
