from pathlib import Path
from urllib.parse import quote, urlencode

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.share.reading import read
from tests.share.scenario import DAILY, HOSTILE, LINES, served

GUID = "4608af90-1cca-5628-8413-60d001efeea1"
ODD = st.one_of(
    st.text(max_size=40),
    st.integers().map(str),
    st.sampled_from(
        [
            *("sales", "invoices", "lines", "v1", "v999999999999999999999", "internal", GUID),
            *(LINES, f"{DAILY}#takings", "mesh://sales/invoices", "sales/invoices/internal/raw#a"),
            *(
                "mesh://",
                "mesh://[",
                "#",
                "..",
                "%2e%2e",
                "\0",
                "\ud7ff",
                "1e9",
                "-0",
                "٣",
                HOSTILE,
            ),
            *("column", "product", "asset", "both", "up", '" OR 1=1 --', "a" * 600, "NEAR(a b)"),
        ]
    ),
)
PARTS = st.lists(ODD.map(lambda part: quote(part, safe="", errors="replace")), max_size=5)
HOMES = (
    *("/api/v1/dataproducts", "/api/v1/search", "/api/v1/ports", "/api/v1/lineage", "/api/v1/slo"),
    *("/", "/domains", "/search", "/products", "/lineage", "/kpi", "/static"),
)
PARAMETERS = ("q", "limit", "offset", "domain", "major", "address", "level", "direction", "depth")


def test_no_question_makes_the_server_fail(published: Path) -> None:
    """A failure would leave the application as an exception, which ends the test."""
    with served(root=published) as client:

        @settings(max_examples=250)
        @given(
            home=st.sampled_from(HOMES),
            parts=PARTS,
            asked=st.dictionaries(st.sampled_from(PARAMETERS), ODD, max_size=3),
            browser=st.booleans(),
        )
        @example(home="/lineage", parts=[], asked={"address": LINES, "depth": "0"}, browser=True)
        def ask(*, home: str, parts: list[str], asked: dict[str, str], browser: bool) -> None:
            accepted = "text/html" if browser else "application/json"
            path = "/".join([home.rstrip("/"), *parts]) or "/"
            query = urlencode(asked, errors="replace")
            response = client.get(f"{path}?{query}", headers={"Accept": accepted})

            assert response.status_code in (200, 303, 307, 400, 404), response.text
            kind = response.headers.get("content-type", "").partition(";")[0]
            if kind == "text/html":
                assert read(response.text).all("script") == []
            elif response.status_code >= 400:
                assert (kind, response.json()["status"]) == (
                    "application/problem+json",
                    response.status_code,
                )

        ask()
