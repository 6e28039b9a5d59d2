from dataclasses import replace

from mesh_dagster.observe.notice import item_of
from tests.observe.scenario import NOON, PLAYS, late, notice

SINCE = "since 2026-03-01 12:00 UTC"


def test_a_breach_names_its_late_groups_and_counts_the_others() -> None:
    groups = tuple(f"K{number:02}" for number in range(20))

    few = item_of(replace(late(), late_groups=("KSLX",), late_group_count=1), "k").text
    many = item_of(replace(late(), late_groups=groups, late_group_count=23), "k").text

    assert few == f"freshness: 2 h old, promised 1 h, {SINCE}; 1 late group: KSLX"
    assert many.endswith("; 23 late groups: " + ", ".join(groups) + " and 3 more")


def test_a_breach_names_its_missing_partitions() -> None:
    status = replace(late(), missing_partitions=("2026-02-28",), missing_partition_count=1)

    assert item_of(status, "k").text.endswith("; 1 missing partition: 2026-02-28")


def test_a_port_never_published_is_said_to_be_so() -> None:
    status = replace(late(), state="no_data", age=None)

    assert item_of(status, "k").text == f"freshness: never published {SINCE}"


def test_a_quality_promise_has_no_age() -> None:
    status = replace(late(), objective="quality", age=None, limit=None)

    assert item_of(status, "k").text == f"quality: below its promise {SINCE}"


def test_a_name_with_line_ends_makes_no_line_of_its_own() -> None:
    item = replace(notice().items[0], text="a batch was refused: a\nb\u202e\x1b[2J")

    assert item.line == f"{PLAYS} a batch was refused: a b  [2J (owner team:x, id aaaaaaaaaaaa)"


def test_a_notice_of_many_items_counts_the_rest() -> None:
    many = tuple(replace(notice().items[0], key=f"{n:064}") for n in range(103))

    given = replace(notice(), items=many, remark="A remark.")

    assert given.title == f"Promise broken: {PLAYS} and 102 more"
    assert given.lines[-2:] == ("3 more; see mesh alerts ls", "A remark.")
    assert given.created_at == NOON
