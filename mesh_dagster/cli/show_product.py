"""Show a product: what it is for, who owns it, and how each of its ports stands.

In:  `mesh://domain/product`, if wanted with a major version; the registry.
Out: a few lines, and the command that shows more of a port.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import click

from mesh_dagster.cli.list import table
from mesh_dagster.cli.output import write_json
from mesh_dagster.declare.address import Address
from mesh_dagster.errors import UnknownProductError

if TYPE_CHECKING:
    from mesh_dagster.run.overview import PortStatus

_PRODUCT = re.compile(r"mesh://([^/?#]+/[^/?#]+)(?:/v([0-9]+))?/?")


def product_named(address: str) -> tuple[str, int | None] | None:
    """Return the key and the major version, if any, of a product's address; `None` of another."""
    found = _PRODUCT.fullmatch(address)
    return (found[1], int(found[2]) if found[2] else None) if found else None


def show_product(key: str, major: int | None, *, as_json: bool) -> None:
    """Show a product.

    Raises:
        UnknownProductError: The registry has no port of it.
    """
    from mesh_dagster.cli.registry import open_registry
    from mesh_dagster.run.count import who_reads
    from mesh_dagster.run.overview import overview
    from mesh_dagster.run.visits import visit

    now = datetime.now(timezone.utc)
    prefix = f"mesh://{key}/" if major is None else f"mesh://{key}/v{major}/"
    with open_registry() as registry:
        known = overview(registry)
        found = [port for port in known if port.address.startswith(prefix)]
        if not found:
            raise _unknown(key, major, known)
        visit(registry, who_reads(), "view", [key], now)
    if as_json:
        write_json({"product": key, "ports": found})
        return
    newest = max(found, key=lambda port: Address.parse(port.address).major)
    click.secho(f"mesh://{key}", bold=True)
    click.echo(f"{newest.purpose or 'Not declared in this registry.'}\n")
    click.echo(f"{table(found, now)}\n")
    click.echo(f"More of a port: mesh show {newest.address}")


def _unknown(key: str, major: int | None, known: "Sequence[PortStatus]") -> UnknownProductError:
    addresses = [Address.parse(port.address) for port in known]
    majors = sorted({address.major for address in addresses if address.key == key})
    return UnknownProductError(key, major, majors, {address.key for address in addresses})
