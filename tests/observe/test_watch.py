"""Promises that nobody makes any more: their breaches end, told to whoever was told."""

from collections.abc import Iterable
from datetime import datetime

import pytest
import sqlalchemy as sa

from mesh_dagster.observe.alerts import record
from mesh_dagster.observe.attention import open_list
from mesh_dagster.observe.delivery import deliver
from mesh_dagster.observe.judgement import statuses
from mesh_dagster.observe.ledger import breaches, slo_states
from mesh_dagster.observe.settings import Settings
from mesh_dagster.observe.watch import Promise, Watcher, take_over, withdraw
from mesh_dagster.run.registry import Registry
from tests.observe.ports import register
from tests.observe.scenario import (
    HOUR,
    MINUTE,
    NOON,
    PLAYERS,
    PLAYS,
    ROYALTIES,
    Ear,
    down,
    late,
    settings,
)

PLAYER = Watcher("player.py", frozenset({"media_player"}))
BOTH = Watcher("all.py", frozenset({"media_player", "payments"}))


def promises(*addresses: str) -> list[Promise]:
    return [(one, objective) for one in addresses for objective in ("freshness", "quality")]


def enrol(
    registry: Registry,
    watcher: Watcher,
    made: Iterable[Promise],
    now: datetime,
    given: Settings | None = None,
) -> tuple[str, ...]:
    """Do what a sensor does when the declarations of its location have changed."""
    listed = list(made)
    for address in sorted({address for address, _ in listed}):
        register(registry, address)
    take_over({address for address, _ in listed}, registry, now, watcher=watcher)
    routing = given.routing if given else None
    ended = withdraw(listed, registry, now, watcher=watcher, routing=routing)
    if given:
        deliver(registry, given, now, side_by_side=1)
    return ended


def judge(registry: Registry, given: Settings, now: datetime, *addresses: str) -> None:
    record([late(one) for one in addresses], registry, now, routing=given.routing)
    deliver(registry, given, now, side_by_side=1)


def declared(registry: Registry, now: datetime) -> set[str]:
    return {status.address for status in statuses(registry, now)}


def test_a_promise_that_was_dropped_ends_its_breach_and_tells_those_who_were_told(
    registry: Registry,
) -> None:
    chat = Ear()
    given = settings(chat=chat, other=Ear())
    enrol(registry, PLAYER, promises(PLAYS), NOON)
    judge(registry, given, NOON, PLAYS)

    ended = enrol(registry, PLAYER, [(PLAYS, "quality")], NOON + HOUR, given)

    assert ended == (late().breach_id,)
    assert chat.told == [("breach", [PLAYS]), ("recovery", [PLAYS])]
    assert chat.heard[1].items[0].text == "freshness: the promise was withdrawn"
    [row] = registry.rows(sa.select(breaches))
    assert (row["closed_at"], row["closed_as"]) == (NOON + HOUR, "withdrawn")
    assert registry.rows(sa.select(slo_states)) == []
    assert declared(registry, NOON + HOUR) == {PLAYS}


@pytest.mark.parametrize("kept", [[PLAYERS], []], ids=["a port", "the last port of a domain"])
def test_what_is_declared_no_longer_is_not_judged_and_its_breach_ends(
    registry: Registry, kept: list[str]
) -> None:
    given = settings(chat=Ear())
    enrol(registry, BOTH, promises(PLAYS, PLAYERS, ROYALTIES), NOON)
    judge(registry, given, NOON, PLAYS, ROYALTIES)
    left = Watcher(
        "all.py", frozenset({"payments", *(["media_player"] if kept else [])}), before=BOTH.judge
    )

    ended = enrol(registry, left, promises(*kept, ROYALTIES), NOON + HOUR, given)

    assert ended == (late().breach_id,)
    assert [one.address for one in open_list(registry, NOON + HOUR)] == [ROYALTIES]
    assert declared(registry, NOON + HOUR) == {*kept, ROYALTIES}
    assert declared(registry, NOON + MINUTE) == {PLAYS, PLAYERS, ROYALTIES}, "as of then it was"


def test_a_breach_that_nobody_heard_of_ends_in_silence(registry: Registry) -> None:
    chat = Ear(fails=down)
    given = settings(chat=chat)
    enrol(registry, PLAYER, promises(PLAYS, PLAYERS), NOON)
    record([late(PLAYS)], registry, NOON, routing=given.routing)

    enrol(registry, PLAYER, promises(PLAYERS), NOON + HOUR, given)

    assert (chat.heard, chat.tried) == ([], [])


def test_a_location_withdraws_nothing_of_another(registry: Registry) -> None:
    given = settings(chat=Ear())
    payments = Watcher("payments.py", frozenset({"payments"}))
    twin = Watcher("player.py", frozenset({"payments"}))
    same_domain = Watcher("more.py", frozenset({"media_player"}))
    enrol(registry, PLAYER, promises(PLAYS), NOON)
    judge(registry, given, NOON, PLAYS)

    for other, address in ((payments, ROYALTIES), (twin, ROYALTIES), (same_domain, PLAYERS)):
        ended = enrol(registry, other, promises(address), NOON + HOUR)

        assert ended == ()
    assert declared(registry, NOON + HOUR) == {PLAYS, PLAYERS, ROYALTIES}


def test_what_another_location_took_over_goes_on_unbroken(registry: Registry) -> None:
    chat = Ear()
    given = settings(chat=chat)
    new = Watcher("new.py", frozenset({"media_player"}))
    enrol(registry, PLAYER, promises(PLAYS, PLAYERS), NOON)
    judge(registry, given, NOON, PLAYS)
    enrol(registry, new, promises(PLAYS), NOON + MINUTE, given)

    ended = enrol(registry, PLAYER, promises(PLAYERS), NOON + HOUR, given)

    assert ended == ()
    assert chat.told == [("breach", [PLAYS])]
    assert declared(registry, NOON + HOUR) == {PLAYS, PLAYERS}


def test_a_promise_that_is_made_again_is_judged_and_told_again(registry: Registry) -> None:
    chat = Ear()
    given = settings(chat=chat)
    for minutes in (0, 2):
        enrol(registry, PLAYER, promises(PLAYS, PLAYERS), NOON + minutes * MINUTE)
        judge(registry, given, NOON + minutes * MINUTE, PLAYS)
        enrol(registry, PLAYER, promises(PLAYERS), NOON + (minutes + 1) * MINUTE, given)

    again = enrol(registry, PLAYER, promises(PLAYERS), NOON + HOUR, given)

    assert again == ()
    assert chat.told == [("breach", [PLAYS]), ("recovery", [PLAYS])] * 2
    assert len({notice.notice_id for notice in chat.heard}) == 4
