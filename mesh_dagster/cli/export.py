"""Write what the mesh knows in the formats of others.

In:  the registry.
Out: YAML or JSON on stdout, or a file for each document.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import click

from mesh_dagster.cli.list import matches
from mesh_dagster.cli.output import as_json_option, write_json
from mesh_dagster.errors import NoMatchError

Json = Any  # Any: JSON

out_option = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write a file for each into this folder instead.",
)


@click.group()
def export() -> None:
    """Write contracts, products and promises in open standards."""


@export.command()
@as_json_option
def openslo(*, as_json: bool) -> None:
    """Write every promise as OpenSLO v1."""
    from datetime import datetime, timezone

    from mesh_dagster.cli.registry import open_registry
    from mesh_dagster.discover.documents import write_documents
    from mesh_dagster.observe.openslo import documents
    from mesh_dagster.run.promises import gather

    with open_registry() as registry:
        found = list(documents(gather(registry, datetime.now(timezone.utc))))
    if as_json:
        write_json(found)
        return
    click.echo(write_documents(found), nl=False)


@export.command()
@click.argument("pattern", required=False)
@click.option(
    "--version",
    type=click.Choice(["3.1.0", "3.2.0"]),
    default="3.1.0",
    show_default=True,
    help="The version of ODCS.",
)
@out_option
@as_json_option
def odcs(*, pattern: str | None, version: str, out: Path | None, as_json: bool) -> None:
    """Write the contract of each port as ODCS.

    PATTERN is a part of an address, or with * or ? the whole of one.
    """
    from mesh_dagster.cli.registry import open_registry
    from mesh_dagster.discover.odcs.ports import port_document, ports_of, servers_at
    from mesh_dagster.run.store import Store

    store = Store.at()
    with open_registry(store) as registry:
        known = {str(port.address): port for port in ports_of(registry)}
    documents = {
        _file_name(address, "odcs"): port_document(
            known[address], servers_at(store.table(known[address].address)), f"v{version}"
        )
        for address in _chosen(pattern, known)
    }
    _write(documents, out, as_json=as_json)


@export.command()
@click.argument("pattern", required=False)
@out_option
@as_json_option
def odps(*, pattern: str | None, out: Path | None, as_json: bool) -> None:
    """Write each product as ODPS of Bitol.

    PATTERN is a part of domain/product/v1, or with * or ? the whole of it. Of a file that is
    already in the folder, what only it says is kept.
    """
    from mesh_dagster.cli.registry import open_registry
    from mesh_dagster.discover.odps import kept, product_document, products_of, read_product

    with open_registry() as registry:
        products = products_of(registry)
    ports = {str(port.address): port for product in products for port in product.ports}
    known = {f"{product.key}/v{product.version.split('.')[0]}": product for product in products}
    documents = {
        _file_name(name, "odps"): product_document(known[name], ports)
        for name in _chosen(pattern, known)
    }
    if out is not None:
        documents = {
            name: kept(document, read_product(out / name)) if (out / name).exists() else document
            for name, document in documents.items()
        }
    _write(documents, out, as_json=as_json)


def _chosen(pattern: str | None, known: Mapping[str, object]) -> list[str]:
    found = [name for name in known if pattern is None or matches(name, pattern)]
    if pattern and not found:
        raise NoMatchError(pattern, known)
    return found


def _file_name(address: str, kind: str) -> str:
    return f"{address.removeprefix('mesh://').replace('/', '.')}.{kind}.yaml"


def _write(documents: Mapping[str, Json], out: Path | None, *, as_json: bool) -> None:
    from mesh_dagster.discover.documents import write_documents

    if as_json:
        write_json(list(documents.values()))
        return
    if out is None:
        click.echo(write_documents(documents.values()), nl=False)
        return
    out.mkdir(parents=True, exist_ok=True)
    for name, document in documents.items():
        aside = out / f".{name}.{uuid4().hex}"
        aside.write_text(write_documents([document]), encoding="utf-8")
        os.replace(aside, out / name)  # noqa: PTH105 - in one step, over an older file too
    files = f"{len(documents)} file{'s' * (len(documents) != 1)}"
    click.echo(f"Wrote {files} to {out}.", err=True)
