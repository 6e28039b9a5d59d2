"""Post JSON to receivers outside, so that no address inside can be reached by a trick.

In:  a URL that the operator wrote, a body.
Out: the receiver's answer. The host must be on the operator's list, every address that its name
has must be public, and the connection goes to one of those very addresses. Proxies of the
environment are not used, redirects not followed, answers not read past 64 KiB.
"""

import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse
from urllib.parse import urlsplit

from mesh_dagster.observe.hanging_up import closed_in_time
from mesh_dagster.observe.sink import SendError

TIMEOUT_SECONDS = 5.0
_SHORTEST_SECONDS = 0.1
_MOST_BYTES = 64 * 1024
_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII
)
_LONGEST_HOST = 253
_OURS = ipaddress.ip_network("2000::/3")
_TUNNELS = [ipaddress.ip_network(given) for given in ("2001::/32", "2002::/16")]
"""IPv6 addresses with an IPv4 address inside, which may be any."""
_PERMANENT = (400, 413, 415, 422)
_GONE = 410
_BUSY = (429, 503)
_UNKNOWN_FATE = (500, 502, 504)
_LOCALHOST = "localhost"

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Iterable[str]]


class EndpointRefusedError(ValueError):
    """A URL is not one to post to; the text says why, as a clause, and quotes nothing of it."""


@dataclass(frozen=True)
class Hosts:
    """Which hosts the operator allows."""

    allowed: tuple[str, ...] = ()
    """Names, or `*.` and a name for everything beneath it."""
    loopback: bool = False
    """Whether this machine itself may be posted to, without TLS."""

    def allows(self, host: str) -> bool:
        """Say whether a host is on the list."""
        beneath = (one.removeprefix("*") for one in self.allowed if one.startswith("*."))
        return host in self.allowed or any(host.endswith(suffix) for suffix in beneath)


@dataclass(frozen=True)
class Endpoint:
    """Where to post to; its path may hold a secret."""

    host: str
    port: int
    secure: bool
    target: str = field(repr=False)
    """Path and query."""
    loopback: bool = False
    """Whether this machine may be posted to."""
    ca_file: str | None = None


def endpoint(url: str, hosts: Hosts, ca_file: str | None = None) -> Endpoint:
    """Read a URL.

    Raises:
        EndpointRefusedError: It is malformed, insecure or not allowed.
    """
    if any(not "!" <= character <= "~" or character == "\\" for character in url):
        raise EndpointRefusedError("has a url with characters that no URL has")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise EndpointRefusedError("has a url that cannot be read") from error
    if parts.scheme not in _PORTS or parts.username is not None or parts.fragment:
        raise EndpointRefusedError("has a url that is not https://host/path")
    here = hosts.loopback and _is_loopback(host)
    if parts.scheme == "http" and not here:
        raise EndpointRefusedError("has a url without https")
    if not here:
        _require_host(host, hosts)
    query = f"?{parts.query}" if parts.query else ""
    return Endpoint(
        host=host,
        port=port or _PORTS[parts.scheme],
        secure=parts.scheme == "https",
        target=f"{parts.path or '/'}{query}",
        loopback=hosts.loopback,
        ca_file=ca_file,
    )


def is_public(address: IpAddress) -> bool:
    """Say whether an address lies outside, for everybody alike."""
    if address.is_multicast or not address.is_global:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        return address in _OURS and not any(address in tunnel for tunnel in _TUNNELS)
    return True


def resolved(host: str, port: int) -> list[str]:
    """Ask the system for the addresses of a host."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def post(
    to: Endpoint,
    body: bytes,
    headers: Mapping[str, str],
    now: datetime,
    *,
    resolve: Resolve = resolved,
) -> None:
    """Post a body; returning says that the receiver took it.

    Args:
        to: Where.
        body: What.
        headers: Beside `Host` and `Content-Length`.
        now: Aware UTC, for what the receiver says about time.
        resolve: Gives the addresses of a host.

    Raises:
        SendError: The receiver did not take it, or nobody knows.
    """
    sock = _connected(_addresses(to, resolve), to.port)
    sock.settimeout(TIMEOUT_SECONDS)
    with closed_in_time(sock, TIMEOUT_SECONDS):
        connection = HTTPConnection(to.host, to.port, timeout=TIMEOUT_SECONDS)
        connection.sock = _secured(sock, to) if to.secure else sock
        if to.secure:
            connection.default_port = _PORTS["https"]  # the Host header then leaves it out
        try:
            connection.request("POST", to.target, body=body, headers=dict(headers))
            response = connection.getresponse()
            response.read(_MOST_BYTES)
        except (OSError, HTTPException, ValueError) as error:
            raise SendError("gave no answer in time", uncertain=True) from error
        finally:
            connection.close()
    _judge(response, now)


def _require_host(host: str, hosts: Hosts) -> None:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        named = len(host) <= _LONGEST_HOST and _HOST.fullmatch(host)
        if not named:
            raise EndpointRefusedError("has a url whose host is no name") from None
    if not hosts.allows(host):
        raise EndpointRefusedError("has a url whose host is not under 'allow_hosts'")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == _LOCALHOST


def _addresses(to: Endpoint, resolve: Resolve) -> Sequence[str]:
    """Resolve once; what is checked here is what is connected to."""
    try:
        addresses = list(resolve(to.host, to.port))
        known = [ipaddress.ip_address(address) for address in addresses]
    except (OSError, ValueError) as error:
        raise SendError("has a host that has no address") from error
    if not all(is_public(one) or (to.loopback and one.is_loopback) for one in known):
        raise SendError("has a host with an address that is not public")
    if not known:
        raise SendError("has a host that has no address")
    return addresses


def _connected(addresses: Sequence[str], port: int) -> socket.socket:
    """Connect to the first of the addresses that answers."""
    stops_at = time.monotonic() + TIMEOUT_SECONDS
    failure: OSError | None = None
    for address in addresses:
        left = stops_at - time.monotonic()
        try:
            return socket.create_connection((address, port), max(left, _SHORTEST_SECONDS))
        except OSError as error:
            failure = error
    raise SendError("cannot be reached") from failure


def _secured(sock: socket.socket, to: Endpoint) -> ssl.SSLSocket:
    try:
        context = ssl.create_default_context(cafile=to.ca_file)
        return context.wrap_socket(sock, server_hostname=to.host)
    except (OSError, ValueError) as error:
        raise SendError("offers no TLS connection that can be trusted") from error


def _judge(response: HTTPResponse, now: datetime) -> None:
    status = response.status
    if 200 <= status < 300:  # noqa: PLR2004 - the statuses of success
        return
    raise SendError(
        f"answered {status}",
        permanent=status in _PERMANENT,
        gone=status == _GONE,
        uncertain=status in _UNKNOWN_FATE,
        retry_after=_retry_after(response.headers.get("Retry-After"), now)
        if status in _BUSY
        else None,
    )


def _retry_after(text: str | None, now: datetime) -> timedelta | None:
    if text is None:
        return None
    if text.isascii() and text.isdigit() and len(text) < 8:  # noqa: PLR2004 - some months
        return timedelta(seconds=int(text)) or None
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=timezone.utc)
    return max(until - now, timedelta(0)) or None
