"""Run every example domain through Dagster, on generated and on real input."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

import dagster as dg
import polars as pl
import pytest

import mesh_dagster as md
from example_domains.sales.source import BAD_DAY
from tests.examples.published import RanOnce, run_all, run_product

_GENERATED_ROWS = {
    "mesh://media_player/plays/v1/events": 2_990,
    "mesh://media_player/songs/v1/catalogue": 126,
    "mesh://catalogue/music/v1/artists": 30,
    "mesh://catalogue/music/v1/albums": 40,
    "mesh://catalogue/music/v1/tracks": 400,
    "mesh://sales/invoices/v1/invoices": 120,
    "mesh://sales/invoices/v1/lines": 584,
    "mesh://labels/releases/v1/labels": 80,
    "mesh://labels/releases/v1/releases": 100,
    "mesh://labels/releases/v1/catalogue_numbers": 111,
    "mesh://royalties/royalties/v1/monthly": 353,
    "mesh://royalties/royalties/v1/plays_per_artist": 21,
    "mesh://listening/sessions/v1/hourly": 1_158,
}
_REAL_ROWS = {
    "mesh://media_player/plays/v1/events": 37_342,
    "mesh://media_player/songs/v1/catalogue": 2_229,
    "mesh://catalogue/music/v1/artists": 275,
    "mesh://catalogue/music/v1/albums": 347,
    "mesh://catalogue/music/v1/tracks": 3_503,
    "mesh://sales/invoices/v1/invoices": 412,
    "mesh://sales/invoices/v1/lines": 2_240,
    "mesh://labels/releases/v1/labels": 1_000,
    "mesh://labels/releases/v1/releases": 1_000,
    "mesh://labels/releases/v1/catalogue_numbers": 1_135,
    "mesh://royalties/royalties/v1/monthly": 666,
    "mesh://royalties/royalties/v1/plays_per_artist": 476,
    "mesh://listening/sessions/v1/hourly": 2_946,
}
_PLAYS = "mesh://media_player/plays/v1/events"
_LINES = "mesh://sales/invoices/v1/lines"


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def _rows(addresses: dict[str, int]) -> dict[str, int]:
    counted = pl.collect_all([md.read(address).select(pl.len()) for address in addresses])
    return dict(zip(addresses, (int(count.item()) for count in counted), strict=True))


def _removed(results: Sequence[dg.ExecuteInProcessResult]) -> int:
    events = [event for result in results for event in result.get_asset_materialization_events()]
    values = [event.materialization.metadata.get("true_duplicates_removed") for event in events]
    return sum(int(str(value.value)) for value in values if value)


def test_every_domain_publishes_what_its_generator_made(published: RanOnce) -> None:
    results = published.results

    assert [result.success for result in results] == [True] * len(results)
    assert _rows(_GENERATED_ROWS) == _GENERATED_ROWS
    assert _removed(results) == 25
    assert md.read(f"{_PLAYS}?quarantine").collect().height == 10


@pytest.mark.usefixtures("real")
def test_every_domain_publishes_the_real_input(instance: dg.DagsterInstance) -> None:
    results = list(run_all(instance))

    quarantined = md.read(f"{_PLAYS}?quarantine").collect()

    assert [result.success for result in results] == [True] * len(results)
    assert _rows(_REAL_ROWS) == _REAL_ROWS
    assert _removed(results) == 305
    assert quarantined.height == 26
    assert quarantined["mesh_rules"].list.contains("song not null").all()
    assert md.read(_LINES).select(pl.col("amount").sum()).collect().item() == Decimal("2328.60")


@pytest.mark.usefixtures("generated")
def test_a_bad_day_is_refused_and_the_good_lines_stay_served(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_product("sales", "invoices", instance)
    good = md.read(_LINES).collect()
    monkeypatch.setenv(BAD_DAY, "1")

    result = run_product("sales", "invoices", instance)

    failed = {
        (check.asset_key.to_user_string(), check.check_name)
        for check in result.get_asset_check_evaluations()
        if not check.passed
    }
    made = {e.asset_key for e in result.get_asset_materialization_events()}
    assert failed == {
        ("sales/invoices/v1/invoices", "values"),
        ("sales/invoices/v1/lines", "values"),
    }
    assert made == {
        dg.AssetKey(["sales", "invoices", "internal", "raw_invoices"]),
        dg.AssetKey(["sales", "invoices", "internal", "raw_lines"]),
    }
    assert md.read(_LINES).collect().equals(good)
