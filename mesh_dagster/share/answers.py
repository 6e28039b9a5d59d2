"""Answer in JSON: with an ETag, so that what has not changed is not sent again, or with a problem.

In:  plain values; errors.
Out: responses.

Source:
    RFC 9110 on ETag, section 8.8.1 on weak ones, and If-None-Match; RFC 9457, problem details.
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
_PLAIN = {
    HTTPStatus.NOT_FOUND: (
        "Nothing is at this address. The start page and /api/v1/openapi.json say what there is."
    ),
    HTTPStatus.METHOD_NOT_ALLOWED: "Nothing can be changed here. Ask with GET.",
}
"""What is said where the framework knows only the name of a status."""
_MOVING = ("age_seconds", "limit_seconds")
_DIGITS = 2


def answer(request: Request, value: object) -> Response:
    """Return a value as JSON, or say that nothing has changed since the client got it."""
    known = plain(value)
    return tagged(request, _json(known), "application/json", _json(_lasting(known)))


def tagged(request: Request, body: bytes, kind: str, lasting: bytes | None = None) -> Response:
    """Return a body under its ETag; without it where the client has the same.

    Args:
        request: What the client asks, and has.
        body: What it gets.
        kind: The media type.
        lasting: What of the body changes only when something has changed, by default all of it.
            A body that holds more has a weak tag: the same for all that are as good.
    """
    lasting = body if lasting is None else lasting
    tag = f'"{hashlib.sha256(lasting).hexdigest()[:32]}"'
    headers = {"ETag": tag if lasting == body else f"W/{tag}", "Cache-Control": "private, no-cache"}
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
        status = HTTPStatus(error.status_code)
        said = error.detail if error.detail != status.phrase else _PLAIN.get(status, error.detail)
        return status, said, dict(error.headers or {})
    if isinstance(error, MeshError):
        return status_of(error), str(error), {}
    return HTTPStatus.INTERNAL_SERVER_ERROR, "The server stopped on an unexpected error.", {}


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def _lasting(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Leave out of promises what goes on with the clock alone.

    `breaks_at` says as much as age and limit, and stays while nothing changes.
    """
    if isinstance(value, list):
        return [_lasting(part) for part in value]
    if not isinstance(value, dict):
        return value
    if "breaks_at" not in value:
        return {name: _lasting(part) for name, part in value.items()}
    left, moving = value["budget_remaining"], _MOVING if value["breaks_at"] else ()
    kept = {name: part for name, part in value.items() if name not in moving}
    return {**kept, "budget_remaining": left and round(left, _DIGITS)}
