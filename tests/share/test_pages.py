import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path

import pandera.polars as pa
import polars as pl
import pytest
from starlette.testclient import TestClient

import mesh_dagster as md
from mesh_dagster.discover.graph import Link
from mesh_dagster.discover.kpi import kpi
from mesh_dagster.run.count import Read, count, settle
from mesh_dagster.run.declared import register
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.store import Store
from mesh_dagster.run.visits import visits
from mesh_dagster.share.render import link_style
from tests.share.reading import Page, read
from tests.share.scenario import (
    DAILY,
    HOSTILE,
    LINES,
    TOKEN,
    fill,
    invoices,
    now,
    served,
    totals,
)

NEXT = "mesh://sales/invoices/v2/lines"
PAGES = [
    "/",
    "/domains/sales",
    "/search",
    "/search?q=invoice",
    "/search?q=invoyces",
    "/search?q=nothing+like+it",
    "/products/sales/invoices/v1",
    "/products/report/totals/v1",
    "/lineage",
    f"/lineage?address={LINES}&level=port",
    f"/lineage?address={DAILY}%23takings&level=column",
    "/lineage?address=mesh://sales/invoices&level=product",
    "/kpi",
    "/nowhere",
]
AS_A_BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def page_at(client: TestClient, path: str) -> Page:
    response = client.get(path, headers=AS_A_BROWSER)
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    return read(response.text)


def visited(root: Path) -> list[tuple[str, str, str]]:
    registry = Registry(Store.at(root).registry_url)
    rows = registry.rows(visits.select().order_by(visits.c.how, visits.c.product_key))
    registry.close()
    return [(row["how"], row["product_key"], row["reader"]) for row in rows]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_whole_and_can_be_read_without_seeing_it(client: TestClient, path: str) -> None:
    page = page_at(client, path)

    levels = [int(one.tag[1]) for one in page.all("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert [one.attributes["lang"] for one in page.all("html")] == ["en"]
    assert [len(page.all(tag)) for tag in ("header", "main", "title")] >= [1, 1, 1]
    ids = [one.attributes["id"] for one in page.elements if "id" in one.attributes]
    assert len(ids) == len(set(ids))
    named = [one.attributes.get("aria-labelledby") for one in page.elements]
    assert {one for one in named if one} <= set(ids)
    fields = {one.attributes["id"] for one in page.all("input")}
    assert fields == {one.attributes["for"] for one in page.all("label")}
    regions = [one for one in page.elements if one.attributes.get("role") == "region"]
    for region in regions:
        assert region.attributes["tabindex"] == "0"
        assert region.attributes.get("aria-label") or region.attributes.get("aria-labelledby")
    assert all(header.attributes.get("scope") for header in page.all("th"))
    assert page.href("Skip to the content") == "#the-content"


def test_a_port_of_any_name_is_led_to_and_takes_no_name_of_the_page(mesh_root: Path) -> None:
    product = invoices("What was sold.")
    for name in ("about", "main", "q"):

        def build() -> None:
            raise NotImplementedError

        build.__name__ = name
        product.port(contract=product.ports["lines"].contract)(build)
    with closing(Registry(Store.at(mesh_root).registry_url)) as registry:
        register(product, registry, now)

    with served() as client:
        page = page_at(client, "/products/sales/invoices/v1")

    ids = [one.attributes["id"] for one in page.elements if "id" in one.attributes]
    assert len(ids) == len(set(ids))
    assert {"about", "main", "q"} <= set(ids)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_runs_nothing_and_loads_nothing_from_elsewhere(
    client: TestClient, path: str
) -> None:
    page = page_at(client, path)

    assert page.all("script", "style", "iframe", "object", "embed", "img") == []
    names = {name for one in page.elements for name in one.attributes}
    assert [name for name in names if name.startswith("on") or name == "style"] == []
    loaded = {one.attributes["href"] for one in page.all("link")}
    assert loaded == {"/static/mesh.css", "/static/mesh.svg"}
    links = [one.attributes["href"] or "" for one in page.all("a")]
    assert [one for one in links if not one.startswith(("/", "#"))] == []


@pytest.mark.parametrize("path", PAGES)
def test_every_link_leads_somewhere(client: TestClient, path: str) -> None:
    page = page_at(client, path)

    targets = {(one.attributes["href"] or "").partition("#")[0] for one in page.all("a")}
    found = {target: client.get(target, headers=AS_A_BROWSER) for target in targets if target}
    assert {t: r.status_code for t, r in found.items() if r.status_code not in (200, 303)} == {}


def test_the_mesh_is_shown_at_a_glance(client: TestClient) -> None:
    page = page_at(client, "/")

    assert page.texts("dd") == ["2", "2", "2", "1"]
    rows = page.texts("tr")
    assert re.sub(r"[0-9]+ (s|min) ago", "AGO", rows[1]) == (
        f"{LINES} quality AGO team:<b>sales</b> nobody yet nobody yet"
    )
    assert any(row.startswith("invoices v1 ✕ breached") for row in rows)
    assert any(row.startswith("totals v1 ✓ ok") for row in rows)


def test_a_hostile_description_is_shown_letter_by_letter(client: TestClient) -> None:
    page = page_at(client, "/products/sales/invoices/v1")

    assert HOSTILE in [one.text for one in page.all("p") if one.attributes.get("dir") == "auto"]
    meanings = [one.text for one in page.all("span") if one.attributes.get("dir") == "auto"]
    assert HOSTILE in meanings
    assert "49" not in page.texts("p")


def test_half_a_letter_in_a_description_hides_no_product(mesh_root: Path) -> None:
    product = invoices("What was sold.")
    schema = pa.DataFrameSchema({"n": pa.Column(pl.Int64, description="Half of one: \ud83d.")})

    @product.port(contract=schema)
    def halves() -> None:
        raise NotImplementedError

    with closing(Registry(Store.at(mesh_root).registry_url)) as registry:
        register(product, registry, now)

    with served() as client:
        page = page_at(client, "/products/sales/invoices/v1")
        port = client.get("/api/v1/ports/sales/invoices/v1/halves").json()

    assert "Half of one: ?." in page.texts("main")[0]
    assert port["contract"]["columns"][0]["description"] == "Half of one: ?."


def test_a_description_of_any_length_is_shown_whole_and_folded(mesh_root: Path) -> None:
    purpose = ("א" * 50 + " <b>" + '"' * 46) * 1_000
    fill(purpose=purpose)

    with served() as client:
        page = page_at(client, "/products/sales/invoices/v1")
        search = page_at(client, "/search?q=invoices")

    assert purpose in [one.text for one in page.all("p")]
    assert "Show all 100,000 characters" in " ".join(page.texts("summary"))
    assert max(map(len, search.texts("p"))) < 400


def test_the_four_questions_are_answered_at_the_top_of_a_product(client: TestClient) -> None:
    page = page_at(client, "/products/sales/invoices/v1")

    questions = page.texts("h2")[:4]
    answers = [one.text.strip() for one in page.all("p") if one.attributes.get("class") == "short"]
    assert list(zip(questions, answers, strict=True)) == [
        ("Is it fresh?", "✓ Yes"),
        ("Is it broken?", "✕ Yes, 1 promise"),
        ("How did its schema change?", "Not at all"),
        ("What depends on what?", "Used by 1 product"),
    ]


def test_a_product_page_tells_what_its_ports_hold_and_how_they_did(client: TestClient) -> None:
    page = page_at(client, "/products/sales/invoices/v1")

    rows, text = page.texts("tr"), " ".join(page.texts("main"))
    assert any(row.startswith("customer String not described sensitivity personal") for row in rows)
    assert any("What it cost. unit EUR" in row for row in rows)
    assert "1 masked 2.0" in rows
    cells = [one for one in page.all("td") if one.attributes.get("dir") == "auto"]
    numbers = [one.text for one in cells if one.attributes.get("class") == "number"]
    assert numbers[:2] == ["1", "2.0"]
    assert "SECRET-CUSTOMER" not in text
    assert [one for one in rows if one.startswith("report/totals v1 declared input")]
    assert "Refused batches: 1, 1 of them without a good one since" in text
    promised = [row for row in rows if row.startswith(("freshness ", "quality "))]
    assert ["100% left" in promised[0], "spent 33 times" in promised[1]] == [True, True]
    assert f'md.read("{LINES}")' in page.texts("code")
    charts = [one.attributes.get("aria-label") for one in page.all("svg")]
    assert charts == [
        "Age of the data as a share of its limit",
        "Rows of the newest batches; the table of publications tells the same",
    ]
    history = page.texts("figcaption")[0]
    assert "The promise was never broken. The dotted line leads to when it breaks" in history
    assert [one for one in page.texts("text") if "rows" in one] == ["3 rows"]
    times = [one for one in page.texts("text") if re.fullmatch(r"[0-9]{2}[-:][0-9]{2}", one)]
    assert len(times) == 2 * 3
    bars = [one for one in page.all("rect") if one.attributes.get("class") in ("valid", "refused")]
    assert [one.attributes["class"] for one in bars] == ["valid", "valid", "refused"]
    assert [one.attributes["class"] for one in page.all("rect")].count("rejected") == 1


def test_freshness_is_drawn_from_the_first_publication_on(mesh_root: Path) -> None:
    mesh_root.mkdir()
    with closing(Registry(Store.at().registry_url)) as registry:
        register(invoices(), registry, now)

    with served() as client:
        page = page_at(client, "/products/sales/invoices/v1")

    assert page.all("svg") == []
    assert "How fresh it was is drawn from its first publication on." in page.texts("p")
    assert "Nothing was published or refused yet." in page.texts("p")


def test_a_deprecated_port_says_until_when_it_is_promised(client: TestClient) -> None:
    page = page_at(client, "/products/report/totals/v1")

    notices = [
        " ".join(one.text.split())
        for one in page.all("p")
        if one.attributes.get("class") == "notice"
    ]
    assert notices == [
        "deprecated, ends 2126-01-01",
        "Deprecated since 2026-01-01 and promised until 2126-01-01.",
    ]


@pytest.mark.parametrize(
    ("path", "tag"),
    [
        ("/", "td"),
        ("/domains/sales", "td"),
        ("/search?q=invoice", "p"),
        ("/products/sales/invoices/v1", "p"),
        ("/products/report/totals/v1", "span"),
        (f"/lineage?address={DAILY}", "span"),
        (f"/lineage?address={LINES}", "span"),
    ],
)
def test_what_ends_is_told_with_the_way_to_its_successor(
    leaving: TestClient, path: str, tag: str
) -> None:
    page = page_at(leaving, path)

    told = [text for text in page.texts(tag) if f"deprecated, ends 2126-01-01, use {NEXT}" in text]
    assert len(told) == 1
    assert page.href(NEXT) == "/products/sales/invoices/v2#lines"


def test_lineage_marks_what_ends(leaving: TestClient) -> None:
    page = page_at(leaving, f"/lineage?address={DAILY}")

    boxes = [one.attributes["class"] for one in page.all("rect")]
    assert boxes == ["box root", "box ending", "box ending"]
    assert f"{LINES}, deprecated, ends 2126-01-01, use {NEXT}" in page.texts("title")


@pytest.fixture
def leaving(mesh_root: Path) -> Iterator[TestClient]:
    """Return a client of a mesh that is declared alone, whose source ends."""
    state = md.Deprecated(date(2026, 1, 1), date(2126, 1, 1), NEXT)
    report = totals()
    report.ports["daily"] = replace(report.ports["daily"], state="active")
    with closing(Registry(Store.at(mesh_root).registry_url)) as registry:
        for product in (invoices(state=state), report):
            register(product, registry, now)
    with served() as client:
        yield client


def test_a_port_links_to_its_asset_in_dagster(published: Path) -> None:
    with served(root=published, dagster_url="https://dagster.example.org") as client:
        page = page_at(client, "/products/sales/invoices/v1")

    assert page.href("the asset of lines") == (
        "https://dagster.example.org/assets/sales/invoices/v1/lines"
    )


def test_whoever_follows_links_gets_from_a_search_to_the_origin_of_a_column(
    client: TestClient,
) -> None:
    found = page_at(client, "/search?q=takings")
    column = page_at(client, found.href("Lineage of daily.takings"))
    origin = page_at(client, column.href(f"{LINES}#amount"))
    product = page_at(client, origin.href("Page of the port"))

    assert column.texts("h1") == [f"Lineage of {DAILY}#takings"]
    assert origin.texts("h1") == [f"Lineage of {LINES}#amount"]
    assert product.texts("h1") == ["invoices v1"]


def test_a_column_of_whose_origin_nothing_is_known_has_a_page_that_says_so(
    client: TestClient,
) -> None:
    page = page_at(client, f"/lineage?address={LINES}%23customer&level=column")

    assert "Nothing is known of what it is made from." in page.texts("p")


def test_a_graph_is_drawn_with_a_link_on_every_node(client: TestClient) -> None:
    page = page_at(client, f"/lineage?address={DAILY}&level=port")

    nodes = [one for one in page.all("a") if one.text.strip().startswith("mesh://")]
    boxes = [one.attributes.get("class") for one in page.all("rect")]
    assert sorted(boxes[:2], key=str) == ["box", "box root ending"]
    heads = {f"url(#{one.attributes['id']})" for one in page.all("marker")}
    links = [one.attributes for one in page.all("path") if "class" in one.attributes]
    assert [one["class"] for one in links] == ["link recorded", "link recorded"]
    assert {one["marker-end"] for one in links} <= heads
    legend = [one.text.strip() for one in page.all("li")][:3]
    assert legend[:2] == ["recorded by a publication, or derived from the code", "deprecated"]
    assert legend[2].startswith("mesh://")
    assert {one.text.split()[0] for one in nodes} >= {DAILY, LINES}


def test_a_link_is_drawn_by_what_is_known_of_it() -> None:
    known = [
        Link("a", "b", "recorded"),
        Link("a", "b", "derived"),
        Link("a", "b", "declared"),
        Link("a", "b", "assumed"),
        Link("a", "b", "derived", "row"),
    ]

    assert [link_style(one) for one in known] == [
        *("recorded", "recorded", "declared", "assumed", "row")
    ]


def test_the_navigation_marks_the_page_that_is_open(client: TestClient) -> None:
    found = {path: page_at(client, path).all("a") for path in ("/", "/kpi", "/lineage")}
    marked = {
        path: [one.text for one in links if "aria-current" in one.attributes]
        for path, links in found.items()
    }

    assert marked == {"/": [], "/kpi": ["Lead times"], "/lineage": ["Lineage"]}


def test_a_mistyped_search_offers_what_was_meant(client: TestClient) -> None:
    page = page_at(client, "/search?q=invoyces")

    assert page.href("invoices") == "/search?q=invoices"
    assert page.texts("h2") == ["sales/invoices v1 ✕ breached"]


def test_a_search_keeps_what_was_typed_and_shows_it_as_text(client: TestClient) -> None:
    asked = '"><script>alert(1)</script>'
    response = client.get("/search", params={"q": asked}, headers=AS_A_BROWSER)

    page = read(response.text)
    assert [one.attributes["value"] for one in page.all("input")] == [asked]
    assert page.all("script") == []


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("/nowhere", 404, "Not found Nothing is at this address."),
        (
            "/products/sales/invoicez/v1",
            404,
            (
                "No product 'sales/invoicez' is registered here. Did you mean 'sales/invoices'? "
                "Check the key and MESH_ROOT, or run the product."
            ),
        ),
        (
            "/lineage?address=nonsense",
            400,
            "The address 'nonsense' does not begin with mesh://. ",
        ),
        (f"/lineage?address={LINES}&level=row", 400, "The parameter 'level' is not understood."),
        ("/?offset=x", 400, "The parameter 'offset' is not understood."),
        ("/domains/none", 404, "No domain 'none' has a product here."),
        ("/products/sales/invoices/vx", 404, "Nothing is at this address."),
        ("/products/sales/invoices/v" + "9" * 5_000, 404, "Nothing is at this address."),
        ("/static/..%2Fapp.py", 404, "Nothing is at this address."),
    ],
)
def test_a_browser_meets_errors_as_pages(
    client: TestClient, path: str, status: int, detail: str
) -> None:
    response = client.get(path, headers=AS_A_BROWSER)

    assert response.status_code == status
    assert detail in " ".join(read(response.text).texts("main"))


def test_a_program_meets_errors_as_problems_wherever_it_asks(client: TestClient) -> None:
    told = client.get("/products/sales/nothing/v1", headers={"Accept": "*/*"})
    under_api = client.get("/api/v1/nowhere", headers=AS_A_BROWSER)

    for response in (told, under_api):
        assert response.headers["content-type"] == "application/problem+json"


def test_searches_and_pages_are_visits_and_lead_times_count_from_them(
    mesh_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESH_READER", "ann")
    fill()

    with served() as client:
        client.get("/search?q=takings")
        client.get("/products/report/totals/v1")
        client.get("/products/sales/invoices/v1", headers={"Sec-Fetch-Site": "cross-site"})
        store = Store.at()
        count(store.registry_url, Read(DAILY, 0, "python", now(), "ann"))
        settle()
        registry = Registry(store.registry_url)
        measured = {one.key: one.new_readers for one in kpi(registry).products}
        registry.close()
        page = page_at(client, "/kpi")

    assert visited(mesh_root) == [
        ("search", "report/totals", "ann"),
        ("view", "report/totals", "ann"),
    ]
    assert measured == {"report/totals": 1, "sales/invoices": 0}
    assert [
        row for row in page.texts("tr") if re.search(r"^report/totals .* 1 (under )?[0-9]+ s$", row)
    ]
    assert [row for row in page.texts("tr") if row.endswith(" 0 no new reader yet")]


def test_behind_a_token_the_name_of_the_password_is_who_looks(mesh_root: Path) -> None:
    fill()

    with served(TOKEN) as client:
        client.get("/products/sales/invoices/v1", auth=("bob", TOKEN))
        client.get("/products/report/totals/v1", headers={"Authorization": f"Bearer {TOKEN}"})

    assert visited(mesh_root) == [("view", "sales/invoices", "bob")]


def test_a_mesh_without_products_says_what_to_do() -> None:
    with served() as client:
        pages = [page_at(client, path) for path in ("/", "/lineage", "/kpi", "/search?q=x")]

    texts = [" ".join(page.texts("main")) for page in pages]
    assert "No data product is registered here yet. Run mesh run" in texts[0]
    assert "No data product is registered here yet." in texts[1]
    assert "No data product is registered here yet." in texts[2]
    assert "Nothing is like" in texts[3]
