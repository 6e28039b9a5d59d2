"""Serve the catalogue over HTTP, on this machine alone unless callers have to say who they are.

In:  where to listen, under which names, with which certificate; a token in MESH_SERVE_TOKEN.
Out: a server that runs until it is stopped.
"""

import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mesh_dagster.errors import ExtraMissingError, ServingRefusedError

if TYPE_CHECKING:
    import uvicorn

Ip = IPv4Address | IPv6Address
TOKEN_VARIABLE = "MESH_SERVE_TOKEN"  # noqa: S105 - the name of a variable, no secret
SHORTEST_TOKEN = 16
_PORT = 8400
_NAMELESS = "it listens on every interface, and knows no name under which others ask for it"
_file = click.Path(exists=True, dir_okay=False, path_type=Path)


def _require_url(_: click.Context, __: click.Parameter, given: str | None) -> str | None:
    if given is not None and not given.startswith(("http://", "https://")):
        raise click.BadParameter("It begins with http:// or https://.")
    return given.rstrip("/") if given else given


def _require_names(
    _: click.Context, __: click.Parameter, given: tuple[str, ...]
) -> tuple[str, ...]:
    if any("*" in name for name in given):
        raise click.BadParameter("Give whole names; patterns are not taken.")
    return given


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The interface to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=_PORT, show_default=True,
    help="0 takes any that is free.",
)  # fmt: skip
@click.option("--dagster-url", callback=_require_url, help="Where Dagster's UI is, for links.")
@click.option("--behind-proxy", is_flag=True, help="A proxy before it encrypts what others send.")
@click.option("--certificate", type=_file, help="A PEM file, to encrypt here; with --key.")
@click.option("--key", type=_file, help="The private key of the certificate.")
@click.option(
    "--allow-host", "names", multiple=True, metavar="NAME", callback=_require_names,
    help="A name under which others ask for it; may be given again.",
)  # fmt: skip
def serve(
    *,
    host: str,
    port: int,
    dagster_url: str | None,
    behind_proxy: bool,
    certificate: Path | None,
    key: Path | None,
    names: tuple[str, ...],
) -> None:
    """Serve the mesh as web pages, and as JSON under /api/v1.

    Everyone on this machine may look. Others may where MESH_SERVE_TOKEN holds a token, which they
    send as the password, and where what they send is encrypted.
    """
    if (certificate is None) != (key is None):
        raise click.UsageError("--certificate and --key are given together.")
    token = os.environ.get(TOKEN_VARIABLE, "").strip()  # a file that holds it ends a line
    address = _address_of(host)
    if not address.is_loopback or behind_proxy or names:
        encrypted = behind_proxy or certificate is not None or address.is_loopback
        _require_protected(host, token, encrypted=encrypted)
    if address.is_unspecified and not names:
        raise ServingRefusedError(host, _NAMELESS, "Give --allow-host with such a name.")
    known = (f"[{host}]" if ":" in host else host, *names)
    with (
        closing(_listener(address, port)) as listener,
        _server(dagster_url, token, known, (certificate, key)) as server,
    ):
        scheme = "http" if certificate is None else "https"
        url = f"{scheme}://{known[-1]}:{listener.getsockname()[1]}/"
        click.echo(f"The mesh is served at {url} until you press Ctrl+C.")
        with suppress(KeyboardInterrupt):
            server.run(sockets=[listener])


def _address_of(host: str) -> Ip:
    try:
        return ip_address(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0])
    except OSError as error:
        remedy = "Give an interface of this machine."
        raise ServingRefusedError(host, "there is no such host", remedy) from error


def _listener(address: Ip, port: int) -> socket.socket:
    """Take the port before anything is printed, so that it is true."""
    family = socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6
    try:
        return socket.create_server((str(address), port), family=family)
    except OSError as error:
        problem = f"port {port} cannot be listened on"
        remedy = "Another process may have it; give another --port."
        raise ServingRefusedError(str(address), problem, remedy) from error


def _require_protected(host: str, token: str, *, encrypted: bool) -> None:
    """Refuse to serve others who do not say who they are, or who would say it in the open."""
    if len(token) < SHORTEST_TOKEN:
        problem = "others could reach it, and no token is asked of them"
        remedy = f"Set {TOKEN_VARIABLE} to a secret of at least {SHORTEST_TOKEN} characters."
        raise ServingRefusedError(host, problem, remedy)
    if not encrypted:
        problem = "the token would reach it unencrypted"
        remedy = "Give --certificate and --key, or --behind-proxy where a proxy encrypts."
        raise ServingRefusedError(host, problem, remedy)


@contextmanager
def _server(
    dagster_url: str | None,
    token: str,
    names: tuple[str, ...],
    certificate: tuple[Path | None, Path | None],
) -> "Iterator[uvicorn.Server]":
    try:
        import uvicorn

        from mesh_dagster.share.app import LOOPBACK, application
        from mesh_dagster.share.guard import digest_of
    except ImportError as error:
        raise ExtraMissingError("mesh serve", "serve") from error
    from mesh_dagster.run.store import Store
    from mesh_dagster.share.mesh import Mesh

    with closing(Mesh(Store.at(), dagster_url=dagster_url)) as mesh:
        digest = digest_of(token) if token else None
        config = uvicorn.Config(
            application(mesh, token_digest=digest, hosts=(*LOOPBACK, *names)),
            access_log=False,  # what others search for is nobody's business
            log_level="warning",
            proxy_headers=False,
            server_header=False,
            ssl_certfile=certificate[0],
            ssl_keyfile=certificate[1],
        )
        try:
            config.load()
        except (ssl.SSLError, OSError) as error:
            problem = f"the certificate '{certificate[0]}' and its key cannot be used"
            raise ServingRefusedError(names[0], problem, "Give a PEM file of each.") from error
        yield uvicorn.Server(config)
