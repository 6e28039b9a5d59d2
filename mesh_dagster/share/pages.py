"""Show the mesh to people, as pages that work without scripts.

In:  GET requests of a browser.
Out: HTML with an ETag. A search and a product's page are noted as visits of whoever looks, from
which `discover/kpi.py` measures how long it takes to use a product.
"""

from collections.abc import Iterable
from datetime import datetime
from http import HTTPStatus
from importlib.resources import files

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from mesh_dagster.discover.catalog import product as describe
from mesh_dagster.discover.entries import ProductEntry
from mesh_dagster.discover.kpi import kpi
from mesh_dagster.discover.search import search
from mesh_dagster.run.visits import How, visit
from mesh_dagster.share.answers import tagged
from mesh_dagster.share.four import four_answers
from mesh_dagster.share.port_views import port_views
from mesh_dagster.share.questions import major_of, mesh_of, now, number, text
from mesh_dagster.share.render import html, product_path
from mesh_dagster.share.standing import DOMAINS_OF_A_PAGE, of_domain, standing
from mesh_dagster.share.tracing import traced

_HTML = "text/html; charset=utf-8"
_HITS = 20
_PRODUCTS, _LEAD_TIMES = 50, 200
_FOREIGN = "cross-site"
_KINDS = {"mesh.css": "text/css; charset=utf-8", "mesh.svg": "image/svg+xml"}


def routes() -> list[Route]:
    """Return the routes of the pages."""
    return [
        Route("/", show_mesh),
        Route("/domains/{domain}", show_domain),
        Route("/search", find),
        Route("/products/{domain}/{product}", redirect_to_newest),
        Route("/products/{domain}/{product}/v{major}", show_product),
        Route("/lineage", show_lineage),
        Route("/kpi", show_lead_times),
        Route("/static/{name}", show_static),
    ]


def show_mesh(request: Request) -> Response:
    """Show the mesh at a glance."""
    moment, offset = now(), number(request, "offset", 0, most=999_999)
    found = standing(mesh_of(request).registry, moment, offset=offset)
    return _page(
        request, "mesh.html", mesh=found, offset=offset, step=DOMAINS_OF_A_PAGE, now=moment
    )


def show_domain(request: Request) -> Response:
    """List the products of one domain."""
    moment, name = now(), request.path_params["domain"]
    offset = number(request, "offset", 0, most=999_999)
    found, count = of_domain(
        mesh_of(request).registry, name, moment, offset=offset, limit=_PRODUCTS
    )
    if not count:
        detail = f"No domain '{name}' has a product here. See the start page for all domains."
        raise HTTPException(HTTPStatus.NOT_FOUND, detail)
    return _page(
        request,
        "domain.html",
        name=name,
        products=found,
        count=count,
        offset=offset,
        step=_PRODUCTS,
        now=moment,
    )


def find(request: Request) -> Response:
    """Find products by words, and note who met them."""
    registry, moment, words = mesh_of(request).registry, now(), text(request, "q").strip()
    limit = number(request, "limit", _HITS, least=1, most=200)
    found = search(registry, words, moment, limit=limit)
    _visit(request, "search", [hit.key for hit in found.hits], moment)
    return _page(request, "search.html", q=words, found=found, limit=limit, now=moment)


def redirect_to_newest(request: Request) -> Response:
    """Lead to the highest major version of a product."""
    entry = _described(request, None, now())
    return RedirectResponse(product_path(entry.key, entry.major), HTTPStatus.SEE_OTHER)


def show_product(request: Request) -> Response:
    """Show everything that is known of a product, and note who saw it."""
    mesh, moment = mesh_of(request), now()
    entry = _described(request, major_of(request), moment)
    _visit(request, "view", [entry.key], moment)
    return _page(
        request,
        "product.html",
        product=entry,
        answers=four_answers(entry, moment),
        ports=port_views(mesh.registry, entry, moment, mesh.dagster_url),
        now=moment,
    )


def show_lineage(request: Request) -> Response:
    """Draw what something is made from and what is made from it; without address, the mesh."""
    name, level = text(request, "address"), text(request, "level")
    found = traced(mesh_of(request).registry, name, level)
    return _page(request, "lineage.html", name=name, traced=found)


def show_lead_times(request: Request) -> Response:
    """Show how long products take to be published and to be used."""
    offset = number(request, "offset", 0, most=999_999)
    found = kpi(mesh_of(request).registry)
    shown = found.products[offset : offset + _LEAD_TIMES]
    return _page(request, "kpi.html", kpi=found, shown=shown, offset=offset, step=_LEAD_TIMES)


def show_static(request: Request) -> Response:
    """Serve the style and the icon."""
    name = request.path_params["name"]
    if name not in _KINDS:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    body = (files("mesh_dagster") / "share" / "static" / name).read_bytes()
    return tagged(request, body, _KINDS[name])


def page_of_problem(status: int, detail: str, headers: dict[str, str]) -> Response:
    """Return an error as a page."""
    title = HTTPStatus(status).phrase.capitalize()
    body = html("problem.html", q="", path="", status=status, title=title, detail=detail)
    return Response(body, status, headers, media_type=_HTML)


def _described(request: Request, major: int | None, moment: datetime) -> ProductEntry:
    mesh, parts = mesh_of(request), request.path_params
    key = f"{parts['domain']}/{parts['product']}"
    return describe(mesh.registry, mesh.store, key, moment, major=major)


def _visit(request: Request, how: How, keys: Iterable[str], moment: datetime) -> None:
    """Note a visit, unless a foreign page made the browser ask."""
    reader = request.state.reader
    if reader and request.headers.get("sec-fetch-site") != _FOREIGN:
        visit(mesh_of(request).registry, reader, how, keys, moment)


def _page(request: Request, template: str, **given: object) -> Response:
    return tagged(request, html(template, **{"q": "", "path": request.url.path, **given}), _HTML)
