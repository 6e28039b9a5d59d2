"""What Dagster sees of the products before anything runs."""

import subprocess
import sys
from datetime import timedelta

import dagster as dg
import polars as pl
import pytest

import mesh_dagster as md
from mesh_dagster.compile import names
from mesh_dagster.compile.assets import adopted_for
from mesh_dagster.compile.definitions import products_of
from mesh_dagster.compile.sensors import watching
from tests.compile.scenario import (
    BY_STATION,
    COUNTED,
    DAYS,
    EVENTS,
    RAW_PLAYS,
    Play,
    StationPlays,
    defs,
    plays,
    royalties,
)


def _node(key: dg.AssetKey, definitions: dg.Definitions = defs) -> dg.AssetSpec:
    return definitions.resolve_asset_graph().get(key).to_asset_spec()


def _condition(definitions: dg.Definitions, key: dg.AssetKey) -> str | None:
    condition = definitions.resolve_asset_graph().get(key).automation_condition
    return condition.get_label() if condition else None


def test_ports_and_internals_stand_under_their_addresses() -> None:
    keys = defs.resolve_asset_graph().get_all_asset_keys()

    assert {EVENTS, RAW_PLAYS, BY_STATION, COUNTED} < keys
    assert len(keys) == 5


def test_a_port_says_who_owns_it_and_where_it_belongs() -> None:
    spec = _node(EVENTS)

    assert spec.group_name == "media_player/plays"
    assert list(spec.owners) == ["team:media-player"]
    assert spec.kinds == {"deltalake", "polars"}
    assert spec.description == "Every play once."
    assert spec.partitions_def == DAYS
    assert spec.metadata["mesh_dagster/address"] == "mesh://media_player/plays/v1/events"
    assert spec.metadata["mesh_dagster/contract_version"] == "1.2.0"
    assert {
        "tier": "gold",
        "mesh_dagster/role": "port",
        "mesh_dagster/domain": "media_player",
        "mesh_dagster/product": "plays",
        "mesh_dagster/alignment": "source",
    }.items() <= spec.tags.items()


def test_internals_lie_in_a_group_of_their_own_below_the_product() -> None:
    spec = _node(RAW_PLAYS)

    assert spec.group_name == "media_player/plays/internal"
    assert spec.tags["mesh_dagster/role"] == "internal"
    assert spec.kinds == {"parquet", "polars"}


def test_a_port_written_in_sql_is_shown_as_duckdb() -> None:
    assert _node(BY_STATION).kinds == {"deltalake", "duckdb"}


def test_the_columns_of_a_contract_show_before_the_first_run() -> None:
    schema = _node(EVENTS).metadata["dagster/column_schema"]

    columns = {column.name: column for column in schema.columns}
    assert list(columns) == ["play_id", "station", "song", "played_at"]
    assert columns["play_id"].description == "Number of the play."
    assert columns["played_at"].type == "Datetime(us, UTC)"
    assert columns["play_id"].constraints == dg.TableColumnConstraints(
        nullable=False, unique=True, other=[">= 0"]
    )


def test_an_input_from_another_product_is_an_edge_of_the_graph() -> None:
    graph = defs.resolve_asset_graph()

    assert graph.get(BY_STATION).parent_keys == {EVENTS}
    assert graph.get(COUNTED).parent_keys == {EVENTS}
    assert graph.get(EVENTS).parent_keys == {RAW_PLAYS}


def test_a_consumer_loads_alone_as_its_own_code_location() -> None:
    alone = md.definitions(royalties)

    graph = alone.resolve_asset_graph()
    assert graph.get(BY_STATION).parent_keys == {EVENTS}
    assert not graph.get(EVENTS).is_materializable


def test_a_port_has_one_check_for_each_family_of_rules_and_one_for_its_promise() -> None:
    checks = defs.resolve_asset_graph().asset_check_keys

    found = {key: {c.name for c in checks if c.asset_key == key} for key in (EVENTS, BY_STATION)}
    assert found == {
        EVENTS: {"schema", "values", "keys", "expectations", "freshness"},
        BY_STATION: {"schema", "values", "keys", "expectations"},
    }


def test_the_gate_cannot_be_left_out_of_a_run() -> None:
    selection = dg.AssetSelection.assets(EVENTS).without_checks()
    job = dg.define_asset_job("ungated", selection=selection)

    with pytest.raises(dg.DagsterInvalidDefinitionError):
        dg.Definitions.merge(defs, dg.Definitions(jobs=[job])).resolve_job_def("ungated")


def test_definitions_are_equal_in_every_process() -> None:
    script = (
        "from tests.compile.scenario import defs;"
        "g = defs.resolve_asset_graph();"
        "print([(k.to_user_string(), g.get(k).code_version) for k in g.toposorted_asset_keys])"
    )

    printed = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert len(printed) == 1


def test_the_automation_sensor_runs_without_being_switched_on() -> None:
    sensor = defs.resolve_sensor_def(names.AUTOMATION_SENSOR)

    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING


def test_a_cadence_runs_a_step_by_cron_and_all_others_follow_their_inputs() -> None:
    labels = {key: _condition(defs, key) for key in (RAW_PLAYS, EVENTS, COUNTED)}
    assert labels == {
        RAW_PLAYS: "on_cron(0 * * * *, UTC)",
        EVENTS: "follows inputs",
        COUNTED: "follows inputs",
    }


def test_what_begins_a_pipeline_takes_the_cadence_of_its_port() -> None:
    product = _product()

    @product.internal
    def raw() -> pl.LazyFrame:
        return pl.LazyFrame()

    @product.port(contract=StationPlays, cadence="0 6 * * *")
    def daily(raw: pl.LazyFrame) -> pl.LazyFrame:
        return raw

    alone = md.definitions(product)
    keys = alone.resolve_asset_graph().get_all_asset_keys()
    labels = {_condition(alone, key) for key in keys}
    assert labels == {"on_cron(0 6 * * *, UTC)"}


def test_freshness_shows_as_dagsters_own_policy() -> None:
    policy = _node(EVENTS).freshness_policy

    assert policy == dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=1))


@pytest.mark.parametrize(
    "promise",
    [
        md.Freshness(within=timedelta(hours=30), deadline="0 6 * * *", timezone="Europe/Berlin"),
        md.Freshness(within=timedelta(hours=30), warn=timedelta(seconds=30)),
    ],
)
def test_a_promise_that_no_policy_of_dagster_can_state_shows_as_its_age_alone(
    promise: md.Freshness,
) -> None:
    product = _product()

    @product.port(contract=StationPlays, freshness=promise)
    def daily() -> pl.LazyFrame:
        return pl.LazyFrame()

    [node] = md.definitions(product).resolve_asset_graph().asset_nodes

    assert node.freshness_policy == dg.FreshnessPolicy.time_window(promise.within)


def test_partitions_of_a_wrong_kind_are_refused_when_definitions_load() -> None:
    product = _product()

    @product.port(contract=StationPlays, partitions=["a", "b"])
    def daily() -> pl.LazyFrame:
        return pl.LazyFrame()

    with pytest.raises(md.MeshError) as refused:
        md.definitions(product)

    assert str(refused.value) == (
        "The port 'mesh://sales/orders/v1/daily' has partitions of type list. "
        "Give a Dagster partitions definition."
    )


def test_a_partition_column_needs_partitions() -> None:
    product = _product()

    @product.port(contract=StationPlays, partition_column="station")
    def daily() -> pl.LazyFrame:
        return pl.LazyFrame()

    with pytest.raises(md.MeshError) as refused:
        md.definitions(product)

    assert str(refused.value) == (
        "The port 'mesh://sales/orders/v1/daily' has a partition column but no partitions. "
        "Give it 'partitions' too."
    )


def test_a_partition_column_names_a_dimension_of_the_partitions() -> None:
    product = _product()
    both = dg.MultiPartitionsDefinition(
        {"day": DAYS, "station": dg.StaticPartitionsDefinition(["KSLX"])}
    )

    @product.port(contract=Play, partitions=both, partition_column={"week": "played_at"})
    def daily() -> pl.LazyFrame:
        return pl.LazyFrame()

    with pytest.raises(md.MeshError) as refused:
        md.definitions(product)

    assert str(refused.value) == (
        "The port 'mesh://sales/orders/v1/daily' has a partition column for the dimension 'week', "
        "which its partitions lack. Use one of 'day', 'station'."
    )


@pytest.mark.filterwarnings("ignore::dagster.BetaWarning")
def test_a_source_asset_is_not_adopted_as_it_is() -> None:
    @dg.observable_source_asset
    def stations() -> dg.DataVersion:
        return dg.DataVersion("1")

    product = _product()
    product.adopt(stations)
    [adopted] = product.adopted.values()

    with pytest.raises(md.MeshError) as refused:
        adopted_for(product, adopted)

    assert str(refused.value) == (
        "Product 'sales/orders' adopts 'stations' as a 'SourceAsset'. Give an AssetSpec of its "
        "key, and define it in another code location."
    )


@pytest.mark.parametrize("key", [["stations"], ["sales", "orders", "raw", "stations"]])
def test_the_io_manager_keeps_internals_alone(key: list[str]) -> None:
    context = dg.build_output_context(asset_key=dg.AssetKey(key))

    with pytest.raises(md.MeshError) as refused:
        md.MeshIOManager().handle_output(context, pl.DataFrame({"n": [1]}))

    assert str(refused.value) == (
        f"'{'/'.join(key)}' is no internal of a data product, and MeshIOManager keeps nothing "
        "else. Give it another io_manager_key. Nothing was stored or read."
    )


def test_a_port_keeps_its_key_when_products_come_and_go() -> None:
    alone = md.definitions(plays).resolve_asset_graph()
    together = defs.resolve_asset_graph()

    assert alone.get(EVENTS).code_version == together.get(EVENTS).code_version


def _product(name: str = "orders") -> md.DataProduct:
    return md.DataProduct(
        domain="sales", name=name, owner="team:sales", alignment="source", purpose="Orders."
    )


def test_definitions_of_several_products_merge_into_one_code_location() -> None:
    first, second = _product(), _product("refunds")
    for product in (first, second):

        @product.port(contract=StationPlays)
        def daily() -> pl.LazyFrame:
            return pl.LazyFrame()

    merged = dg.Definitions.merge(md.definitions(first), md.definitions(second))

    location = merged.get_repository_def()
    assert products_of(merged) == (first, second)
    assert {sensor.name for sensor in location.sensor_defs} == {
        names.AUTOMATION_SENSOR,
        names.SLO_SENSOR,
    }
    watched = watching(dg.build_sensor_context(repository_def=location))
    assert sorted(watched.ports) == [
        "mesh://sales/orders/v1/daily",
        "mesh://sales/refunds/v1/daily",
    ]
