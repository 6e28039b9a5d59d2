from collections.abc import Mapping
from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh_dagster.declare.made_from import MadeFrom, SourceColumn
from mesh_dagster.run.edges import Edge, Lineage, strongest
from mesh_dagster.run.frames import as_plan
from mesh_dagster.run.internal import lineage_at, read_internal, write_internal
from mesh_dagster.run.lineage import Taken, lineage_of, misdeclared
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.store import Store
from tests.run.scenario import ADDRESS, lines, publish_well

LINES = "mesh://sales/invoices/v1/lines"
RAW = "sales/invoices/internal/raw"
ROWS = pl.DataFrame({"track": [1, 2], "amount": [1.5, 2.5], "day": [3, 4]})
EDGES = st.builds(
    Edge,
    st.sampled_from([LINES, RAW]),
    st.sampled_from(["a", "b"]),
    st.sampled_from(["derived", "declared", "assumed"]),
    st.sampled_from(["value", "row"]),
)


def derived(column: str, kind: str = "value", source: str = LINES) -> tuple[str, ...]:
    return (source, column, "derived", kind)


def assumed(column: str, kind: str = "value", source: str = LINES) -> tuple[str, ...]:
    return (source, column, "assumed", kind)


def columns_of(
    result: object, *taken: Taken, made_from: MadeFrom | None = None
) -> dict[str, list[tuple[str, ...]]]:
    known = lineage_of(result, as_plan(result, "it"), taken, made_from or {})
    return {name: [tuple(edge) for edge in edges] for name, edges in known.columns.items()}


@pytest.fixture
def stored(tmp_path: Path) -> tuple[pl.LazyFrame, Taken]:
    folder = tmp_path / "lines"
    folder.mkdir()
    ROWS.write_parquet(folder / "0.parquet")
    plan = pl.scan_parquet(folder / "0.parquet")
    return plan, Taken("lines", LINES, ROWS.columns, str(folder))


def test_a_lazy_build_is_followed(stored: tuple[pl.LazyFrame, Taken]) -> None:
    plan, taken = stored

    known = columns_of(plan.filter(pl.col("day") > 3).select("track", paid="amount"), taken)

    assert known == {
        "track": [derived("day", "row"), derived("track")],
        "paid": [derived("amount"), derived("day", "row")],
    }


def test_a_collected_frame_is_assumed_to_keep_its_names(
    stored: tuple[pl.LazyFrame, Taken],
) -> None:
    plan, taken = stored

    known = columns_of(plan.collect().group_by("track").agg(paid=pl.col("amount").sum()), taken)

    assert known == {"track": [assumed("track")], "paid": []}


def test_what_is_lazy_after_a_collected_frame_is_followed_to_the_frame(
    stored: tuple[pl.LazyFrame, Taken],
) -> None:
    plan, taken = stored

    known = columns_of(plan.collect().lazy().filter(pl.col("day") > 3).select(p="amount"), taken)

    assert known == {"p": [assumed("amount"), assumed("day", "row")]}


def test_what_the_team_declares_comes_before_what_would_be_assumed(
    stored: tuple[pl.LazyFrame, Taken],
) -> None:
    plan, taken = stored
    said = {
        "track": (SourceColumn("lines", "day"),),
        "paid": (SourceColumn("lines", "amount"), SourceColumn("lines", "unknown")),
    }

    known = columns_of(plan.collect().rename({"amount": "paid"}), taken, made_from=said)

    assert known == {
        "track": [(LINES, "day", "declared", "value")],
        "paid": [(LINES, "amount", "declared", "value")],
        "day": [assumed("day")],
    }


def test_a_declared_origin_that_is_not_there_is_named() -> None:
    taken = Taken("lines", LINES, ROWS.columns)
    said = {
        "paid": (SourceColumn("lines", "amount"), SourceColumn("lines", "amnt")),
        "due": (SourceColumn("lines", "amnt"),),
    }

    assert misdeclared([taken], said) == ["lines#amnt"]


def test_what_was_followed_stays_beside_what_the_team_declares(
    stored: tuple[pl.LazyFrame, Taken],
) -> None:
    plan, taken = stored
    said = {"amount": (SourceColumn("lines", "amount"), SourceColumn("lines", "day"))}

    known = columns_of(plan.select("amount"), taken, made_from=said)

    assert known == {"amount": [derived("amount"), (LINES, "day", "declared", "value")]}


def test_sql_is_followed_and_lost_sql_is_assumed() -> None:
    taken = Taken("lines", LINES, ROWS.columns)
    with duckdb.connect() as connection:
        connection.register("lines", ROWS.to_arrow())
        followed = columns_of(connection.sql("SELECT sum(amount) AS amount FROM lines"), taken)
        lost = columns_of(connection.sql("SELECT COLUMNS('^a.*') FROM lines"), taken)

    assert followed == {"amount": [derived("amount")]}
    assert lost == {"amount": [assumed("amount")]}


def test_a_file_that_the_mesh_did_not_write_is_assumed_to_be_the_adopted_asset(
    stored: tuple[pl.LazyFrame, Taken],
) -> None:
    plan, taken = stored
    adopted = Taken("adopted", "dbt/lines", ["track"])

    known = columns_of(plan.select("track", "day"), adopted)
    beside = columns_of(plan.select("track", "day"), taken, adopted)

    assert known == {"track": [assumed("track", source="dbt/lines")], "day": []}
    assert beside["day"] == [derived("day")]


def test_only_the_wanted_columns_are_kept_and_the_way_through_internals(
    stored: tuple[pl.LazyFrame, Taken],
) -> None:
    plan, taken = stored
    inner = Lineage({"amount": (Edge(LINES, "amount", "derived", "value"),)})
    internal = Taken("raw", RAW, ROWS.columns, taken.place, {RAW: inner})

    known = lineage_of(plan, plan, [internal], {}, ["amount", "not built"])

    assert known == Lineage({"amount": (Edge(RAW, "amount", "derived", "value"),)}, {RAW: inner})


def test_the_better_known_edge_wins_and_a_value_wins_over_a_row() -> None:
    edges = [Edge(RAW, "a", "assumed", "value"), Edge(RAW, "a", "derived", "row")]

    assert strongest(edges) == (Edge(RAW, "a", "derived", "value"),)


@given(columns=st.dictionaries(st.sampled_from("xyz"), st.lists(EDGES)))
def test_a_record_reads_back_as_what_was_written(columns: Mapping[str, list[Edge]]) -> None:
    known = Lineage({name: strongest(edges) for name, edges in columns.items()})
    whole = Lineage(known.columns, {RAW: known})

    assert Lineage.of(whole.record()) == whole


def test_an_edge_of_every_row_is_written_once() -> None:
    row, value = Edge(LINES, "a", "derived", "row"), Edge(LINES, "b", "derived", "value")

    known = Lineage({"x": (row,), "y": (row, value), "a": (row._replace(kind="value"),)})

    assert known.record() == {
        "columns": {
            "x": [],
            "y": [[LINES, "b", "derived", "value"]],
            "a": [[LINES, "a", "derived", "value"]],
        },
        "rows": [[LINES, "a", "derived"]],
    }


def test_an_internal_keeps_where_its_columns_come_from() -> None:
    store = Store.at()
    place = store.internal("sales/invoices", "raw", "").rpartition("/")[0]
    known = Lineage({"track": (Edge(LINES, "track", "derived", "value"),)})
    write_internal(store, f"{place}/east", ROWS.lazy(), {LINES: 3}, known.record())
    write_internal(store, f"{place}/west", ROWS.lazy(), {})

    assert lineage_at(store, place, "east") == known
    assert lineage_at(store, place, "west") == Lineage()
    assert lineage_at(store, place, "whole") == known
    assert read_internal(store, [f"{place}/east"], "raw").collect().equals(ROWS)


def test_no_lineage_is_known_of_what_was_never_stored() -> None:
    store = Store.at()
    place = store.internal("sales/invoices", "raw", "").rpartition("/")[0]
    store.path(place).mkdir(parents=True)

    assert lineage_at(store, place, "whole") == Lineage()


def test_what_cannot_be_followed_at_all_is_assumed_and_fails_nothing() -> None:
    with duckdb.connect() as connection:
        relation = connection.sql("SELECT 1 AS amount")
    closed, taken = relation, Taken("lines", LINES, ROWS.columns)

    known = lineage_of(closed, ROWS.lazy().select("amount"), [taken], {})
    broken = lineage_of(pl.LazyFrame(), pl.LazyFrame().select("unknown"), [taken], {})

    assert known.columns == {"amount": (Edge(LINES, "amount", "assumed", "value"),)}
    assert broken == Lineage()


def test_chains_through_internals_are_as_well_known_as_their_least_known_part() -> None:
    inner, innermost = "a/b/internal/inner", "a/b/internal/innermost"
    known = Lineage(
        {"x": (Edge(inner, "y", "derived", "value"), Edge(LINES, "day", "declared", "row"))},
        {
            inner: Lineage(
                {
                    "y": (
                        Edge(innermost, "z", "derived", "row"),
                        Edge(LINES, "amount", "assumed", "value"),
                    )
                }
            ),
            innermost: Lineage(
                {
                    "z": (
                        Edge(LINES, "track", "derived", "value"),
                        Edge(inner, "y", "derived", "row"),
                    )
                }
            ),
        },
    )

    assert known.to_ports() == {
        "x": (
            Edge(LINES, "amount", "assumed", "value"),
            Edge(LINES, "day", "declared", "row"),
            Edge(LINES, "track", "derived", "row"),
        )
    }


def test_a_publication_keeps_where_its_columns_come_from() -> None:
    known = Lineage({"order": (Edge(LINES, "track", "derived", "value"),)})

    made = publish_well(lines(1), lineage=known).publication

    recorded = Registry(Store.at().registry_url).publications(ADDRESS)
    assert Lineage.of(made.lineage) == known
    assert recorded == [made]
