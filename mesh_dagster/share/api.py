"""Answer programs: products, ports, search, lineage and promises as JSON.

In:  GET requests under `/api/v1`.
Out: JSON with an ETag. Lists come in pages by `limit` and `offset`; `next` says where it goes on.
"""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mesh_dagster.discover.catalog import product as describe
from mesh_dagster.discover.entries import ProductEntry
from mesh_dagster.discover.graph import Level, default_level
from mesh_dagster.discover.headlines import Headline, headlines
from mesh_dagster.discover.kpi import kpi
from mesh_dagster.discover.lineage import around
from mesh_dagster.discover.plain import plain
from mesh_dagster.discover.search import search
from mesh_dagster.errors import NotPublishedError, RegistryError
from mesh_dagster.observe.judgement import statuses
from mesh_dagster.observe.metrics import metrics_text
from mesh_dagster.observe.vitals import vitals
from mesh_dagster.run.consumers import declared_ports
from mesh_dagster.run.registry import products
from mesh_dagster.run.totals import totals
from mesh_dagster.share.answers import answer, tagged
from mesh_dagster.share.openapi import document
from mesh_dagster.share.questions import address_of, choice, mesh_of, now, number, text

Json = dict[str, Any]  # Any: JSON
LEVELS: tuple[Level, ...] = ("product", "port", "asset", "column")
MOST_LISTED = 500
_USUAL = 50
_DEEPEST = 100
_LONGEST_DOMAIN = 63
_METRICS = "text/plain; version=0.0.4; charset=utf-8"


def routes() -> list[Route]:
    """Return the routes of the interface for programs."""
    port = "/api/v1/ports/{domain}/{product}/{version}/{port}"
    return [
        Route("/api/v1/dataproducts", list_products),
        Route("/api/v1/dataproducts/{guid}", show_product),
        Route("/api/v1/search", find_products),
        Route(port, show_port),
        Route("/api/v1/lineage", show_lineage),
        Route("/api/v1/slo", show_promises),
        Route("/api/v1/kpi", show_lead_times),
        Route("/api/v1/openapi.json", show_document),
        Route("/metrics", show_metrics),
        Route("/livez", alive),
        Route("/readyz", ready),
    ]


def list_products(request: Request) -> Response:
    """List products by key, those of one `domain` or of all."""
    registry, domain = mesh_of(request).registry, text(request, "domain", most=_LONGEST_DOMAIN)
    known = sorted({_key_and_major(address) for address in declared_ports(registry)})
    page = _paged(request, [one for one in known if domain in ("", one[0].partition("/")[0])])
    shown = headlines(registry, {key for key, _ in page["items"]}, now())
    items = [_short(one) for one in shown if (one.key, one.major) in page["items"]]
    return answer(request, {**page, "items": items})


def show_product(request: Request) -> Response:
    """Show everything that is known of one product, by its GUID."""
    mesh, guid = mesh_of(request), _guid(request)
    query = sa.select(products.c.key).where(products.c.guid == guid).limit(1)
    rows = mesh.registry.rows(query)
    if not rows:
        detail = f"No data product has the GUID {guid}. List them at /api/v1/dataproducts."
        raise HTTPException(HTTPStatus.NOT_FOUND, detail)
    major = number(request, "major", -1, most=999_999)
    entry = describe(
        mesh.registry, mesh.store, rows[0]["key"], now(), major=None if major < 0 else major
    )
    return answer(request, {**_readable(entry), **plain(entry)})


def find_products(request: Request) -> Response:
    """Find products by the words in `q`."""
    limit = number(request, "limit", _USUAL, least=1, most=MOST_LISTED)
    return answer(
        request, search(mesh_of(request).registry, text(request, "q"), now(), limit=limit)
    )


def show_port(request: Request) -> Response:
    """Show everything that is known of one port."""
    mesh, address = mesh_of(request), address_of(request)
    entry = describe(mesh.registry, mesh.store, address.key, now(), major=address.major)
    known = {port.address: port for port in entry.ports}
    if str(address) not in known:
        raise NotPublishedError(str(address), known)
    return answer(request, known[str(address)])


def show_lineage(request: Request) -> Response:
    """Show what an `address` is made from and what is made from it."""
    name = text(request, "address")
    direction = choice(request, "direction", ("both", "up", "down"), "both")
    asked = "level" in request.query_params
    level = choice(request, "level", LEVELS, "port") if asked else default_level(name)
    depth = number(request, "depth", 0, most=_DEEPEST)
    roots, found = around(
        mesh_of(request).registry,
        name,
        level,
        up=direction != "down",
        down=direction != "up",
        depth=depth or None,
    )
    return answer(request, {"roots": roots, **found.as_json()})


def show_promises(request: Request) -> Response:
    """Show how every promise stands now, those of one `address` or of all."""
    registry, address = mesh_of(request).registry, text(request, "address")
    found = statuses(registry, now(), only=[address] if address else None)
    if address and not found:
        raise NotPublishedError(address, [row["address"] for row in registry.ports()])
    return answer(request, _paged(request, found, plain))


def show_lead_times(request: Request) -> Response:
    """Show how long products take to be published and to be used."""
    return answer(request, kpi(mesh_of(request).registry))


def show_document(request: Request) -> Response:
    """Describe this interface."""
    return answer(request, document())


def show_metrics(request: Request) -> Response:
    """Show every promise's state as text for Prometheus."""
    registry, moment = mesh_of(request).registry, now()
    known = statuses(registry, moment)
    written = metrics_text(known, totals(registry), vitals(registry), moment)
    return tagged(request, written.encode(), _METRICS)


def alive(_: Request) -> Response:
    """Say that the process runs."""
    return Response("alive\n", media_type="text/plain")


def ready(request: Request) -> Response:
    """Say that the registry can be read; where it is, strangers are not told."""
    try:
        mesh_of(request).registry.rows(sa.select(sa.literal(1)))
    except RegistryError as error:
        detail = "The registry cannot be read."
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, detail) from error
    return Response("ready\n", media_type="text/plain")


def _paged(
    request: Request, items: Sequence[Any], shown: Callable[[Any], object] = lambda item: item
) -> Json:
    """Return the items of one page; only they are written."""
    limit = number(request, "limit", _USUAL, least=1, most=MOST_LISTED)
    offset = number(request, "offset", 0, most=999_999_999)
    end = offset + limit
    following = request.url.include_query_params(limit=limit, offset=end)
    # Only path and query, since the server does not know under which name it is reached.
    more = f"{following.path}?{following.query}" if end < len(items) else None
    return {"items": [shown(one) for one in items[offset:end]], "total": len(items), "next": more}


def _key_and_major(address: str) -> tuple[str, int]:
    key, version, _ = address.removeprefix("mesh://").rsplit("/", 2)
    return key, int(version.removeprefix("v"))


def _short(one: Headline) -> Json:
    known: Json = plain(one)
    return {"dataProductGUID": one.guid, "readableDataProductKey": one.key, **known}


def _readable(entry: ProductEntry) -> Mapping[str, object]:
    """Return the fields by which catalogues of other makers know a product."""
    return {
        "dataProductGUID": entry.guid,
        "readableDataProductKey": entry.key,
        "displayname": entry.name.replace("_", " "),
        "description": entry.purpose,
        "createDate": entry.registered_at,
        "sourceCodeLocation": entry.module,
        "requiredSecurityGroup": None,
    }


def _guid(request: Request) -> str:
    given = request.path_params["guid"]
    try:
        return str(UUID(given))
    except ValueError:
        detail = "A data product is asked for by its GUID, such as /api/v1/dataproducts lists."
        raise HTTPException(HTTPStatus.BAD_REQUEST, detail) from None
