"""Let in who may ask, and tell browsers what pages may do.

In:  requests; the digest of a token where one is needed.
Out: the same requests, or a refusal; security headers on every response.
The health of the process is told to everyone. A token is taken as `Authorization: Bearer`, or, so
that browsers can ask for it, as the password of HTTP Basic; its user name says who asks.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mesh_dagster.run.count import who_reads
from mesh_dagster.share.answers import problem

_OPEN = ("/livez", "/readyz")
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_ASK = {"WWW-Authenticate": 'Basic realm="mesh", charset="UTF-8"'}
_REFUSAL = "Say who asks: send the token as 'Authorization: Bearer', or as a password."


def digest_of(token: str) -> bytes:
    """Return what is kept of a token."""
    return hashlib.sha256(token.encode()).digest()


@dataclass(frozen=True)
class Guard:
    """ASGI middleware around everything else, so that failures carry its headers too."""

    app: ASGIApp
    token_digest: bytes | None = None
    """Without it everyone may ask, which only loopback may offer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                headers.setdefault("Cache-Control", "no-store")  # what has no tag may change
            await send(message)

        reader = self._reader(scope)
        if reader is None:
            refusal = problem(HTTPStatus.UNAUTHORIZED, _REFUSAL, _ASK)
            await refusal(scope, receive, send_guarded)
            return
        scope["state"] = {**scope.get("state", {}), "reader": reader}
        await self.app(scope, receive, send_guarded)

    def _reader(self, scope: Scope) -> str | None:
        """Return who asks, empty where that is not known; `None` for a stranger."""
        if self.token_digest is None:
            return who_reads()
        if scope["path"] in _OPEN:
            return ""
        name, token = _credentials(Headers(scope=scope).get("authorization", ""))
        return name if hmac.compare_digest(digest_of(token), self.token_digest) else None


def _credentials(header: str) -> tuple[str, str]:
    kind, _, given = header.partition(" ")
    if kind.lower() == "bearer":
        return "", _as_sent(given.strip())
    if kind.lower() != "basic":
        return "", ""
    try:
        name, _, token = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return name, token


def _as_sent(given: str) -> str:
    """Read a header as UTF-8, as most programs send it, where it can be such; else as Latin-1."""
    try:
        return given.encode("latin-1").decode()
    except UnicodeDecodeError:
        return given
