"""Answer in JSON: with an ETag, so that what has not changed is not sent again, or with a problem.

In:  plain values; errors.
Out: responses.

Source:
    RFC 9110 on ETag and If-None-Match; RFC 9457, problem details.
"""

import hashlib
import json
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mesh_dagster.discover.plain import plain
from mesh_dagster.errors import MeshError

_NOT_FOUND = LookupError
"""What is asked for is not there; every other error of the mesh says that the question is wrong."""


def answer(request: Request, value: object, kind: str = "application/json") -> Response:
    """Return a value as JSON, or say that it is what the client has already."""
    body = json.dumps(plain(value), ensure_ascii=False, separators=(",", ":")).encode()
    return tagged(request, body, kind)


def tagged(request: Request, body: bytes, kind: str) -> Response:
    """Return a body under its ETag; without it where the client has the same."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    known = request.headers.get("if-none-match", "")
    if known == "*" or tag in [one.strip().removeprefix("W/") for one in known.split(",")]:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(body, media_type=kind, headers=headers)


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    """Return an error as problem details."""
    known: dict[str, Any] = {  # Any: JSON
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    body = json.dumps(known, ensure_ascii=False)
    return Response(body, status, headers, media_type="application/problem+json")


def status_of(error: MeshError) -> int:
    """Return the status that says what kind of mistake an error is."""
    if isinstance(error, ConnectionError):
        return HTTPStatus.SERVICE_UNAVAILABLE
    return HTTPStatus.NOT_FOUND if isinstance(error, _NOT_FOUND) else HTTPStatus.BAD_REQUEST


def told(error: Exception) -> tuple[int, str, dict[str, str]]:
    """Return status, text and headers of any error; of an unexpected one, that it happened."""
    if isinstance(error, HTTPException):
        return error.status_code, error.detail, dict(error.headers or {})
    if isinstance(error, MeshError):
        return status_of(error), str(error), {}
    return HTTPStatus.INTERNAL_SERVER_ERROR, "The server stopped on an unexpected error.", {}
