from dataclasses import replace
from datetime import date, datetime, timedelta, timezone

import pytest

from mesh_dagster.declare.lifecycle import Deprecated
from mesh_dagster.discover.changes import Change
from mesh_dagster.discover.entries import PortEntry, ProductEntry, Upstream
from mesh_dagster.observe.status import Objective, SloStatus, State
from mesh_dagster.run.failures import Failure
from mesh_dagster.share.four import Answer, four_answers
from mesh_dagster.share.wording import notes, size, span, to_publish, to_use
from tests.share.scenario import LINES

NOW = datetime(2026, 11, 1, 6, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)


def promise(
    state: State, objective: Objective = "freshness", cause: str | None = None
) -> SloStatus:
    return SloStatus(
        address=LINES,
        product_key="sales/invoices",
        owner="team:sales",
        objective=objective,
        state=state,
        since=NOW - 2 * HOUR,
        age=None if state == "no_data" else 7 * HOUR,
        limit=6 * HOUR,
        target=0.99,
        window=timedelta(days=28),
        budget_remaining=0.5,
        caused_by=cause,
    )


def answers(entry: ProductEntry, **changed: object) -> tuple[Answer, ...]:
    """Answer for a product whose only port is changed."""
    port: PortEntry = replace(entry.ports[0], **changed)  # type: ignore[arg-type]  # in sight
    return four_answers(replace(entry, ports=(port,)), NOW)


@pytest.mark.parametrize(
    ("state", "short", "tone", "detail"),
    [
        ("ok", "Yes", "ok", "lines: newest data 7 h old, at most 6 h promised"),
        ("warn", "Only just", "warn", "lines: newest data 7 h old, at most 6 h promised"),
        ("breached", "No", "breached", "lines: newest data 7 h old, at most 6 h promised"),
        ("no_data", "No", "breached", "lines: no data, at most 6 h promised"),
    ],
)
def test_it_is_fresh_as_its_promise_is_kept(
    entry: ProductEntry, state: State, short: str, tone: str, detail: str
) -> None:
    fresh = answers(entry, promises=(promise(state),))[0]

    assert (fresh.short, fresh.tone, fresh.details) == (short, tone, (detail,))


def test_without_a_promise_only_the_last_publication_is_told(entry: ProductEntry) -> None:
    never = answers(entry, promises=(), publications=())[0]

    assert (never.short, never.details) == ("Nothing is promised", ("Never published.",))


def test_what_is_offered_no_more_was_not_never_published(entry: ProductEntry) -> None:
    ended = answers(entry, withdrawn_at=NOW)[0]

    assert (ended.short, ended.details) == (
        "Nothing is promised",
        ("No port is offered any more.",),
    )


def test_what_it_is_made_from_that_ends_comes_first(entry: ProductEntry) -> None:
    ending = Deprecated(date(2026, 1, 1), date(2027, 1, 31), LINES)
    known = Upstream("a", "mesh://a/b/v1/c", "team:a", None, None)
    read = (known, replace(known, name="z", deprecated=ending))

    depends = four_answers(replace(entry, reads_from=read, read_by=()), NOW)[3]

    assert (depends.tone, depends.details) == (
        "warn",
        (f"made from a/b/v1/c: deprecated, ends 2027-01-31, use {LINES}", "made from a/b/v1/c"),
    )


def test_it_is_broken_where_a_promise_is_and_the_cause_is_named(entry: ProductEntry) -> None:
    broken = answers(entry, promises=(promise("breached", cause="mesh://a/b/v1/c"),), refusals=())

    assert broken[1] == Answer(
        "Is it broken?",
        "Yes, 1 promise",
        "breached",
        ("lines: freshness broken for 2 h, because of mesh://a/b/v1/c",),
    )


def test_a_refused_batch_is_told_where_every_promise_is_kept(entry: ProductEntry) -> None:
    refused = answers(entry, promises=(promise("ok"),))[1]

    assert (refused.short, refused.tone) == ("A batch was refused", "warn")
    assert refused.details[0].endswith(" ago; version 1 stays current")


def test_a_crash_is_told_where_nothing_else_is_broken(entry: ProductEntry) -> None:
    crash = Failure(entry.ports[0].address, "", NOW - HOUR, "run-2", "KeyError")
    crashed = answers(entry, promises=(promise("ok"),), refusals=(), failures=(crash,))[1]

    assert crashed == Answer(
        "Is it broken?",
        "A build crashed",
        "warn",
        ("lines: crashed on KeyError 1 h ago, in run run-2 of Dagster; version 1 stays current",),
    )


def test_a_refusal_that_was_made_good_is_told_no_more(entry: ProductEntry) -> None:
    port = entry.ports[0]
    later = replace(port.publications[0], published_at=port.refusals[0].refused_at + HOUR)
    good = answers(entry, promises=(promise("ok"),), publications=(later,))[1]

    assert (good.short, good.details) == ("No", ("Every promise is kept.",))


def test_the_last_change_of_a_schema_is_told(entry: ProductEntry) -> None:
    breaking = ("column 'vat' removed",)
    changes = (
        Change(NOW, "1.1.0", "d", None, ("column 'vat' removed", "owner 'a' -> 'b'"), breaking),
        Change(NOW - HOUR, "1.0.0", "c", 0, ()),
    )
    changed = answers(entry, changes=changes)[2]

    assert (changed.short, changed.details) == (
        "2 differences on 2026-11-01, 1 may break readers",
        ("lines: may break readers: column 'vat' removed", "lines: owner 'a' -> 'b'"),
    )


def test_a_schema_that_was_never_published_is_no_change(entry: ProductEntry) -> None:
    unseen = Change(
        NOW - HOUR, "1.1.0", "d", None, ("type of 'x': Float64 becomes Int64",), (), NOW
    )
    changed = answers(entry, changes=(replace(unseen, differences=(), first_version=1), unseen))[2]

    assert changed.short == "Not at all"


def test_what_else_is_known_of_a_promise_is_noted_without_names_that_are_hidden() -> None:
    named = replace(promise("breached"), late_groups=("a", "b", "c", "d"), late_group_count=5)
    hidden = replace(
        promise("breached"),
        late_group_count=2,
        missing_partitions=("2026-10-31",),
        missing_partition_count=1,
    )
    foreseen = replace(promise("ok"), predicted_breach_at=NOW + HOUR)

    assert [notes(one, NOW) for one in (named, hidden, foreseen, promise("ok"))] == [
        ["late: a, b, c and 2 more"],
        ["late: 2 of its groups", "missing: 2026-10-31"],
        ["will break in 1 h"],
        [],
    ]


def test_a_size_is_written_in_its_largest_unit() -> None:
    assert [size(n) for n in (0, 999, 9_020, 1_500_000, 2 * 10**15)] == [
        "0 B",
        "999 B",
        "9.02 kB",
        "1.5 MB",
        "2 PB",
    ]


def test_a_span_keeps_what_tells_it_from_its_limit() -> None:
    hours = (1, 1.5, 24, 25, 47, 48, 24 * 700, 24 * 4_539)

    assert [span(one * HOUR) for one in hours] == [
        *("1 h", "90 min", "1 d", "25 h", "47 h", "2 d", "700 d", "12 y")
    ]


def test_lead_times_are_told_where_there_is_no_time_yet_too() -> None:
    short = timedelta(milliseconds=999)

    assert [span(length) for length in (-HOUR, short, timedelta(seconds=1), HOUR)] == [
        "under 1 s",
        "under 1 s",
        "1 s",
        "1 h",
    ]
    assert [to_publish(short, True), to_publish(None, True), to_publish(None, False)] == [  # noqa: FBT003 - filters of a page
        "under 1 s",
        "published before",
        "not published yet",
    ]
    assert [to_use(HOUR), to_use(None)] == ["1 h", "no new reader yet"]
