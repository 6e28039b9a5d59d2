"""What runs of the products leave behind, in Dagster and in the mesh."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

import mesh_dagster as md
from mesh_dagster.run.failures import standing_failures
from mesh_dagster.run.reads import readers
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.store import Store
from tests.compile.runs import evaluations, failure, materialized, metadata, publish_day, run
from tests.compile.scenario import (
    BY_SONG,
    BY_STATION,
    CANARY,
    COUNTED,
    EVENTS,
    FAULT,
    FIRST,
    RAW_PLAYS,
    SECOND,
    THIRD,
    StationPlays,
    defs,
    many_processes,
)

ADDRESS = "mesh://media_player/plays/v1/events"
STATIONS = dg.StaticPartitionsDefinition(["KSLX"])


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture
def registry() -> Iterator[Registry]:
    opened = Registry(Store.at().registry_url)
    yield opened
    opened.close()


def test_a_good_batch_is_published_checked_and_described(
    instance: dg.DagsterInstance, mesh_root: Path
) -> None:
    result = publish_day(defs, instance, FIRST)

    known = metadata(result, EVENTS)
    assert result.success
    assert known["dagster/row_count"] == 10
    assert known["dagster/partition_row_count"] == 10
    assert known["dagster/uri"] == f"{mesh_root}/media_player/plays/v1/events"
    assert known["mesh_dagster/address"] == ADDRESS
    assert known["mesh_dagster/version"] == 0
    assert known["mesh_dagster/rejected_rows"] == 0
    newest = datetime(2026, 1, 1, 9, tzinfo=timezone.utc).timestamp()
    assert known["mesh_dagster/data_time"] == newest
    assert evaluations(result) == {
        "schema": (True, "WARN"),
        "values": (True, "WARN"),
        "keys": (True, "WARN"),
        "expectations": (True, "WARN"),
        "freshness": (False, "ERROR"),
    }


def test_checks_come_after_the_materialization_that_they_judge(
    instance: dg.DagsterInstance,
) -> None:
    result = publish_day(defs, instance, FIRST)

    step = "media_player__plays__v1__events"
    kinds = [e.event_type_value for e in result.all_events if e.step_key == step]
    order = [k for k in kinds if k in {"ASSET_MATERIALIZATION", "ASSET_CHECK_EVALUATION"}]
    assert order == ["ASSET_MATERIALIZATION"] + ["ASSET_CHECK_EVALUATION"] * 5


def test_a_check_lists_every_rule_with_its_failing_rows(instance: dg.DagsterInstance) -> None:
    result = publish_day(defs, instance, FIRST)

    [values] = [e for e in result.get_asset_check_evaluations() if e.check_name == "values"]
    table = values.metadata["mesh_dagster/rules"]
    assert isinstance(table, dg.TableMetadataValue)
    rules = [record.data for record in table.records]
    assert [rule["rule"] for rule in rules] == [
        "play_id not null",
        "play_id >= 0",
        "station not null",
        "station isin(['KSLX', 'WAPL'])",
        "song not null",
        "played_at not null",
        "played_at within the partition",
    ]
    assert {rule["failing_rows"] for rule in rules} == {0}


def test_a_refused_batch_fails_its_checks_and_materializes_nothing(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_day(defs, instance, FIRST)
    monkeypatch.setenv(FAULT, "bad_station")

    result = publish_day(defs, instance, FIRST)

    assert not result.success
    assert materialized(result) == [RAW_PLAYS]
    assert evaluations(result)["values"] == (False, "ERROR")
    assert md.read(ADDRESS).select(pl.len()).collect().item() == 10
    assert set(md.read(ADDRESS).collect()["station"]) == {"KSLX", "WAPL"}
    assert failure(result) == (
        f"'{ADDRESS}' failed 1 of 12 rules: 'station isin(['KSLX', 'WAPL'])' on 10 of 10 rows. "
        "Nothing was published; version 0 stays current. Fix the batch: 0 of 10 rows are valid, "
        f"90% were promised, and the others lie at '{ADDRESS}?quarantine'."
    )


def test_a_refused_batch_stops_what_comes_after_it_in_the_run(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_day(defs, instance, FIRST)
    run(defs, instance, [COUNTED, BY_STATION, BY_SONG])
    monkeypatch.setenv(FAULT, "bad_station")

    result = run(defs, instance, [RAW_PLAYS, EVENTS, BY_STATION], FIRST)

    assert not result.success
    assert materialized(result) == [RAW_PLAYS]


def test_a_refused_batch_is_not_tried_again(
    instance: dg.DagsterInstance, registry: Registry
) -> None:
    product = _orders()
    tries: list[int] = []

    @product.port(contract=StationPlays, retry_policy=dg.RetryPolicy(max_retries=3))
    def daily() -> pl.DataFrame:
        tries.append(1)
        return pl.DataFrame({"station": ["KSLX"], "plays": [0]})

    result = run(
        md.definitions(product), instance, [dg.AssetKey(["sales", "orders", "v1", "daily"])]
    )

    assert not result.success
    assert len(tries) == 1
    assert len(registry.refusals("mesh://sales/orders/v1/daily")) == 1
    assert standing_failures(registry, ["mesh://sales/orders/v1/daily"]) == []


def test_a_crash_is_recorded_by_its_type_unless_it_is_tried_again(
    instance: dg.DagsterInstance, registry: Registry
) -> None:
    errors: dict[str, Exception] = {
        "crashing": RuntimeError(CANARY),
        "failing": dg.Failure(CANARY, allow_retries=False),
        "mended": RuntimeError(CANARY),
        "requested": dg.RetryRequested(max_retries=1),
    }
    product, tries = _crashes(errors)
    keys = [dg.AssetKey(["sales", "orders", "v1", name]) for name in errors]
    raw = dg.AssetKey(["sales", "orders", "internal", "raw"])

    result = run(md.definitions(product), instance, [*keys, raw])

    addresses = [row["address"] for row in registry.ports()]
    found = sorted(standing_failures(registry, addresses), key=lambda one: one.address)
    assert [(one.address.rpartition("/")[2], one.slice, one.error) for one in found] == [
        ("crashing", "", "RuntimeError"),
        ("failing", "", "Failure"),
        ("requested", "", "RetryRequested"),
        ("through", "", "ColumnNotFoundError"),
    ]
    assert {one.run_id for one in found} == {result.run_id}
    assert Counter(tries) == {"crashing": 2, "failing": 1, "requested": 2, "mended": 2}


def test_a_crash_is_raised_as_it_came_where_the_registry_is_lost(
    instance: dg.DagsterInstance, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = _orders()

    @product.port(contract=StationPlays)
    def daily() -> pl.DataFrame:
        monkeypatch.setenv("MESH_REGISTRY", "sqlite:////proc/registry.sqlite")
        raise RuntimeError

    result = run(
        md.definitions(product), instance, [dg.AssetKey(["sales", "orders", "v1", "daily"])]
    )

    assert "RuntimeError" in failure(result)
    assert registry.ports() == []


def _crashes(errors: Mapping[str, Exception]) -> tuple[md.DataProduct, list[str]]:
    """Return a product whose ports crash, but for one that recovers, and a list of their tries."""
    product, tries = _orders(), list[str]()

    def declare(name: str, error: Exception) -> None:
        def build() -> pl.DataFrame:
            tries.append(name)
            if name == "mended" and tries.count(name) == 2:
                return pl.DataFrame({"station": ["KSLX"], "plays": [1]})
            raise error

        build.__name__ = name
        product.port(contract=StationPlays, retry_policy=dg.RetryPolicy(max_retries=1))(build)

    for name, error in errors.items():
        declare(name, error)

    @product.internal
    def raw() -> pl.LazyFrame:
        return pl.LazyFrame({"name": ["KSLX"]}).select("station")

    @product.internal
    def cleaned(raw: pl.LazyFrame) -> pl.LazyFrame:
        raise NotImplementedError

    @product.port(contract=StationPlays, partitions=STATIONS, partition_column="station")
    def through(cleaned: pl.LazyFrame) -> pl.LazyFrame:
        raise NotImplementedError

    return product, tries


def test_rejected_rows_are_set_aside_and_the_rest_is_published(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FAULT, "null_song")

    result = publish_day(defs, instance, FIRST)

    assert result.success
    assert evaluations(result)["values"] == (False, "WARN")
    assert md.read(ADDRESS).collect().height == 9
    aside = md.read(f"{ADDRESS}?quarantine").collect()
    assert aside["mesh_rules"].to_list() == [["song not null"]]


def test_a_promise_that_cannot_be_judged_fails_no_run_that_has_published(
    instance: dg.DagsterInstance,
) -> None:
    publish_day(defs, instance, FIRST)
    registry = Registry(Store.at().registry_url)
    with registry.begin() as connection:
        broken = "BEGIN UPDATE ports SET declaration = '{'; END"
        connection.exec_driver_sql(f"CREATE TRIGGER t AFTER INSERT ON publications {broken}")

    result = publish_day(defs, instance, SECOND)

    assert result.success
    assert materialized(result) == [RAW_PLAYS, EVENTS]
    assert evaluations(result)["freshness"] == (False, "WARN")


def test_a_partition_replaces_itself_and_no_other(instance: dg.DagsterInstance) -> None:
    for day in (FIRST, SECOND, THIRD, SECOND):
        publish_day(defs, instance, day)

    days = md.read(ADDRESS).group_by(pl.col("played_at").dt.date()).len().collect()
    assert sorted(days["len"]) == [10, 10, 10]


def test_rows_of_another_partition_are_refused(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FAULT, "wrong_day")

    result = publish_day(defs, instance, FIRST)

    assert not result.success
    assert failure(result) == (
        f"'{ADDRESS}' failed 1 of 12 rules: 'played_at within the partition' on 10 of 10 rows. "
        "Nothing was published; there is no earlier version. Fix the batch; none of its rows "
        "could be set aside."
    )


def test_a_consumer_reads_all_partitions_in_every_kind_of_frame(
    instance: dg.DagsterInstance,
) -> None:
    for day in (FIRST, SECOND):
        publish_day(defs, instance, day)

    result = run(defs, instance, [COUNTED, BY_STATION, BY_SONG])

    assert result.success
    stations = md.read("mesh://payments/royalties/v1/by_station").collect().sort("station")
    assert stations.rows() == [("KSLX", 12), ("WAPL", 8)]
    assert md.read("mesh://payments/royalties/v1/by_song").collect()["plays"].sum() == 20


def test_a_port_without_partitions_stays_whole_in_a_run_of_a_partition(
    instance: dg.DagsterInstance,
) -> None:
    for day in (FIRST, SECOND):
        result = run(defs, instance, [RAW_PLAYS, EVENTS, BY_STATION], day)
        assert result.success

    stations = md.read("mesh://payments/royalties/v1/by_station").collect()
    assert stations.height == 2


def test_a_publication_knows_the_versions_it_was_made_from(
    instance: dg.DagsterInstance, registry: Registry
) -> None:
    for day in (FIRST, SECOND):
        publish_day(defs, instance, day)

    result = run(defs, instance, [COUNTED, BY_STATION, BY_SONG])

    latest = registry.latest()
    direct = latest["mesh://payments/royalties/v1/by_station"]
    by_internal = latest["mesh://payments/royalties/v1/by_song"]
    assert direct.inputs == {ADDRESS: 1}
    assert by_internal.inputs == {ADDRESS: 1}
    assert direct.run_id == result.run_id
    [reader] = readers(registry, [ADDRESS])
    assert (reader.reader, reader.way, reader.last_version) == ("payments/royalties v1", "build", 1)


def test_products_register_themselves_with_their_first_publication(
    instance: dg.DagsterInstance, registry: Registry
) -> None:
    publish_day(defs, instance, FIRST)

    [product] = registry.products()
    [port] = registry.ports()
    assert (product["key"], product["version"], product["owner"]) == (
        "media_player/plays",
        "1.2.0",
        "team:media-player",
    )
    assert port["address"] == ADDRESS
    assert [column["name"] for column in port["declaration"]["contract"]["columns"]] == [
        "play_id",
        "station",
        "song",
        "played_at",
    ]


def test_column_lineage_follows_the_plan_to_the_stored_columns(
    instance: dg.DagsterInstance,
) -> None:
    result = publish_day(defs, instance, FIRST)

    lineage = metadata(result, EVENTS)["dagster/column_lineage"].deps_by_column
    assert {
        name: [(d.asset_key, d.column_name) for d in deps] for name, deps in lineage.items()
    } == {name: [(RAW_PLAYS, name)] for name in ("play_id", "station", "song", "played_at")}


def test_no_value_of_the_data_reaches_dagster(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = [publish_day(defs, instance, FIRST), run(defs, instance, [COUNTED, BY_SONG])]
    for fault in ("null_song", "bad_station", "wrong_day"):
        monkeypatch.setenv(FAULT, fault)
        results.append(publish_day(defs, instance, FIRST))

    logs = [
        dg.serialize_value(entry)
        for result in results
        for entry in instance.all_logs(result.run_id)
    ]
    assert len(logs) > 50
    assert not any(CANARY in entry for entry in logs)


def test_eager_consumers_follow_a_publication_and_ignore_a_refusal(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_day(defs, instance, THIRD)
    run(defs, instance, [BY_STATION])
    first = _evaluate(instance, None)

    monkeypatch.setenv(FAULT, "bad_station")
    publish_day(defs, instance, THIRD)
    after_refusal = _evaluate(instance, first.cursor)
    monkeypatch.delenv(FAULT)
    publish_day(defs, instance, THIRD)
    after_publication = _evaluate(instance, after_refusal.cursor)

    assert after_refusal.total_requested == 0
    assert after_publication.total_requested == 1


def test_existing_assets_join_a_product_without_being_rewritten(
    instance: dg.DagsterInstance,
) -> None:
    @dg.asset(key=["warehouse", "stations"], io_manager_key="memory")
    def stations() -> pl.DataFrame:
        return pl.DataFrame({"station": ["KSLX"], "plays": [3]})

    @dg.asset(key=["warehouse", "landed"])
    def landed() -> None: ...

    product = _orders()
    product.adopt(stations)
    product.adopt(landed, name="extra", load=lambda: pl.DataFrame({"factor": [2]}))

    @product.port(contract=StationPlays)
    def daily(stations: pl.DataFrame, extra: pl.LazyFrame) -> pl.LazyFrame:
        joined = stations.lazy().join(extra, how="cross")
        return joined.with_columns(pl.col("plays") * pl.col("factor"))

    definitions = md.definitions(product, resources={"memory": dg.mem_io_manager})
    keys = [stations.key, landed.key, dg.AssetKey(["sales", "orders", "v1", "daily"])]

    result = run(definitions, instance, keys)

    assert result.success
    assert definitions.resolve_asset_graph().get(keys[2]).parent_keys == set(keys[:2])
    assert definitions.resolve_asset_graph().get(keys[0]).group_name == "sales/orders/internal"
    assert md.read("mesh://sales/orders/v1/daily").collect().rows() == [("KSLX", 6)]


def test_a_build_function_takes_resources_by_annotation(instance: dg.DagsterInstance) -> None:
    class Factor(dg.ConfigurableResource):  # type: ignore[type-arg]  # Dagster's own base
        value: int

    product = _orders()

    @product.port(contract=StationPlays)
    def daily(context: dg.AssetExecutionContext, factor: Factor) -> pl.DataFrame:
        return pl.DataFrame({"station": ["KSLX"], "plays": [factor.value]})

    definitions = md.definitions(product, resources={"factor": Factor(value=7)})
    result = run(definitions, instance, [dg.AssetKey(["sales", "orders", "v1", "daily"])])

    assert result.success
    assert md.read("mesh://sales/orders/v1/daily").collect()["plays"].item() == 7


def test_the_mesh_resource_says_where_everything_lies(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    product = _orders()

    @product.internal
    def raw() -> pl.DataFrame:
        return pl.DataFrame({"station": ["KSLX"], "plays": [1]})

    @product.port(contract=StationPlays)
    def daily(raw: pl.LazyFrame) -> pl.LazyFrame:
        return raw

    elsewhere = tmp_path / "else where"
    definitions = md.definitions(product, resources={"mesh": md.MeshResource(root=str(elsewhere))})
    keys = sorted(definitions.resolve_asset_graph().get_all_asset_keys())

    result = run(definitions, instance, keys)

    assert result.success
    assert (elsewhere / "registry.sqlite").exists()
    assert (elsewhere / "sales/orders/internal/raw/whole/current").exists()
    store = Store.at(elsewhere)
    assert md.read("mesh://sales/orders/v1/daily", store=store).collect().height == 1


def test_an_internal_that_returns_no_frame_says_so(instance: dg.DagsterInstance) -> None:
    product = _orders()

    @product.internal
    def raw() -> object:
        return {"station": CANARY}

    @product.port(contract=StationPlays)
    def daily(raw: pl.LazyFrame) -> pl.LazyFrame:
        return raw

    definitions = md.definitions(product)
    result = run(definitions, instance, [dg.AssetKey(["sales", "orders", "internal", "raw"])])

    assert not result.success
    assert (
        "'sales/orders/internal/raw' returned a dict; expected a polars LazyFrame or DataFrame, a "
        "DuckDB relation or a pyarrow Table. Use one of these. Nothing was published."
    ) in failure(result)


def test_each_step_may_run_in_a_process_of_its_own() -> None:
    with dg.DagsterInstance.get() as instance:
        publish_day(defs, instance, FIRST)
        job = dg.reconstructable(many_processes)

        with dg.execute_job(job, instance=instance) as result:
            assert result.success

    assert md.read("mesh://payments/royalties/v1/by_song").collect().height == 2
    assert md.read("mesh://payments/royalties/v1/by_station").collect().height == 2


def _evaluate(
    instance: dg.DagsterInstance,
    cursor: Any,  # noqa: ANN401 - Dagster has no public name for its type
) -> dg.EvaluateAutomationConditionsResult:
    return dg.evaluate_automation_conditions(
        defs, instance, dg.AssetSelection.assets(BY_STATION), cursor=cursor
    )


def _orders() -> md.DataProduct:
    return md.DataProduct(
        domain="sales", name="orders", owner="team:sales", alignment="source", purpose="Orders."
    )
