"""Events of real runs: what is told of a publication, a refusal and a build that breaks."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pandera.polars as pa
import polars as pl
import pytest

import mesh_dagster as md
from tests.compile.runs import failure, materialized, publish_day, run
from tests.compile.scenario import BY_STATION, CANARY, EVENTS, FAULT, FIRST, defs

PLAYS = ("mesh://media_player", "plays/v1/events")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "lineage.jsonl"
    monkeypatch.setenv("MESH_OPENLINEAGE", f"file:{path}")
    return path


def read(path: Path) -> list[dict[str, Any]]:  # Any: JSON
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def heads(path: Path) -> list[tuple[str, str]]:
    return [(event["job"]["name"], event["eventType"]) for event in read(path)]


def test_publications_and_refusals_are_told_as_they_end(
    told: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = publish_day(defs, instance, FIRST)
    run(defs, instance, [BY_STATION])
    monkeypatch.setenv(FAULT, "bad_station")
    refused = publish_day(defs, instance, FIRST)

    events, [port, audit] = read(told), (PLAYS[1], f"{PLAYS[1]}/audit")
    consumer = "royalties/v1/by_station"
    assert heads(told) == [
        *[(port, "START"), (audit, "COMPLETE"), (port, "COMPLETE")],
        *[(consumer, "START"), (f"{consumer}/audit", "COMPLETE"), (consumer, "COMPLETE")],
        *[(port, "START"), (audit, "COMPLETE"), (port, "FAIL")],
    ]
    assert [(one["namespace"], one["name"]) for one in events[5]["inputs"]] == [PLAYS]
    [station] = events[5]["outputs"][0]["facets"]["columnLineage"]["fields"]["station"][
        "inputFields"
    ]
    assert (station["namespace"], station["name"], station["field"]) == (*PLAYS, "station")
    assert events[2]["run"]["facets"]["parent"]["run"]["runId"] == first.run_id
    assert events[8]["run"]["facets"]["errorMessage"]["message"] == failure(refused)
    assert CANARY not in told.read_text(encoding="utf-8")


def broken_product() -> dg.Definitions:
    class Row(pa.DataFrameModel):
        n: int

    product = md.DataProduct(
        domain="shop", name="broken", owner="team:shop", alignment="source", purpose="Breaks."
    )

    @product.port(contract=Row)
    def rows() -> pl.LazyFrame:
        raise RuntimeError(CANARY)

    return md.definitions(product)


def test_a_build_that_breaks_is_told_without_the_text_of_its_error(
    told: Path, instance: dg.DagsterInstance
) -> None:
    run(broken_product(), instance, [dg.AssetKey(["shop", "broken", "v1", "rows"])])

    assert heads(told) == [("broken/v1/rows", "START"), ("broken/v1/rows", "FAIL")]
    assert read(told)[1]["run"]["facets"]["errorMessage"]["message"] == (
        "The build stopped on a RuntimeError."
    )


def test_trouble_in_telling_leaves_a_line_in_the_log_and_the_publication(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESH_OPENLINEAGE", "http://127.0.0.1:9")

    result = publish_day(defs, instance, FIRST)

    assert result.success
    assert EVENTS in materialized(result)
    assert warnings(instance, result.run_id) == [
        (
            "mesh://media_player/plays/v1/events did not tell OpenLineage of everything: "
            "ConnectionError; check MESH_OPENLINEAGE"
        )
    ]


def test_without_the_extra_nothing_is_told_and_everything_is_published(
    told: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mesh_dagster.compile.openlineage", None)

    result = publish_day(defs, instance, FIRST)

    assert result.success
    assert not told.exists()
    assert warnings(instance, result.run_id) == [
        (
            "MESH_OPENLINEAGE is set, but openlineage-python is not there; install "
            "mesh-dagster[openlineage]"
        )
    ]


def warnings(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    return [
        entry.user_message
        for entry in instance.all_logs(run_id)
        if entry.level == 30 and not entry.is_dagster_event
    ]
