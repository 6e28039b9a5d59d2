"""Directions that no consumer can see, or that are not tied to one contract."""

from datetime import date, timedelta
from typing import Any

import dagster as dg
import pandera.polars as pa
import polars as pl
import pytest

import mesh_dagster as md
from mesh_dagster.govern.change import Change
from mesh_dagster.govern.compatibility import announces, next_version, port_changes, product_changes
from mesh_dagster.govern.types import type_direction
from tests.govern.scenario import FRESH, TODAY, columns, daily, declared, orders, reader, schema


def changed(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Compare two ports that are declared with these arguments."""
    [old], [new] = (declared(orders(**given)).ports.values() for given in (before, after))
    return [(one.subject, one.direction, one.step) for one in port_changes(old, new)]


def fresh(**more: Any) -> dict[str, Any]:
    given = {"within": timedelta(hours=6), "by": "ordered_at", "per": "country", **more}
    return {"freshness": md.Freshness(**given)}


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        (pl.Int32(), pl.Int64()),
        (pl.UInt8(), pl.Int16()),
        (pl.Int32(), pl.Float64()),
        (pl.Float32(), pl.Float64()),
        (pl.Enum(["a"]), pl.Enum(["a", "b"])),
        (pl.Enum(["a"]), pl.String()),
        (pl.Decimal(8, 2), pl.Decimal(10, 3)),
        (pl.Datetime("ms"), pl.Datetime("us")),
        (pl.Int8(), None),
    ],
)
def test_a_type_that_holds_all_of_another_is_wider(
    narrow: pl.DataType, wide: pl.DataType | None
) -> None:
    assert type_direction(narrow, wide) == "loosens"
    assert type_direction(wide, narrow) == "tightens"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pl.Int64(), pl.Float64()),
        (pl.Float64(), pl.Int64()),
        (pl.Int8(), pl.UInt64()),
        (pl.String(), pl.Date()),
        (pl.Decimal(8, 2), pl.Decimal(8, 3)),
        (pl.Datetime("us", "UTC"), pl.Datetime("us", "Europe/Berlin")),
        (pl.Enum(["a"]), pl.Enum(["b"])),
    ],
)
def test_types_that_hold_only_parts_of_each_other_are_changed_both_ways(
    one: pl.DataType, other: pl.DataType
) -> None:
    assert type_direction(one, other) == "both"


@pytest.mark.parametrize(
    ("loose", "strict", "subject"),
    [
        ({"calendar": "mon-fri"}, {"calendar": "mon-sat"}, "calendar"),
        ({"holidays": [date(2026, 12, 25)]}, {}, "holidays"),
        ({"window": timedelta(days=56)}, {"window": timedelta(days=28)}, "window"),
        ({"deadline": "0 6 * * *"}, {}, "deadline"),
        ({"target": 0.9}, {"target": 0.95}, "target"),
        ({"per": None}, {}, "per"),
    ],
)
def test_a_promise_moves_back_the_way_that_it_came(
    loose: dict[str, Any], strict: dict[str, Any], subject: str
) -> None:
    [(_, down, _)] = changed(fresh(**strict), fresh(**loose))
    [(name, up, _)] = changed(fresh(**loose), fresh(**strict))

    assert (name, down, up) == (f"freshness {subject}", "loosens", "tightens")


@pytest.mark.parametrize(
    ("before", "after", "direction"),
    [
        ({"window": timedelta(days=28)}, {"window": timedelta(days=30)}, "undetermined"),
        ({"calendar": "mon-fri"}, {"calendar": "tue-sat"}, "both"),
        ({"per": "country"}, {"per": "city"}, "both"),
        ({"deadline": "0 6 * * *"}, {"deadline": "0 7 * * *"}, "both"),
        ({"holidays": [date(2026, 12, 25)]}, {"holidays": [date(2026, 12, 26)]}, "both"),
    ],
)
def test_a_promise_that_cannot_be_ranked_is_not(
    before: dict[str, Any], after: dict[str, Any], direction: str
) -> None:
    [(_, found, _)] = changed(fresh(**before), fresh(**after))

    assert found == direction


def test_whom_to_tell_and_when_to_warn_are_no_promises() -> None:
    told = fresh(alert="pager", warn=timedelta(hours=1))

    assert changed({"freshness": FRESH}, told) == [
        ("freshness warn", "none", "patch"),
        ("freshness alert", "none", "patch"),
    ]


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ({"rows": (1, 10)}, {"rows": None}, "loosens"),
        ({"rows": (1, 10)}, {"rows": (2, 9)}, "tightens"),
        ({"rows": (1, 10)}, {"rows": (2, None)}, "both"),
        ({"rows_vs_last": 0.2}, {"rows_vs_last": 0.5}, "loosens"),
        ({"rows_vs_last": 0.2}, {}, "loosens"),
    ],
)
def test_the_number_of_rows_is_a_promise(
    before: dict[str, Any], after: dict[str, Any], found: str
) -> None:
    [(_, direction, _)] = changed(
        {"quality": md.Quality(**before)}, {"quality": md.Quality(**after)}
    )

    assert direction == found


def test_partitions_may_be_added_and_not_taken_away() -> None:
    two, three = daily(), daily(keys=["DE", "FR", "IT"])

    assert changed(two, three) == [("partitions", "none", "minor")]
    assert changed(three, two) == [("partitions", "loosens", "major")]
    assert [subject for subject, *_ in changed({}, two)] == ["partitioned", "partition columns"]


def days(start: str = "2026-01-01", **more: Any) -> dict[str, Any]:
    return {"partitions": dg.DailyPartitionsDefinition(start, **more)}


@pytest.mark.parametrize(
    ("fewer", "more"),
    [
        (days("2026-01-01"), days("2025-01-01")),
        (days(end_date="2026-06-01"), days(end_date="2026-07-01")),
        (days(end_date="2026-06-01"), days()),
        (days(end_offset=-1), days()),
    ],
)
def test_times_may_be_added_to_partitions_and_not_taken_away(
    fewer: dict[str, Any], more: dict[str, Any]
) -> None:
    assert changed(fewer, more) == [("partitions", "none", "minor")]
    assert changed(more, fewer) == [("partitions", "loosens", "major")]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (days(), {"partitions": dg.WeeklyPartitionsDefinition("2026-01-01")}),
        (days(), daily(partition_column=None)),
        (days("2026-01-01"), days("2025-01-01", end_date="2026-06-01")),
        (daily(keys=["DE", "FR"]), daily(keys=["FR", "IT"])),
    ],
)
def test_other_partitions_break_whoever_reads_them(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert changed(one, other) == changed(other, one) == [("partitions", "both", "major")]


def test_the_bounds_of_partitions_are_told() -> None:
    before, after = (declared(orders(**given)) for given in (days(), days(end_date="2026-06-01")))

    [change] = port_changes(*before.ports.values(), *after.ports.values())

    assert change.before == "'0 0 * * *' from 2026-01-01T00:00:00+00:00"
    assert change.after == f"{change.before} to 2026-06-01T00:00:00+00:00"


def test_a_column_that_holds_rows_in_their_partition_is_a_promise() -> None:
    bare, held = daily(partition_column=None), daily()

    assert changed(bare, held) == [("partition columns", "tightens", "minor")]
    assert changed(held, bare) == [("partition columns", "loosens", "major")]
    assert changed(held, daily(partition_column="city")) == [("partition columns", "both", "major")]


def test_a_default_in_place_of_nulls_is_a_promise() -> None:
    filled = schema({**columns(), "city": pa.Column(pl.String(), nullable=True, default="")})
    bare = schema({**columns(), "city": pa.Column(pl.String(), nullable=True)})

    assert changed({"contract": filled}, {"contract": bare}) == [
        ("city default", "loosens", "major")
    ]
    assert changed({"contract": bare}, {"contract": filled}) == [
        ("city default", "tightens", "minor")
    ]


@pytest.mark.parametrize(
    "after",
    [{"nullable": True, "default": ""}, {"nullable": True, "required": False}],
    ids=["they are filled", "they were there before"],
)
def test_nulls_that_change_nothing_of_what_is_published_break_nobody(after: dict[str, Any]) -> None:
    before = pa.Column(pl.String(), required=after.get("required", True))
    one, other = (
        schema({**columns(), "city": c}) for c in (before, pa.Column(pl.String(), **after))
    )

    [(_, direction, step), *_] = changed({"contract": one}, {"contract": other})

    assert (direction, step) == ("none", "patch")


def test_what_a_product_reads_is_a_minor_change() -> None:
    before, after = (reader("a/b", f"mesh://shop/orders/v{major}/lines") for major in (1, 2))

    assert product_changes(declared(before), declared(after)) == [
        Change("input", "mesh://shop/orders/v1/lines", "mesh://shop/orders/v1/lines", None),
        Change("input", "mesh://shop/orders/v2/lines", None, "mesh://shop/orders/v2/lines"),
    ]


def test_a_draft_promises_nothing_and_going_back_to_it_breaks() -> None:
    ending = md.Deprecated(since=TODAY, until=TODAY + timedelta(days=9))

    assert changed({}, {"state": "draft"}) == [("state", "loosens", "major")]
    assert changed({"state": "draft"}, {}) == [("state", "none", "minor")]
    assert changed({}, {"state": ending}) == [("state", "none", "minor")]


def test_versions_step_as_semantic_versioning_says() -> None:
    assert [next_version("1.2.3", step) for step in ("patch", "minor", "major", None)] == [
        "1.2.4",
        "1.3.0",
        "2.0.0",
        "1.2.3",
    ]
    assert [next_version("0.2.3", step) for step in ("patch", "minor", "major")] == [
        "0.2.4",
        "0.2.4",
        "0.3.0",
    ]
    assert announces("1.2.0", "1.10.0", "minor")
    assert not announces("1.2.0", "1.2.9", "minor")
