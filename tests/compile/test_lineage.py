"""What Dagster shows of where columns come from, after real runs."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import duckdb
import pandera.polars as pa
import polars as pl
import pytest

import mesh_dagster as md
from mesh_dagster.run.edges import Lineage
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.store import Store
from tests.compile.runs import metadata, run

SHOP, SUMS = "mesh://shop/orders/v1/lines", "mesh://report/totals/v1/sums"
LINES = dg.AssetKey(["shop", "orders", "v1", "lines"])
REGIONS = dg.StaticPartitionsDefinition(["east", "west"])


class Line(pa.DataFrameModel):
    item: str
    amount: int


class Total(pa.DataFrameModel):
    item: str
    amount: int
    share: float
    names: int


orders = md.DataProduct(
    domain="shop", name="orders", owner="team:shop", alignment="source", purpose="What was sold."
)


@orders.internal(partitions=REGIONS)
def raw(context: dg.AssetExecutionContext) -> pl.LazyFrame:
    """Lines of one region as they came."""
    return pl.LazyFrame({"name": [context.partition_key] * 2, "price": [1, 2]})


@orders.port(contract=Line)
def lines(raw: pl.LazyFrame) -> pl.LazyFrame:
    """Every line of all regions."""
    return raw.select(item="name", amount="price")


totals = md.DataProduct(
    domain="report",
    name="totals",
    owner="team:report",
    alignment="aggregate",
    purpose="Sums.",
    inputs={"lines": md.InputPort(SHOP)},
)


@dg.asset
def names() -> pl.DataFrame:
    """Names of all items, made outside of the mesh."""
    return pl.DataFrame({"item": ["east", "west"], "name": ["East", "West"]})


@totals.internal
def summed(lines: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """Amount of each item, in SQL."""
    made = lines.query("lines", "SELECT item, sum(amount)::BIGINT AS amount FROM lines GROUP BY 1")
    assert made is not None  # a query that selects always gives a relation
    return made


totals.adopt(names)


@totals.port(contract=Total, made_from={"share": "summed#amount"})
def sums(summed: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    """Amounts and shares, computed in memory."""
    joined = summed.join(names, on="item")
    share = joined["amount"] / joined["amount"].sum()
    return joined.with_columns(share=share, names=pl.col("name").str.len_chars().cast(pl.Int64))


DEFS = md.definitions(orders, totals)
SUMMED = dg.AssetKey(["report", "totals", "internal", "summed"])
PORT = dg.AssetKey(["report", "totals", "v1", "sums"])
RAW = dg.AssetKey(["shop", "orders", "internal", "raw"])


Results = dict[dg.AssetKey, dg.ExecuteInProcessResult]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the root of the mesh of this file."""
    return tmp_path_factory.mktemp("mesh")


@pytest.fixture(scope="module")
def results(root: Path) -> Iterator[Results]:
    """Run every asset once."""
    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.ephemeral() as instance:
        patch.setenv("MESH_ROOT", str(root))
        for region in REGIONS.get_partition_keys():
            run(DEFS, instance, [RAW], region)
        shop = run(DEFS, instance, [LINES])
        report = run(DEFS, instance, [SUMMED, names.key, PORT])
        assert (shop.success, report.success) == (True, True)
        yield {LINES: shop, SUMMED: report, PORT: report}


def shown(results: Results, key: dg.AssetKey) -> dict[str, list[tuple[str, str]]]:
    """Return Dagster's own column lineage of an asset."""
    known = metadata(results[key], key)["dagster/column_lineage"].deps_by_column
    return {
        name: [(dep.asset_key.to_user_string(), dep.column_name) for dep in deps]
        for name, deps in known.items()
    }


def recorded(results: Results, key: dg.AssetKey) -> Lineage:
    return Lineage.of(metadata(results[key], key)["mesh_dagster/lineage"])


def test_a_whole_port_is_followed_into_a_partitioned_internal(results: Results) -> None:
    assert shown(results, LINES) == {
        "item": [("shop/orders/internal/raw", "name")],
        "amount": [("shop/orders/internal/raw", "price")],
    }
    assert list(recorded(results, LINES).through) == ["shop/orders/internal/raw"]


def test_an_internal_in_sql_shows_the_columns_that_it_reads(results: Results) -> None:
    assert shown(results, SUMMED) == {
        "item": [("shop/orders/v1/lines", "item")],
        "amount": [("shop/orders/v1/lines", "amount")],
    }
    assert recorded(results, SUMMED).columns["amount"] == (
        (SHOP, "amount", "derived", "value"),
        (SHOP, "item", "derived", "row"),
    )


def test_dagster_shows_what_is_declared_and_not_what_is_assumed(results: Results) -> None:
    inner = "report/totals/internal/summed"

    assert shown(results, PORT) == {
        "item": [],
        "amount": [],
        "share": [(inner, "amount")],
        "names": [],
    }
    assert recorded(results, PORT).columns == {
        "item": (("names", "item", "assumed", "value"), (inner, "item", "assumed", "value")),
        "amount": ((inner, "amount", "assumed", "value"),),
        "share": ((inner, "amount", "declared", "value"),),
        "names": (),
    }


def test_the_registry_holds_the_same_with_the_way_through_internals(
    root: Path, results: Results
) -> None:
    [made] = Registry(Store.at(root).registry_url).publications(SUMS)

    known = Lineage.of(made.lineage)
    assert known == recorded(results, PORT)
    assert known.to_ports()["share"] == (
        (SHOP, "amount", "declared", "value"),
        (SHOP, "item", "declared", "row"),
    )
