"""Read what a request asks for, and refuse what it cannot ask.

In:  a request.
Out: checked values, or a refusal that names the parameter.
"""

from collections.abc import Sequence
from datetime import datetime, timezone
from http import HTTPStatus
from typing import TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request

from mesh_dagster.declare.address import Address
from mesh_dagster.errors import AddressRefusedError
from mesh_dagster.share.mesh import Mesh

Word = TypeVar("Word", bound=str)
_LONGEST = 500
_MOST_DIGITS = 9


def mesh_of(request: Request) -> Mesh:
    """Return what is served."""
    mesh: Mesh = request.app.state.mesh
    return mesh


def now() -> datetime:
    """Return the time of the request, aware UTC."""
    return datetime.now(timezone.utc)


def text(request: Request, name: str, *, most: int = _LONGEST) -> str:
    """Read a text of at most so many characters; empty by default.

    NUL is left out: it means nothing, and PostgreSQL takes none.
    """
    given = request.query_params.get(name, "")
    if len(given) > most:
        raise _refused(name, f"a text of at most {most} characters")
    return given.replace("\0", "")


def number(request: Request, name: str, default: int, *, least: int = 0, most: int) -> int:
    """Read a whole number within bounds."""
    given = request.query_params.get(name)
    if given is None:
        return default
    if not _whole(given) or not least <= int(given) <= most:
        raise _refused(name, f"a whole number from {least} to {most}")
    return int(given)


def choice(request: Request, name: str, known: Sequence[Word], default: Word) -> Word:
    """Read one of a few words."""
    given = request.query_params.get(name, default)
    for one in known:
        if one == given:
            return one
    raise _refused(name, f"one of {', '.join(known)}")
    return given


def address_of(request: Request) -> Address:
    """Read the address of a port from the path; where none can be, there is none."""
    parts = request.path_params
    written = f"mesh://{parts['domain']}/{parts['product']}/{parts['version']}/{parts['port']}"
    try:
        return Address.parse(written)
    except AddressRefusedError as error:
        raise HTTPException(HTTPStatus.NOT_FOUND, str(error)) from error


def major_of(request: Request) -> int:
    """Read the major version from the path; where none can be, there is none."""
    given: str = request.path_params["major"]
    if not _whole(given):
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return int(given)


def _whole(given: str) -> bool:
    return given.isascii() and given.isdigit() and len(given) <= _MOST_DIGITS


def _refused(name: str, expected: str) -> HTTPException:
    detail = f"The parameter '{name}' is not understood. Give {expected}."
    return HTTPException(HTTPStatus.BAD_REQUEST, detail)
