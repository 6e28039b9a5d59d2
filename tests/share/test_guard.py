import asyncio
import base64

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message

from mesh_dagster.share.guard import Guard, digest_of
from tests.share.scenario import TOKEN, served

PATH = "/api/v1/dataproducts"


def basic(name: str, token: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{token}".encode()).decode()


@pytest.mark.parametrize(
    "given",
    [
        "",
        "Bearer",
        "Bearer a token of sixteeN",
        "Digest a token of sixteen",
        "Basic ####",
        "Basic " + base64.b64encode(b"\xff\xfe").decode(),
        basic("ann", "wrong"),
        basic(TOKEN, ""),
    ],
)
def test_a_stranger_is_refused_and_told_how_to_say_who_asks(given: str) -> None:
    with served(TOKEN) as client:
        response = client.get(PATH, headers={"Authorization": given} if given else {})

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Basic realm="mesh", charset="UTF-8"'
    assert response.json()["detail"] == (
        "Say who asks: send the token as 'Authorization: Bearer', or as a password."
    )


@pytest.mark.parametrize("given", [f"Bearer {TOKEN}", f"bearer  {TOKEN}", basic("ann", TOKEN)])
def test_whoever_has_the_token_may_ask(given: str) -> None:
    with served(TOKEN) as client:
        assert client.get(PATH, headers={"Authorization": given}).status_code == 200


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_token_may_hold_any_letters(encoding: str) -> None:
    """Asked without a client, since that of the other tests sends UTF-8 alone."""
    token = "sechzehn süße Zeichen"  # noqa: S105 - made up
    sent = f"Bearer {token}".encode(encoding)
    scope = {"type": "http", "method": "GET", "path": PATH, "headers": [(b"authorization", sent)]}
    statuses = []

    async def receive() -> Message:
        raise NotImplementedError

    async def send(message: Message) -> None:
        statuses.append(message.get("status"))

    asyncio.run(Guard(PlainTextResponse("in"), digest_of(token))(scope, receive, send))

    assert statuses == [200, None]


def test_health_is_told_to_everyone_and_metrics_are_not() -> None:
    with served(TOKEN) as client:
        statuses = {
            path: client.get(path).status_code for path in ("/livez", "/readyz", "/metrics")
        }

    assert statuses == {"/livez": 200, "/readyz": 200, "/metrics": 401}


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_this_machine_may_ask_under_its_own_names(host: str) -> None:
    with served(host=host) as client:
        assert client.get("/livez").status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil"])
def test_a_page_that_gives_its_own_name_the_address_of_this_machine_is_refused(host: str) -> None:
    with served(host=host) as client:
        response = client.get(PATH)

    assert (response.status_code, response.text) == (400, "Invalid host header")


@pytest.mark.parametrize("path", [PATH, "/nowhere", "/livez"])
def test_browsers_are_told_to_run_nothing(path: str) -> None:
    with served() as client:
        headers = client.get(path).headers

    assert headers["content-security-policy"] == (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/kpi", "private, no-cache"),
        ("/products/sales/invoices", "no-store"),
        ("/readyz", "no-store"),
        ("/nowhere", "no-store"),
    ],
)
def test_a_proxy_answers_nothing_in_place_of_the_server(path: str, kept: str) -> None:
    with served() as client:
        assert client.get(path).headers.get("cache-control") == kept


def test_a_proxy_keeps_no_refusal() -> None:
    with served(TOKEN) as client:
        assert client.get("/kpi").headers.get("cache-control") == "no-store"
