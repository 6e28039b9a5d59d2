"""Put the server together.

In:  what is served, and who may ask.
Out: an ASGI application.
"""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response

from mesh_dagster.errors import MeshError
from mesh_dagster.share import api, pages
from mesh_dagster.share.answers import problem, told
from mesh_dagster.share.guard import Guard
from mesh_dagster.share.mesh import Mesh

_FOR_PROGRAMS = ("/api/", "/metrics", "/livez", "/readyz")
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


def application(
    mesh: Mesh, *, token_digest: bytes | None = None, hosts: tuple[str, ...] = LOOPBACK
) -> Guard:
    """Return the application.

    Args:
        mesh: What is served; whoever made it closes it.
        token_digest: Of the token that every request has to carry; without it, none has to.
        hosts: The names under which the server may be asked, so that no foreign page can do so
            by giving its own name the address of this machine.
    """
    app = Starlette(
        routes=[*api.routes(), *pages.routes()],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False)
        ],
        exception_handlers=dict.fromkeys((HTTPException, MeshError, Exception), _refuse),
    )
    app.state.mesh = mesh
    return Guard(app, token_digest)


def _refuse(request: Request, error: Exception) -> Response:
    """Answer an error as a page where a browser asked for one, else as a problem."""
    status, detail, headers = told(error)
    for_people = not request.url.path.startswith(_FOR_PROGRAMS)
    if for_people and "text/html" in request.headers.get("accept", ""):
        return pages.page_of_problem(status, detail, headers)
    return problem(status, detail, headers)
