import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openlineage.client.event_v2 import RunEvent
from openlineage.client.serde import Serde
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from mesh_dagster.declare.contract import Rule
from mesh_dagster.observe.openlineage import Attempt, Parent
from mesh_dagster.observe.openlineage_facets import Described
from mesh_dagster.observe.openlineage_sink import Sink
from mesh_dagster.run.edges import Edge, Lineage
from mesh_dagster.run.registry import Publication
from mesh_dagster.run.verdict import Finding, Profile, Verdict
from tests.conftest import REPOSITORY
from tests.observe.receiver import receiving

STANDARDS = Path(os.environ.get("MESH_STANDARDS") or REPOSITORY.parent / "shared" / "standards")
AT = datetime(2026, 11, 1, 6, tzinfo=timezone.utc)
RUN = "3f2c1f64-0d0e-4d0e-9a55-0d7a6a3f6b11"
MONTHLY, LINES = "mesh://royalties/royalties/v1/monthly", "mesh://sales/invoices/v1/lines"
JOINED = "royalties/royalties/internal/joined"
PORT = Described(
    MONTHLY, "team:royalties", "Earnings by month.",
    (("artist", "String", "Its name."), ("earned", "Decimal(10, 2)", None)),
)  # fmt: skip
ATTEMPT = Attempt(PORT, RUN, "2026-10", Parent(RUN, "__ASSET_JOB", "dagster"))
CENT = Rule("earned >= 0.01", "values", "earned", "error")
ORDER = Rule("columns in order", "schema", None, "warn")
VERDICT = Verdict(
    accepted=False,
    profile=Profile(10),
    findings=(
        Finding(CENT, passed=False, failing_rows=3),
        Finding(ORDER, passed=True, failing_rows=None),
    ),
)
MADE = Publication(
    MONTHLY, 4, "p4", AT, "1.0.0", "c", "v", "2026-10", 10, 30,
    inputs={LINES: 7},
    lineage=Lineage(
        {
            "artist": (Edge(JOINED, "name", "derived", "value"),),
            "earned": (
                Edge(LINES, "amount", "declared", "value"),
                Edge(LINES, "day", "derived", "row"),
            ),
        },
        {JOINED: Lineage({"name": (Edge(LINES, "artist", "assumed", "value"),)})},
    ).record(),
    profile={
        "rows": 10,
        "columns": [
            {"column": "artist", "nulls": 2, "approximate_distinct": 8, "minimum": "Ann"},
            {"column": "earned", "nulls": 0, "approximate_distinct": None, "minimum": 1.5},
        ],
    },
)  # fmt: skip


def every_event() -> list[RunEvent]:
    return [
        ATTEMPT.started(AT),
        ATTEMPT.audited(VERDICT, AT),
        ATTEMPT.completed(MADE),
        ATTEMPT.failed("Refused.", AT, {LINES: 7}),
        replace(ATTEMPT, parent=None, port=replace(PORT, description=None)).completed(
            replace(MADE, version=0, slice="")
        ),
    ]


def written(event: RunEvent) -> dict[str, Any]:  # Any: JSON
    known: dict[str, Any] = json.loads(Serde.to_json(event))
    return known


def plain(facet: dict[str, Any]) -> dict[str, Any]:  # Any: JSON
    return {name: value for name, value in facet.items() if not name.startswith("_")}


def test_the_start_has_no_output_and_names_the_run_around_it() -> None:
    event = written(ATTEMPT.started(AT))

    assert event["eventType"] == "START"
    assert event["eventTime"] == "2026-11-01T06:00:00+00:00"
    assert (event["inputs"], event["outputs"]) == ([], [])
    assert (event["job"]["namespace"], event["job"]["name"]) == (
        "mesh://royalties",
        "royalties/v1/monthly",
    )
    assert plain(event["run"]["facets"]["parent"]) == {
        "run": {"runId": RUN, "facets": {}},
        "job": {"namespace": "dagster", "name": "__ASSET_JOB", "facets": {}},
    }


def test_a_publication_names_what_it_read_and_describes_what_was_written() -> None:
    event = written(ATTEMPT.completed(MADE))

    [read], [made] = event["inputs"], event["outputs"]
    facets = {name: plain(facet) for name, facet in made["facets"].items()}
    assert event["eventType"] == "COMPLETE"
    assert (read["namespace"], read["name"]) == ("mesh://sales", "invoices/v1/lines")
    assert plain(read["facets"]["version"]) == {"datasetVersion": "7"}
    assert plain(made["outputFacets"]["outputStatistics"]) == {"rowCount": 10}
    assert [(one["name"], one["type"]) for one in facets["schema"]["fields"]] == [
        ("artist", "String"),
        ("earned", "Decimal(10, 2)"),
    ]
    assert facets["version"] == {"datasetVersion": "4"}
    assert facets["lifecycleStateChange"] == {"lifecycleStateChange": "ALTER"}
    assert facets["ownership"] == {"owners": [{"name": "team:royalties"}]}
    assert facets["documentation"] == {"description": "Earnings by month."}
    assert facets["hierarchy"]["hierarchy"] == [
        {"type": "DOMAIN", "name": "royalties"},
        {"type": "DATA_PRODUCT", "name": "royalties"},
        {"type": "OUTPUT_PORT", "name": "v1/monthly"},
    ]


def test_columns_are_followed_through_internals_and_say_how_they_are_known() -> None:
    [made] = written(ATTEMPT.completed(MADE))["outputs"]

    fields = made["facets"]["columnLineage"]["fields"]
    found = {
        name: [
            (one["namespace"], one["name"], one["field"], part["type"], part["description"])
            for one in column["inputFields"]
            for part in one["transformations"]
        ]
        for name, column in fields.items()
    }
    lines = ("mesh://sales", "invoices/v1/lines")
    assert found == {
        "artist": [(*lines, "artist", "DIRECT", "assumed")],
        "earned": [
            (*lines, "amount", "DIRECT", "declared"),
            (*lines, "day", "INDIRECT", "derived"),
        ],
    }


def test_the_profile_is_told_as_counts_without_a_value_of_the_data() -> None:
    [made] = written(ATTEMPT.completed(MADE))["outputs"]

    assert plain(made["facets"]["dataQualityMetrics"]) == {
        "rowCount": 10,
        "columnMetrics": {
            "artist": {"nullCount": 2, "distinctCount": 8, "quantiles": {}},
            "earned": {"nullCount": 0, "quantiles": {}},
        },
    }
    assert "Ann" not in json.dumps(made)


def test_the_audit_is_a_job_of_its_own_that_reads_the_batch() -> None:
    event = written(ATTEMPT.audited(VERDICT, AT))

    [batch] = event["inputs"]
    parent = event["run"]["facets"]["parent"]
    assert (event["eventType"], event["outputs"]) == ("COMPLETE", [])
    assert event["job"]["name"] == "royalties/v1/monthly/audit"
    assert parent["run"]["runId"] == written(ATTEMPT.started(AT))["run"]["runId"]
    assert [
        {name: value for name, value in one.items() if name != "params"}
        for one in batch["inputFacets"]["dataQualityAssertions"]["assertions"]
    ] == [
        {
            "assertion": "values",
            "success": False,
            "column": "earned",
            "severity": "error",
            "name": "earned >= 0.01",
            "actual": "3 failing rows",
        },
        {"assertion": "schema", "success": True, "severity": "warn", "name": "columns in order"},
    ]


def test_a_failure_says_why_and_has_no_output() -> None:
    event = written(ATTEMPT.failed("Refused.", AT, {LINES: 7}))

    assert (event["eventType"], event["outputs"]) == ("FAIL", [])
    assert [one["name"] for one in event["inputs"]] == ["invoices/v1/lines"]
    assert plain(event["run"]["facets"]["errorMessage"]) == {
        "message": "Refused.",
        "programmingLanguage": "PYTHON",
    }


def test_the_events_of_one_attempt_share_a_run_and_others_have_their_own() -> None:
    runs = [written(event)["run"]["runId"] for event in every_event()]
    other_slice = written(replace(ATTEMPT, slice="2026-11").started(AT))["run"]["runId"]

    assert runs[0] == runs[2] == runs[3]
    assert len({runs[0], runs[1], other_slice}) == 3


def test_a_first_publication_creates_and_a_whole_one_overwrites() -> None:
    def change(made: Publication) -> str:
        [output] = written(ATTEMPT.completed(made))["outputs"]
        return str(output["facets"]["lifecycleStateChange"]["lifecycleStateChange"])

    assert change(replace(MADE, version=0)) == "CREATE"
    assert change(replace(MADE, slice="")) == "OVERWRITE"


@pytest.mark.parametrize("number", range(5))
def test_events_follow_the_official_schemas(number: int) -> None:
    if not STANDARDS.is_dir():
        pytest.skip("The standards are not here: set MESH_STANDARDS to their folder.")
    event = written(every_event()[number])
    schemas = official_schemas()

    mistakes = [
        mistake.message
        for url, part in [(event["schemaURL"], event), *facets_of(event)]
        for mistake in validator(url, schemas).iter_errors(part)
    ]

    assert mistakes == []


def official_schemas() -> dict[str, Any]:  # Any: JSON
    files = [*(STANDARDS / "openlineage").rglob("*.json")]
    assert len(files) > 20
    return {file.name: json.loads(file.read_text(encoding="utf-8")) for file in files}


def validator(url: str, schemas: dict[str, Any]) -> Draft202012Validator:  # Any: JSON
    """Return what validates a part; a facet's schema may be of another minor version."""
    registry: Registry[Any] = Registry().with_resources(
        (schema["$id"], Resource.from_contents(schema, DRAFT202012)) for schema in schemas.values()
    )
    home, _, fragment = url.partition("#")
    known = schemas[home.rpartition("/")[2]]["$id"]
    return Draft202012Validator({"$ref": f"{known}#{fragment}"}, registry=registry)


def facets_of(part: object) -> Iterator[tuple[str, object]]:
    if isinstance(part, dict):
        if "_schemaURL" in part:
            yield part["_schemaURL"], part
        for inner in part.values():
            yield from facets_of(inner)
    if isinstance(part, list):
        for inner in part:
            yield from facets_of(inner)


def test_a_file_gets_a_line_for_each_event(tmp_path: Path) -> None:
    path = tmp_path / "lineage.jsonl"
    sink = Sink(f"file:{path}")

    for event in every_event():
        sink.send(lambda event=event: event)  # type: ignore[misc]  # bound now

    lines = path.read_text(encoding="utf-8").splitlines()
    assert sink.problem is None
    assert [json.loads(line) for line in lines] == [written(event) for event in every_event()]


def test_the_console_gets_a_line_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    Sink("console").send(lambda: ATTEMPT.started(AT))

    shown = capsys.readouterr()
    assert shown.out == ""
    assert json.loads(shown.err) == written(ATTEMPT.started(AT))


def test_a_server_is_posted_to_with_the_key_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "secret")
    with receiving() as receiver:
        sink = Sink(f"http://127.0.0.1:{receiver.port}")
        sink.send(lambda: ATTEMPT.started(AT))

    [request] = receiver.requests
    assert sink.problem is None
    assert request.path == "/api/v1/lineage"
    assert request.headers["Authorization"] == "Bearer secret"


@pytest.mark.parametrize(
    ("where", "problem"),
    [
        ("file:/nowhere/at/all.jsonl", "FileNotFoundError"),
        ("ftp://example.com", "ValueError"),
        ("http://127.0.0.1:9", "ConnectionError"),
    ],
)
def test_trouble_is_noted_and_raises_nothing(where: str, problem: str) -> None:
    sink = Sink(where)

    sink.send(lambda: ATTEMPT.started(AT))

    assert sink.problem == problem


def test_an_event_that_cannot_be_made_is_trouble_too() -> None:
    sink = Sink("console")

    sink.send(lambda: ATTEMPT.completed(replace(MADE, profile={"columns": [{}]})))

    assert sink.problem == "KeyError"


def test_a_silent_server_holds_up_nobody_and_is_asked_once() -> None:
    with receiving() as receiver:
        receiver.silence = 1.0
        sink = Sink(f"http://127.0.0.1:{receiver.port}", seconds=0.2)
        begun = time.monotonic()
        sink.send(lambda: ATTEMPT.started(AT))
        sink.send(lambda: ATTEMPT.completed(MADE))
        spent = time.monotonic() - begun

    assert sink.problem == "no answer in time"
    assert spent < 0.8
    assert len(receiver.requests) <= 1
