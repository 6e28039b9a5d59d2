from collections.abc import Collection
from datetime import date, timedelta
from typing import Any

import pytest

from mesh_dagster.declare.slo import Freshness, Quality, is_cron, is_schedule, sinks, weekdays
from mesh_dagster.errors import DeclarationError

HOUR = timedelta(hours=1)


def test_a_promise_has_defaults_that_most_ports_can_use() -> None:
    promise = Freshness(within=HOUR)

    assert promise == Freshness(
        within=HOUR,
        by=None,
        warn=None,
        deadline=None,
        timezone="UTC",
        target=0.99,
        window=timedelta(days=28),
    )


def test_without_a_promise_a_single_bad_row_refuses_the_batch() -> None:
    assert Quality() == Quality(valid_rows=1.0, otherwise="refuse")


@pytest.mark.parametrize(
    "arguments",
    [
        {"within": timedelta(minutes=1)},
        {"within": HOUR, "warn": timedelta(minutes=59)},
        {"within": HOUR, "target": 0.5, "window": HOUR},
        {"within": HOUR, "deadline": "0 6 * * MON-FRI", "timezone": "Europe/Berlin"},
        {"within": HOUR, "deadline": "@daily", "grace": timedelta(days=28)},
        {"within": HOUR, "calendar": "mon-fri", "holidays": [date(2026, 12, 25)]},
        {"within": HOUR, "by": "played_at", "per": "station", "alert": ["page", "chat"]},
    ],
)
def test_a_promise_at_its_bounds_stands(arguments: dict[str, Any]) -> None:  # Any: of Freshness
    assert Freshness(**arguments).within == arguments["within"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"within": 60}, "within=60, expected a timedelta"),
        ({"warn": 60}, "warn=60, expected a timedelta"),
        ({"window": None}, "window=None, expected a timedelta"),
        ({"within": timedelta(seconds=59)}, "within=0:00:59, expected at least one minute"),
        ({"warn": HOUR}, "warn=1:00:00, expected above zero and shorter than within"),
        ({"warn": timedelta(0)}, "warn=0:00:00, expected above zero and shorter than within"),
        ({"target": 0}, "target=0, expected above 0 and below 1"),
        ({"target": 1.0}, "target=1.0, expected above 0 and below 1"),
        ({"target": 99}, "target=99, expected above 0 and below 1"),
        ({"target": float("nan")}, "target=nan, expected above 0 and below 1"),
        ({"target": "99 %"}, "target='99 %', expected above 0 and below 1"),
        (
            {"window": timedelta(minutes=59)},
            "window=0:59:00, expected at least as long as within",
        ),
        (
            {"window": timedelta(days=3661)},
            "window=3661 days, 0:00:00, expected one minute to 3,660 days",
        ),
        ({"grace": 60}, "grace=60, expected a timedelta"),
        (
            {"grace": timedelta(days=29)},
            "grace=29 days, 0:00:00, expected zero or more, at most window",
        ),
        ({"alert": ""}, "alert='', expected the name of a sink, or several"),
        ({"alert": ["page", 1]}, "alert=['page', 1], expected the name of a sink, or several"),
        ({"alert": 1}, "alert=1, expected the name of a sink, or several"),
        (
            {"calendar": "weekdays"},
            "calendar='weekdays', expected weekdays such as 'mon-fri' or 'mon,wed,sat'",
        ),
        ({"holidays": ["2026-12-25"]}, "holidays=['2026-12-25'], expected dates"),
        ({"holidays": 25}, "holidays=25, expected dates"),
        (
            {"per": "station"},
            "per='station', expected the name of a column, and 'by' beside it",
        ),
        (
            {"per": 1, "by": "played_at"},
            "per=1, expected the name of a column, and 'by' beside it",
        ),
        (
            {"deadline": "0 0 30 2 *"},
            "deadline='0 0 30 2 *', expected a cron expression such as '0 6 * * *'",
        ),
        (
            {"deadline": "x * * * *"},
            "deadline='x * * * *', expected a cron expression such as '0 6 * * *'",
        ),
        ({"deadline": "6:00"}, "deadline='6:00', expected a cron expression such as '0 6 * * *'"),
        ({"timezone": "Berlin"}, "timezone='Berlin', expected a name such as 'Europe/Berlin'"),
        ({"timezone": None}, "timezone=None, expected a name such as 'Europe/Berlin'"),
        ({"timezone": "../UTC"}, "timezone='../UTC', expected a name such as 'Europe/Berlin'"),
    ],
)
def test_a_promise_that_means_nothing_is_refused(
    arguments: dict[str, Any],  # Any: of Freshness
    problem: str,
) -> None:
    with pytest.raises(DeclarationError) as refused:
        Freshness(**{"within": HOUR, **arguments})

    assert str(refused.value) == f"Freshness got {problem}. Correct the promise."


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"valid_rows": 0}, "valid_rows=0, expected above 0, at most 1"),
        ({"valid_rows": 99}, "valid_rows=99, expected above 0, at most 1"),
        ({"valid_rows": "all"}, "valid_rows='all', expected above 0, at most 1"),
        ({"otherwise": "drop"}, "otherwise='drop', expected 'refuse' or 'quarantine'"),
        ({"window": 28}, "window=28, expected a timedelta"),
        ({"target": 1}, "target=1, expected above 0 and below 1"),
        ({"alert": None}, "alert=None, expected the name of a sink, or several"),
        ({"rows": (2, 1)}, "rows=(2, 1), expected (fewest, most), such as (1, 1000) or (1, None)"),
        (
            {"rows": (-1, None)},
            "rows=(-1, None), expected (fewest, most), such as (1, 1000) or (1, None)",
        ),
        ({"rows": 5}, "rows=5, expected (fewest, most), such as (1, 1000) or (1, None)"),
        ({"rows_vs_last": 50}, "rows_vs_last=50, expected above 0, at most 1"),
        ({"volume": "ignore"}, "volume='ignore', expected 'refuse' or 'warn'"),
        (
            {"quarantine_retention": HOUR},
            f"quarantine_retention={HOUR!r}, expected otherwise='quarantine' beside it",
        ),
        (
            {"quarantine_retention": HOUR / 2, "otherwise": "quarantine"},
            f"quarantine_retention={HOUR / 2!r}, expected a timedelta of one hour to 3,660 days",
        ),
        (
            {"quarantine_retention": 7, "otherwise": "quarantine"},
            "quarantine_retention=7, expected a timedelta of one hour to 3,660 days",
        ),
        ({"valid_rows": 0.99}, "valid_rows=0.99, expected 1.0 unless otherwise='quarantine'"),
    ],
)
def test_a_share_that_means_nothing_is_refused(
    arguments: dict[str, Any],  # Any: of Quality
    problem: str,
) -> None:
    with pytest.raises(DeclarationError) as refused:
        Quality(**arguments)

    assert str(refused.value) == f"Quality got {problem}. Correct the promise."


@pytest.mark.parametrize(
    "text",
    [
        "0 * * * *",
        "*/5  0-23 1,15 jan-DEC MON-FRI",
        "0 0 L * *",
        "0 0 * * 5#2",
        "@daily",
        "@hourly",
    ],
)
def test_a_cron_expression_has_five_fields_or_is_a_word(text: str) -> None:
    assert is_cron(text)


@pytest.mark.parametrize(
    "arguments",
    [
        {"rows": (0, 0)},
        {"rows": (1, None)},
        {"rows_vs_last": 1},
        {"valid_rows": 0.01, "otherwise": "quarantine"},
        {"otherwise": "quarantine", "quarantine_retention": HOUR},
        {"row_keys": 100},
    ],
)
def test_a_promise_on_rows_at_its_bounds_stands(
    arguments: dict[str, Any],  # Any: of Quality
) -> None:
    assert Quality(**arguments) != Quality()


@pytest.mark.parametrize(
    ("calendar", "days"),
    [
        ("mon-fri", {0, 1, 2, 3, 4}),
        ("Mon, Wed,sat", {0, 2, 5}),
        ("sat-mon", {5, 6, 0}),
        ("sun-sun", {6}),
        ("sun-", {6}),
        ("monday", set()),
        ("mon-someday", set()),
        (None, set()),
    ],
)
def test_a_calendar_names_weekdays(calendar: object, days: set[int]) -> None:
    assert weekdays(calendar) == days


@pytest.mark.parametrize(
    ("alert", "names"), [((), ()), ("page", ("page",)), (["page", "chat"], ("chat", "page"))]
)
def test_a_promise_tells_its_sinks_by_name(
    alert: str | Collection[str], names: tuple[str, ...]
) -> None:
    assert sinks(alert) == names


@pytest.mark.parametrize(("text", "comes"), [("@daily", True), ("hourly", False), (5, False)])
def test_a_schedule_is_a_cron_expression_that_comes(text: object, *, comes: bool) -> None:
    assert is_schedule(text) is comes


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hourly",
        "@noon",
        "5m",
        "0 * * *",
        "0 0 * * * *",
        "60 * * * *",
        "0 24 * * *",
        "0 0 32 * *",
        "0 0 * 13 *",
        "0 0 * * 8",
        "0 0 * * ;",
        f"{'9' * 5_000} * * * *",
        5,
        None,
    ],
)
def test_a_slip_of_the_pen_is_no_cron_expression(text: object) -> None:
    assert not is_cron(text)
