"""Turn documents of open standards into Python that declares the same.

In:  a file, which may be hostile.
Out: a Python module on stdout or in a new file; on stderr, what the file says beyond it.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mesh_dagster.discover.odcs.files import ContractFile
    from mesh_dagster.discover.odcs.tables import ReadTable

file_argument = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
out_option = click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a new Python file instead; an old one is never replaced.",
)


@click.group("import")
def import_() -> None:
    """Write Python that declares what a standard's document does."""


@import_.command()
@file_argument
@out_option
def odcs(*, file: Path, out: Path | None) -> None:
    """Write the contracts of an ODCS document, with a product."""
    from mesh_dagster.discover.odcs.files import read_contract
    from mesh_dagster.discover.skeleton import contract_module

    read = read_contract(file)
    _write(contract_module(read), out)
    kept = f"To keep all that the document says, write contract=md.odcs('{read.path.name}')."
    for line in [*not_kept(read, read.tables.values()), kept]:
        click.echo(line, err=True)


@import_.command()
@file_argument
@out_option
def odps(*, file: Path, out: Path | None) -> None:
    """Write the product of an ODPS document.

    Its contracts are the ODCS files beside it.
    """
    from mesh_dagster.discover.odps import contracts_beside, read_product
    from mesh_dagster.discover.skeleton import product_module

    _write(product_module(read_product(file), file.name, contracts_beside(file)), out)


def _write(module: str, out: Path | None) -> None:
    if out is None:
        click.echo(module, nl=False)
        return
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(module)
    except FileExistsError as error:
        raise click.BadParameter(f"'{out}' exists. Nothing was written.") from error


def not_kept(read: "ContractFile", tables: Iterable["ReadTable"]) -> list[str]:
    """Say what of a document nobody checks or watches here, a line each."""
    tables = list(tables)
    checks = [
        f"Not checked: '{_name_of(check)}' of '{about}'."
        for table in tables
        for about, check in table.all_unread
    ]
    unwatched = (name for table in tables for name in read.promises(table).unwatched)
    return [*checks, *(f"Not watched: '{name}'." for name in dict.fromkeys(unwatched))]


def _name_of(check: Mapping[str, object]) -> object:
    return next((check[part] for part in ("name", "metric", "type") if part in check), "a check")
