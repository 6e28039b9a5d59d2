"""Two majors of one product in one code location, and what the consumer of the old one sees."""

from collections.abc import Iterator
from datetime import date, datetime, timezone
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

import mesh_dagster as md
from mesh_dagster.compile import names
from mesh_dagster.compile.sensors import Watched, enrol, judged
from mesh_dagster.errors import DeprecatedPortWarning
from mesh_dagster.observe.settings import Settings, load_settings
from mesh_dagster.observe.tick import tick
from mesh_dagster.run.overview import overview
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.retired import Retired
from mesh_dagster.run.retirements import retire
from mesh_dagster.run.store import Store
from tests.compile.runs import metadata, run
from tests.compile.scenario import SongPlays, StationPlays

OLD, NEW = "mesh://sales/orders/v1/daily", "mesh://sales/orders/v2/daily"
TOTALS = "mesh://report/totals/v1/stations"
LEAVING = md.Deprecated(date(2026, 10, 1), date(2026, 12, 1), NEW)
TOLD = f"deprecated since 2026-10-01 and promised until 2026-12-01; read '{NEW}' instead"
NOW = datetime(2026, 11, 1, tzinfo=timezone.utc)


def raw_orders() -> pl.LazyFrame:
    """One order for each station."""
    return pl.LazyFrame({"station": ["KSLX", "WAPL"], "song": ["a", "b"]})


def _orders(version: str, state: md.Deprecated | str = "active") -> md.DataProduct:
    product = md.DataProduct(
        domain="sales",
        name="orders",
        version=version,
        owner="team:sales",
        alignment="source",
        purpose="Orders.",
        state=state,  # type: ignore[arg-type]  # as short as a test may write it
    )
    product.internal(raw_orders)
    return product


old = _orders("1.4.0", LEAVING)
new = _orders("2.0.0")


@old.port(contract=StationPlays)
def daily(raw_orders: pl.LazyFrame) -> pl.LazyFrame:
    """Orders of each station."""
    return raw_orders.group_by("station").agg(plays=pl.len().cast(pl.Int64))


def _by_song(raw_orders: pl.LazyFrame) -> pl.LazyFrame:
    return raw_orders.group_by("song").agg(plays=pl.len().cast(pl.Int64))


_by_song.__name__ = "daily"
new.port(contract=SongPlays)(_by_song)

totals = md.DataProduct(
    domain="report",
    name="totals",
    owner="team:report",
    alignment="aggregate",
    purpose="Totals.",
    inputs={"orders": md.InputPort(OLD)},
)


@totals.internal
def counted(orders: pl.LazyFrame) -> pl.LazyFrame:
    """Passed on."""
    return orders


@totals.port(contract=StationPlays)
def stations(counted: pl.LazyFrame) -> pl.LazyFrame:
    """Orders of each station again."""
    return counted


KEYS = {address: dg.AssetKey(md.Address.parse(address).parts) for address in (OLD, NEW, TOTALS)}


@pytest.fixture
def registry(mesh_root: Path) -> Iterator[Registry]:
    del mesh_root
    opened = Registry(Store.at().registry_url)
    yield opened
    opened.close()


def test_two_majors_are_built_from_one_internal_and_read_side_by_side(registry: Registry) -> None:
    defs = md.definitions(old, new, totals)
    with dg.DagsterInstance.ephemeral() as instance:
        result = run(defs, instance, [spec.key for spec in defs.resolve_all_asset_specs()])
        shown = metadata(result, KEYS[TOTALS])
        logged = instance.all_logs(result.run_id)

    assert result.success
    with pytest.warns(DeprecatedPortWarning):
        old_columns = md.read(OLD).collect_schema().names()
    assert (old_columns, md.read(NEW).collect_schema().names()) == (
        ["station", "plays"],
        ["song", "plays"],
    )
    assert {status.address: status.state for status in overview(registry)} == {
        OLD: "deprecated",
        NEW: "active",
        TOTALS: "active",
    }
    assert shown[names.INPUT_STATES] == {
        OLD: {
            "name": "deprecated",
            "since": "2026-10-01",
            "until": "2026-12-01",
            "successor": NEW,
        }
    }
    assert f"{TOTALS} reads {OLD}, which is {TOLD}" in [entry.user_message for entry in logged]


def test_a_deprecated_port_says_so_wherever_dagster_shows_it() -> None:
    specs = {spec.key: spec for spec in md.definitions(old, new).resolve_all_asset_specs()}

    leaving, staying = specs[KEYS[OLD]], specs[KEYS[NEW]]
    assert leaving.description == f"**This port is {TOLD}.**\n\nOrders of each station."
    assert leaving.metadata[names.LIFECYCLE] == TOLD
    assert leaving.tags[names.LIFECYCLE_TAG] == "deprecated"
    assert names.LIFECYCLE not in staying.metadata
    assert names.LIFECYCLE_TAG not in staying.tags
    assert len(specs) == 3


def test_the_consumers_of_a_deprecated_port_are_told_once(registry: Registry) -> None:
    settings = _settings()
    for location in (Watched([totals], "report"), Watched([old, new], "sales")):
        enrol(location, registry, settings, NOW)

    for _ in range(2):
        tick(judged(Watched([old, new], "sales"), registry, NOW), registry, settings, NOW)

    told = (Path(Store.at().root) / "told.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(told) == 1
    assert f"reads {OLD}, which is deprecated and promised until 2026-12-01" in told[0]


def test_a_retired_port_is_watched_no_more_though_it_is_declared(registry: Registry) -> None:
    settings = _settings()
    before = Watched([old, new], "sales")
    enrol(before, registry, settings, NOW)

    retire(Retired(OLD, NOW, NEW), Store.at(), registry)
    after = Watched([old, new], "sales", ended=frozenset({OLD}))
    enrol(after, registry, settings, NOW)
    tick(judged(after, registry, NOW), registry, settings, NOW)

    assert (sorted(before.ports), sorted(after.ports)) == ([OLD, NEW], [NEW])
    assert before.cursor != after.cursor
    assert {p["address"]: p["withdrawn_at"] for p in registry.ports()} == {OLD: NOW, NEW: None}


def _settings() -> Settings:
    root = Path(Store.at().root)
    (root / "alerts.yaml").write_text(
        f"default: told\nsinks:\n  told: {{type: file, path: {root}/told.jsonl}}\n",
        encoding="utf-8",
    )
    return load_settings(Store.at())
