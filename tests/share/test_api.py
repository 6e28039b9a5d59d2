from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

from mesh_dagster.declare.address import product_guid
from mesh_dagster.share import api
from mesh_dagster.share.answers import answer
from mesh_dagster.share.openapi import document
from tests.observe.scenario import HOUR, NOON, late
from tests.share.scenario import DAILY, HOSTILE, LINES, fill, served

GUID = "4608af90-1cca-5628-8413-60d001efeea1"
TOTALS = str(product_guid("report/totals"))
PORT = "/api/v1/ports/sales/invoices/v1/lines"
COLUMN = DAILY.replace(":", "%3A") + "%23takings"


def problem_of(client: TestClient, path: str) -> tuple[int, str]:
    response = client.get(path)
    body = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert (body["type"], body["status"]) == ("about:blank", response.status_code)
    return response.status_code, body["detail"]


def items_of(client: TestClient, path: str) -> list[Any]:  # Any: JSON
    """Follow `next` to the end."""
    found = []
    following: str | None = path
    while following:
        page = client.get(following).json()
        found += page["items"]
        following = page["next"]
    return found


def test_products_are_listed_in_pages(client: TestClient) -> None:
    first = client.get("/api/v1/dataproducts?limit=1").json()

    assert [one["readableDataProductKey"] for one in first["items"]] == ["report/totals"]
    assert (first["total"], first["next"]) == (2, "/api/v1/dataproducts?limit=1&offset=1")
    whole = items_of(client, "/api/v1/dataproducts?limit=1")
    assert [one["key"] for one in whole] == ["report/totals", "sales/invoices"]
    assert whole == items_of(client, "/api/v1/dataproducts")


def test_the_products_of_one_domain_are_listed(client: TestClient) -> None:
    page = client.get("/api/v1/dataproducts?domain=sales").json()

    assert ([one["key"] for one in page["items"]], page["next"]) == (["sales/invoices"], None)


def test_a_product_is_shown_under_the_names_that_other_catalogues_use(client: TestClient) -> None:
    found = client.get(f"/api/v1/dataproducts/{GUID}").json()

    names = {
        "dataProductGUID": GUID,
        "readableDataProductKey": "sales/invoices",
        "displayname": "invoices",
        "description": HOSTILE,
        "owner": "team:<b>sales</b>",
        "requiredSecurityGroup": None,
        "sourceCodeLocation": "tests.discover.scenario",
        "createDate": found["registered_at"],
    }
    assert {name: found[name] for name in names} == names
    assert [port["address"] for port in found["ports"]] == [LINES]


def test_a_port_is_shown_without_values_of_sensitive_columns(client: TestClient) -> None:
    response = client.get(PORT)

    assert "SECRET-CUSTOMER" not in response.text
    sample = response.json()["sample"]
    assert (sample["columns"], sample["masked"]) == (
        ["invoice", "customer", "amount"],
        ["customer"],
    )
    assert [row[1] for row in sample["rows"]] == ["masked"] * 3


def test_a_search_finds_products(client: TestClient) -> None:
    found = client.get("/api/v1/search?q=takings").json()

    assert [(hit["key"], hit["columns"]) for hit in found["hits"]] == [
        ("report/totals", ["daily.takings"])
    ]


def test_lineage_leads_from_a_column_to_its_origin(client: TestClient) -> None:
    found = client.get(f"/api/v1/lineage?address={COLUMN}&direction=up").json()

    assert (found["roots"], found["level"]) == ([f"{DAILY}#takings"], "column")
    assert found["links"] == [
        {
            "source": f"{LINES}#amount",
            "target": f"{DAILY}#takings",
            "how": "derived",
            "kind": "value",
            "version": None,
        }
    ]


def test_the_promises_of_a_port_are_listed(client: TestClient) -> None:
    found = client.get(f"/api/v1/slo?address={LINES}").json()["items"]

    assert [(one["objective"], one["state"]) for one in found] == [
        ("freshness", "ok"),
        ("quality", "breached"),
    ]


def test_lead_times_and_metrics_and_health_are_told(client: TestClient) -> None:
    assert client.get("/api/v1/kpi").json()["published"] == 2
    assert 'mesh_port_rows{domain="sales"' in client.get("/metrics").text
    assert (client.get("/livez").text, client.get("/readyz").text) == ("alive\n", "ready\n")


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/dataproducts",
        "/api/v1/search?q=takings",
        f"/api/v1/lineage?address={COLUMN}",
        "/api/v1/openapi.json",
        "/api/v1/kpi",
        f"/api/v1/dataproducts/{GUID}",
        PORT,
        "/api/v1/slo",
        f"/api/v1/slo?address={LINES}",
    ],
)
def test_what_has_not_changed_is_not_sent_again(client: TestClient, path: str) -> None:
    first = client.get(path)
    tag = first.headers["etag"].removeprefix("W/")
    again = client.get(path, headers={"If-None-Match": f'"other", W/{tag}'})

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]


def tag_of(**changed: object) -> str:
    """Return the ETag of a late promise that is changed."""
    status = replace(late(), **{"breaks_at": NOON, **changed})  # type: ignore[arg-type]  # in sight
    return answer(Request({"type": "http", "headers": []}), {"items": [status]}).headers["etag"]


def test_a_tag_that_leaves_out_an_age_is_weak_and_tells_every_change_from_the_clock() -> None:
    known = tag_of()

    assert known.startswith('W/"')
    assert tag_of(age=3 * HOUR, limit=2 * HOUR, budget_remaining=0.501) == known
    changes: list[dict[str, object]] = [
        {"state": "ok"},
        {"since": NOON - HOUR},
        {"breaks_at": NOON + HOUR},
        {"budget_remaining": 0.49},
        {"budget_remaining": None},
        {"late_group_count": 1},
    ]
    assert known not in [tag_of(**changed) for changed in changes]
    without = [tag_of(breaks_at=None, limit=limit) for limit in (HOUR, 2 * HOUR)]
    assert without[0] != without[1]


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        (
            "/api/v1/dataproducts?limit=0",
            400,
            "The parameter 'limit' is not understood. Give a whole number from 1 to 500.",
        ),
        (
            "/api/v1/dataproducts?offset=-1",
            400,
            "The parameter 'offset' is not understood. Give a whole number from 0 to 999999999.",
        ),
        (
            "/api/v1/dataproducts/invoices",
            400,
            "A data product is asked for by its GUID, such as /api/v1/dataproducts lists.",
        ),
        (
            "/api/v1/dataproducts/00000000-0000-0000-0000-000000000000",
            404,
            (
                "No data product has the GUID 00000000-0000-0000-0000-000000000000. "
                "List them at /api/v1/dataproducts."
            ),
        ),
        (
            f"/api/v1/dataproducts/{GUID}?major=7",
            404,
            "Product 'sales/invoices' is not registered as v7, but as 'v1'. Ask for one of these.",
        ),
        (
            "/api/v1/ports/sales/invoices/newest/lines",
            404,
            (
                "The address 'mesh://sales/invoices/newest/lines' has 'newest' where a major "
                "version is needed. Write mesh://domain/product/v1/port, if wanted with "
                "?version=12, ?as_of=2026-11-01T00:00:00Z or ?quarantine. Nothing was read."
            ),
        ),
        (
            "/api/v1/search?q=" + "a" * 501,
            400,
            "The parameter 'q' is not understood. Give a text of at most 500 characters.",
        ),
        (
            f"/api/v1/lineage?address={LINES}&level=row",
            400,
            "The parameter 'level' is not understood. Give one of product, port, asset, column.",
        ),
        (
            "/api/v1/nowhere",
            404,
            (
                "Nothing is at this address. "
                "The start page and /api/v1/openapi.json say what there is."
            ),
        ),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused_as_a_problem(
    client: TestClient, path: str, status: int, detail: str
) -> None:
    assert problem_of(client, path) == (status, detail)


def test_a_port_that_is_not_there_is_named_with_the_nearest(client: TestClient) -> None:
    status, detail = problem_of(client, "/api/v1/ports/sales/invoices/v1/line")

    assert status == 404
    assert f"Did you mean '{LINES}'?" in detail


@pytest.mark.parametrize(
    ("path", "question"),
    [
        ("/api/v1/dataproducts", ""),
        ("/api/v1/dataproducts/{guid}", ""),
        ("/api/v1/search", "?q=a"),
        ("/api/v1/ports/{domain}/{product}/{version}/{port}", ""),
        ("/api/v1/lineage", f"?address={DAILY}"),
        ("/api/v1/slo", ""),
        ("/api/v1/kpi", ""),
        ("/api/v1/openapi.json", ""),
    ],
)
def test_every_answer_is_as_it_is_described(client: TestClient, path: str, question: str) -> None:
    known = document()
    described = known["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
    asked = path.format(guid=TOTALS, domain="report", product="totals", version="v1", port="daily")

    answer = client.get(asked + question).json()

    jsonschema_rs.validate({**described["schema"], "components": known["components"]}, answer)


def test_what_is_deprecated_says_so_wherever_it_is_listed(client: TestClient) -> None:
    state = {"since": "2026-01-01", "until": "2126-01-01", "successor": None}

    listed, _ = client.get("/api/v1/dataproducts").json()["items"]
    [hit] = client.get("/api/v1/search?q=takings").json()["hits"]
    nodes = client.get(f"/api/v1/lineage?address={DAILY}").json()["nodes"]

    assert listed["deprecated"] == hit["deprecated"] == {DAILY: state}
    assert [node["deprecated"] for node in nodes] == [{DAILY: state}, {}]


def test_nothing_can_be_changed(client: TestClient) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        response = client.request(method, "/api/v1/dataproducts")
        assert (response.status_code, "GET" in response.headers["allow"]) == (405, True)
        assert response.json()["detail"] == "Nothing can be changed here. Ask with GET."
    of_a_form = client.post("/search", headers={"Accept": "text/html"})
    assert (of_a_form.status_code, "GET" in of_a_form.headers.get("allow", "")) == (405, True)


@pytest.mark.parametrize("below", ["", "/no_folder.sqlite"])
def test_a_registry_that_cannot_be_reached_is_a_problem_and_no_failure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, below: str
) -> None:
    broken = tmp_path / "registry.sqlite"
    broken.write_text("This is no database, and it is longer than one page would need.")
    monkeypatch.setenv("MESH_REGISTRY", f"sqlite:///{broken}{below}")

    with served() as client:
        status, detail = problem_of(client, "/api/v1/dataproducts")
        told_everyone = problem_of(client, "/readyz")

    assert (status, detail.startswith("The registry at 'sqlite:")) == (503, True)
    assert told_everyone == (503, "The registry cannot be read.")


def test_looking_makes_no_registry_and_one_that_appears_is_seen(mesh_root: Path) -> None:
    with served() as client:
        before = client.get("/api/v1/dataproducts").json()
        made = mesh_root.exists()
        fill()
        after = client.get("/api/v1/dataproducts").json()

    assert (before["total"], made, after["total"]) == (0, False, 2)


def test_every_route_for_programs_is_described(client: TestClient) -> None:
    described = client.get("/api/v1/openapi.json").json()

    assert described == document()

    served_paths = {route.path for route in api.routes() if route.path.startswith("/api")}
    assert set(described["paths"]) == served_paths
