"""Two code locations that share nothing but the store and the registry."""

from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg
import duckdb
import pandera.polars as pa
import polars as pl
import pytest

import mesh_dagster as md
from mesh_dagster.compile import names
from tests.compile.runs import evaluations, failure, materialized, run

ADDRESS = "mesh://media/plays/v1/events"
EVENTS = dg.AssetKey(["media", "plays", "v1", "events"])
OWED = dg.AssetKey(["finance", "royalties", "v1", "owed"])
Column, Check = pa.Column, pa.Check
PLAYS = pl.DataFrame({"station": ["KSLX", "WAPL"], "seconds": [60, 600], "song": ["a", None]})


class Play(pa.DataFrameModel):
    station: str
    seconds: int = pa.Field(ge=0)
    song: str = pa.Field(nullable=True)


def producer(plays: Callable[[], pl.DataFrame], **port: Any) -> dg.Definitions:
    product = md.DataProduct(
        domain="media", name="plays", owner="team:media", alignment="source", purpose="Plays."
    )

    @product.port(contract=Play, **port)
    def events() -> pl.DataFrame:
        return plays()

    return md.definitions(product)


def consumer(seen: list[list[str]], **expected: Any) -> dg.Definitions:
    product = md.DataProduct(
        domain="finance",
        name="royalties",
        owner="team:finance",
        alignment="consumer",
        purpose="What is owed.",
        inputs={"plays": md.InputPort(ADDRESS, **expected)},
    )

    @product.port(contract=pa.DataFrameSchema({"seconds": Column(int)}))
    def owed(plays: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
        seen.append(plays.columns)
        return plays.project("seconds")

    return md.definitions(product)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as opened:
        yield opened


def test_a_consumer_is_handed_only_the_columns_that_it_expects(
    instance: dg.DagsterInstance,
) -> None:
    seen: list[list[str]] = []
    run(producer(lambda: PLAYS), instance, [EVENTS])

    result = run(consumer(seen, columns=["seconds", "station"]), instance, [OWED])

    assert materialized(result) == [OWED]
    assert seen == [["seconds", "station"]]


def test_what_one_location_expects_refuses_what_another_would_publish(
    instance: dg.DagsterInstance,
) -> None:
    batches = [PLAYS, PLAYS.with_columns(pl.col("seconds") + 601)]
    source = producer(lambda: batches.pop(0), honours="refuse")
    expected = pa.DataFrameSchema({"seconds": Column(int, Check.le(600))})
    run(source, instance, [EVENTS])
    run(consumer([], expects=expected), instance, [OWED])

    result = run(source, instance, [EVENTS])

    assert not result.success
    assert evaluations(result)["expectations"] == (False, "ERROR")
    assert evaluations(result)["values"] == (True, "WARN")
    assert failure(result) == (
        f"'{ADDRESS}' failed 1 of 8 rules: 'seconds <= 600 for finance/royalties v1' on 2 of 2 "
        "rows. Nothing was published; version 0 stays current. "
        "Fix the batch, or come to terms with these consumers."
    )


def test_a_producer_that_only_warns_publishes_and_the_consumer_stops(
    instance: dg.DagsterInstance,
) -> None:
    batches = [PLAYS, PLAYS.with_columns(pl.col("seconds") + 601)]
    source, seen = producer(lambda: batches.pop(0)), list[list[str]]()
    expected = pa.DataFrameSchema({"seconds": Column(int, Check.le(600))})
    sink = consumer(seen, expects=expected)
    run(source, instance, [EVENTS])
    run(sink, instance, [OWED])

    published = run(source, instance, [EVENTS])
    result = run(sink, instance, [OWED])

    assert published.success
    assert evaluations(published)["expectations"] == (False, "WARN")
    assert len(seen) == 1
    assert failure(result) == (
        f"Product 'finance/royalties' by its input 'plays' cannot take '{ADDRESS}?version=1', "
        "which breaks 1 of the 3 rules that are expected: 'seconds <= 600' on 2 of 2 rows. "
        "Nothing was built. Come to terms with the owner of the port, or expect less."
    )


def test_what_a_registered_contract_can_never_satisfy_fails_the_consumer_before_it_builds(
    instance: dg.DagsterInstance,
) -> None:
    seen: list[list[str]] = []
    expected = pa.DataFrameSchema({"song": Column(str), "seconds": Column(int, Check.lt(0))})
    run(producer(lambda: PLAYS.with_columns(song=pl.lit("a"))), instance, [EVENTS])

    result = run(consumer(seen, expects=expected), instance, [OWED])

    assert seen == []
    assert failure(result) == (
        "Product 'finance/royalties' expects by its input 'plays' what "
        f"'{ADDRESS}' does not promise: 'song' not null, promised nulls; "
        "'seconds' < 0, promised >= 0. Change what is expected, or agree on the contract with "
        "team:media. Nothing was built."
    )


def test_the_check_says_that_nobody_relies_on_a_port(instance: dg.DagsterInstance) -> None:
    result = run(producer(lambda: PLAYS), instance, [EVENTS])

    [found] = [e for e in result.get_asset_check_evaluations() if e.check_name == "expectations"]
    assert found.description == (
        "No consumer has stated what it relies on, or the batch was refused before."
    )
    assert names.RULES not in found.metadata
