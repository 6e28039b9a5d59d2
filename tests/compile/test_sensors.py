"""The sensor that watches promises: what it writes, tells and shows."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

import mesh_dagster as md
from mesh_dagster.compile import names
from mesh_dagster.compile.sensors import Watched, enrol, judged
from mesh_dagster.errors import SecretMissingError
from mesh_dagster.observe.judgement import statuses
from mesh_dagster.observe.ledger import open_breaches
from mesh_dagster.observe.settings import Settings, load_settings
from mesh_dagster.observe.tick import Tick, tick
from mesh_dagster.observe.vitals import vitals
from mesh_dagster.run.registry import Refusal, Registry
from mesh_dagster.run.store import Store
from tests.compile.runs import run
from tests.compile.scenario import StationPlays

ADDRESS = "mesh://sales/orders/v1/daily"
PORT = dg.AssetKey(["sales", "orders", "v1", "daily"])
HOUR = timedelta(hours=1)


def _orders(port: str = "daily") -> md.DataProduct:
    product = md.DataProduct(
        domain="sales", name="orders", owner="team:sales", alignment="source", purpose="Orders."
    )

    def daily() -> pl.DataFrame:
        return pl.DataFrame({"station": ["KSLX"], "plays": [1]})

    daily.__name__ = port
    product.port(contract=StationPlays, freshness=md.Freshness(within=HOUR))(daily)
    return product


@pytest.fixture
def registry(mesh_root: Path) -> Iterator[Registry]:
    opened = Registry(Store.at().registry_url)
    (mesh_root / "alerts.yaml").write_text(
        f"default: told\nsinks:\n  told: {{type: file, path: {mesh_root}/told.jsonl}}\n",
        encoding="utf-8",
    )
    yield opened
    opened.close()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


def _told(root: Path) -> list[str]:
    lines = (root / "told.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["type"] for line in lines]


def test_the_sensor_runs_without_being_switched_on() -> None:
    sensor = md.definitions(_orders()).resolve_sensor_def(names.SLO_SENSOR)

    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING


def test_the_sensor_registers_what_was_never_published(registry: Registry) -> None:
    first = _evaluate(_orders(), None)
    second = _evaluate(_orders(), first.cursor)

    assert [port["address"] for port in registry.ports()] == [ADDRESS]
    assert second.cursor == first.cursor


def test_the_sensor_registers_anew_what_a_product_expects_otherwise() -> None:
    fingerprints = set()
    for columns in (None, ["plays"], ["station"]):
        product = _orders()
        product.inputs["other"] = md.InputPort("mesh://a/b/v1/c", columns=columns)
        fingerprints.add(Watched([product]).fingerprint)

    assert len(fingerprints) == 3


def test_the_sensor_reports_a_judgement_once(
    instance: dg.DagsterInstance, registry: Registry
) -> None:
    run(md.definitions(_orders()), instance, [PORT])

    first = _evaluate(_orders(), None)
    second = _evaluate(_orders(), first.cursor)

    [event] = first.asset_events
    assert isinstance(event, dg.AssetCheckEvaluation)
    assert (event.asset_key, event.check_name, event.passed) == (PORT, "freshness", True)
    assert event.description == "The data is as new as promised."
    assert second.asset_events == []


def test_what_a_killed_tick_recorded_is_shown_by_the_next(
    instance: dg.DagsterInstance, registry: Registry
) -> None:
    product = _orders()
    watched, settings = Watched([product]), load_settings(Store.at())
    first = _evaluate(product, None)
    run(md.definitions(product), instance, [PORT])

    _tick(watched, registry, settings, datetime.now(timezone.utc))
    second = _evaluate(product, first.cursor)
    third = _evaluate(product, second.cursor)

    assert [event.description for event in first.asset_events] == ["Nothing is due now."]
    assert [event.description for event in second.asset_events] == [
        "The data is as new as promised."
    ]
    assert third.asset_events == []


def test_a_breach_is_told_once_and_its_end_to_whom_it_was_told(
    instance: dg.DagsterInstance, registry: Registry, mesh_root: Path
) -> None:
    product = _orders()
    watched = Watched([product])
    settings = load_settings(Store.at())
    run(md.definitions(product), instance, [PORT])
    now = datetime.now(timezone.utc)

    _tick(watched, registry, settings, now)
    for late in (2, 2.1, 2.2):
        _tick(watched, registry, settings, now + late * HOUR)
    breached = _told(mesh_root)
    with registry.begin() as connection:
        opened = list(open_breaches(connection).values())
    run(md.definitions(product), instance, [PORT])
    _tick(watched, registry, settings, datetime.now(timezone.utc) + timedelta(seconds=1))

    assert [breach["address"] for breach in opened] == [ADDRESS]
    assert len(breached) == 1
    assert len(_told(mesh_root)) == 2


def test_a_port_that_left_the_code_is_judged_no_longer(registry: Registry) -> None:
    first = _evaluate(_orders(), None)
    both = [status.address for status in statuses(registry, datetime.now(timezone.utc))]

    _evaluate(_orders(port="weekly"), first.cursor)

    assert both == [ADDRESS, ADDRESS]
    assert {one.address for one in statuses(registry, datetime.now(timezone.utc))} == {
        "mesh://sales/orders/v1/weekly"
    }


def test_a_sensor_takes_back_what_another_withdrew_although_it_is_declared(
    registry: Registry,
) -> None:
    here = Watched([_orders()])
    there = Watched([_orders(port="weekly")])
    settings, now = load_settings(Store.at()), datetime.now(timezone.utc)
    enrol(here, registry, settings, now)
    enrol(there, registry, settings, now)

    _tick(here, registry, settings, now + HOUR)

    assert len(statuses(registry, now + HOUR)) == 4
    assert vitals(registry).judged_at == {":sales": now + HOUR}


def test_a_sink_that_cannot_work_fails_the_tick_once_the_rest_is_done(
    registry: Registry, mesh_root: Path
) -> None:
    settings = mesh_root / "alerts.yaml"
    working = settings.read_text("utf-8").replace("told\nsinks:", "[ops, told]\nsinks:")
    settings.write_text(f"{working}  ops: {{type: slack, url: env:NOT_SET}}\n", encoding="utf-8")
    begun = datetime.now(timezone.utc)
    registry.refuse(Refusal(ADDRESS, "r1", begun, "", 1, {"plays >= 1": 1}))

    first = _evaluate(_orders(), None)
    with pytest.raises(SecretMissingError, match="'NOT_SET'"):
        _evaluate(_orders(), first.cursor)

    assert len(first.asset_events) == 1
    assert [kind.rpartition(".")[2] for kind in _told(mesh_root)] == ["breach", "refused"]
    assert vitals(registry).judged_at[":sales"] > begun


@pytest.mark.parametrize("cursor", ["of old", "[]", "{}", '{"judge": 1}'])
def test_a_cursor_that_people_have_set_is_taken_for_none(registry: Registry, cursor: str) -> None:
    assert _evaluate(_orders(), cursor).cursor == _evaluate(_orders(), None).cursor
    assert len(statuses(registry, datetime.now(timezone.utc))) == 2


def test_a_forged_materialization_renews_no_promise(
    instance: dg.DagsterInstance, registry: Registry
) -> None:
    product = _orders()
    run(md.definitions(product), instance, [PORT])
    later = datetime.now(timezone.utc) + 2 * HOUR

    instance.report_runless_asset_event(dg.AssetMaterialization(PORT))
    done = _tick(Watched([product]), registry, load_settings(Store.at()), later)

    assert [status.state for status in done.changes.changed if status.objective == "freshness"] == [
        "breached"
    ]


def _tick(watched: Watched, registry: Registry, settings: Settings, now: datetime) -> Tick:
    found = judged(watched, registry, now)
    return tick(found, registry, settings, now, judge=watched.watcher.judge)


def _evaluate(product: md.DataProduct, cursor: str | None) -> dg.SensorResult:
    location = md.definitions(product).get_repository_def()
    sensor = location.get_sensor_def(names.SLO_SENSOR)
    resources = {"mesh": md.MeshResource()}
    context = dg.build_sensor_context(cursor=cursor, resources=resources, repository_def=location)
    result = sensor(context)
    assert isinstance(result, dg.SensorResult)
    return result
