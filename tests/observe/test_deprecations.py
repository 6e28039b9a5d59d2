"""Consumers of a deprecated port hear of it once, and again when its end is near."""

from datetime import date, datetime, timedelta, timezone

import pytest

from mesh_dagster.observe.delivery import deliver
from mesh_dagster.observe.events import deprecations, notify
from mesh_dagster.observe.notice import Item
from mesh_dagster.run.registry import Registry
from tests.observe.scenario import PLAYERS, PLAYS, ROYALTIES, Ear, declare, settings

SINCE, UNTIL = date(2026, 3, 1), date(2026, 6, 30)
NEW = "mesh://media_player/plays/v2/events"
CONSUMERS = [(ROYALTIES, "team:payments"), (PLAYERS, "team:media-player")]


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=timezone.utc)


def heard_on(
    day: date, consumers: list[tuple[str, str]] = CONSUMERS, successor: str | None = NEW
) -> list[Item]:
    return deprecations(
        PLAYS, noon(day), since=SINCE, until=UNTIL, successor=successor, consumers=consumers
    )


def test_each_consumer_is_told_what_ends_when_and_what_to_read_instead() -> None:
    found = heard_on(SINCE)

    assert [(one.address, one.product_key, one.owner, one.subject) for one in found] == [
        (ROYALTIES, "payments/royalties", "team:payments", "deprecated"),
        (PLAYERS, "media_player/plays", "team:media-player", "deprecated"),
    ]
    assert {one.text for one in found} == {
        f"reads {PLAYS}, which is deprecated and promised until 2026-06-30; read {NEW} instead"
    }


@pytest.mark.parametrize(
    ("day", "text"),
    [
        (UNTIL, "promised until 2026-06-30"),
        (UNTIL + timedelta(days=1), "promised no longer since 2026-06-30"),
    ],
)
def test_the_last_day_still_counts(day: date, text: str) -> None:
    [found] = heard_on(day, CONSUMERS[:1], successor=None)

    assert found.text == f"reads {PLAYS}, which is deprecated and {text}"


def test_nothing_is_told_before_it_begins_and_nobody_where_nobody_reads() -> None:
    assert heard_on(SINCE - timedelta(days=1)) == []
    assert heard_on(SINCE, []) == []


def test_a_consumer_hears_once_and_again_near_the_end(registry: Registry) -> None:
    chat = Ear()
    given = settings(chat=chat)
    days = [SINCE + timedelta(days=number) for number in range((UNTIL - SINCE).days + 10)]
    heard = []

    for day in days:
        notify("deprecated", heard_on(day), registry, noon(day), routing=given.routing)
        deliver(registry, given, noon(day))
        heard += [(day, notice.product_key) for notice in chat.heard]
        chat.heard.clear()

    assert heard == [
        (day, product)
        for day in (SINCE, date(2026, 5, 31), date(2026, 6, 23), date(2026, 7, 1))
        for product in ("media_player/plays", "payments/royalties")
    ]


def test_who_begins_to_read_late_hears_only_how_it_stands(registry: Registry) -> None:
    late = UNTIL - timedelta(days=3)
    given = settings(chat=Ear())

    first = notify("deprecated", heard_on(late), registry, noon(late), routing=given.routing)
    again = notify("deprecated", heard_on(UNTIL), registry, noon(UNTIL), routing=given.routing)

    assert ([len(notice.items) for notice in first], again) == ([1, 1], [])


def test_the_sinks_are_those_of_the_consumer(registry: Registry) -> None:
    given = settings(chat=Ear(), payments=Ear())
    declare(registry, [ROYALTIES], quality="payments")

    made = notify("deprecated", heard_on(SINCE), registry, noon(SINCE), routing=given.routing)

    assert [(notice.sink, notice.items[0].address) for notice in made] == [
        ("chat", PLAYERS),
        ("payments", ROYALTIES),
    ]
