"""Make a mesh repository, and add domains, products and ports to it.

In:  names; a CSV or Parquet file, a DuckDB table or an ODCS contract to begin with.
Out: files that run and pass their own tests at once.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mesh_dagster import __version__
from mesh_dagster.cli.output import Command
from mesh_dagster.errors import FileThereError

if TYPE_CHECKING:
    from mesh_dagster.cli.scaffold import Draft
    from mesh_dagster.discover.rows_of import RowsOf

_FILE = click.Path(path_type=Path)
_PORT = "rows"


def _data_options(command: Command) -> Command:
    options: list[Callable[[Command], Command]] = [
        click.option("--from-csv", type=_FILE, metavar="FILE", help="Propose from a CSV file."),
        click.option("--from-parquet", type=_FILE, metavar="FILE", help="Or a Parquet file."),
        click.option("--from-table", metavar="duckdb:FILE:TABLE", help="Or a DuckDB table."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@click.argument("folder", type=_FILE)
@click.option("--product", metavar="DOMAIN/NAME", default="example/greetings", show_default=True)
@_data_options
def init(
    *,
    folder: Path,
    product: str,
    from_csv: Path | None,
    from_parquet: Path | None,
    from_table: str | None,
) -> None:
    """Make a mesh repository in FOLDER.

    It has one domain with one product, its test and a file for CI.
    """
    from mesh_dagster.cli.new_product import add_product
    from mesh_dagster.cli.scaffold import PACKAGE, Draft

    rows = _rows(from_csv, from_parquet, from_table)
    if folder.exists() and any(folder.iterdir()):
        raise FileThereError(str(folder))
    draft = Draft(folder.resolve())
    major, minor, _ = __version__.split(".")
    given = {
        "name": folder.resolve().name,
        "version": __version__,
        "next_version": f"{major}.{int(minor) + 1}",
    }
    for name, template in (
        ("pyproject.toml", "pyproject.toml"),
        ("workspace.yaml", "workspace.yaml"),
        ("README.md", "readme.md"),
        ("alerts.yaml", "alerts.yaml"),
        (".gitignore", "gitignore"),
        (".github/workflows/mesh.yml", "ci.yml"),
    ):
        draft.add(name, template, given)
    draft.add_empty("tests/__init__.py")
    add_product(draft, PACKAGE, _key(product), _PORT, rows)
    _tell(draft, folder)
    click.echo(f"\nNext: cd {folder} && mesh run && mesh ls")
    click.echo("Before the first change: mesh release, as its README.md says.")


@click.group()
def new() -> None:
    """Add a domain, a product or a port to a mesh repository.

    The repository is the current folder.
    """


@new.command()
@click.argument("name")
def domain(*, name: str) -> None:
    """Add the domain NAME: a folder and a code location."""
    from mesh_dagster.cli.new_product import add_domain
    from mesh_dagster.cli.scaffold import package_of

    draft = _here()
    add_domain(draft, package_of(draft), name)
    _tell(draft)


@new.command()
@click.argument("product")
@click.option("--port", default=_PORT, show_default=True, help="The name of its output port.")
@_data_options
@click.option("--from-odcs", metavar="FILE[#TABLE]", help="Or a contract in ODCS.")
@click.option("--reads", metavar="ADDRESS", help="Make it from a published port instead.")
def product(
    *,
    product: str,
    port: str,
    from_csv: Path | None,
    from_parquet: Path | None,
    from_table: str | None,
    from_odcs: str | None,
    reads: str | None,
) -> None:
    """Add PRODUCT, written DOMAIN/NAME, with a proposed contract.

    The contract is proposed from its data; columns that look personal are marked.
    """
    from mesh_dagster.cli.new_product import add_product
    from mesh_dagster.cli.scaffold import package_of

    rows = _rows(from_csv, from_parquet, from_table, from_odcs, reads)
    draft, key = _here(), _key(product)
    add_product(draft, package_of(draft), key, port, rows, odcs=from_odcs, reads=reads)
    _tell(draft)
    domain, name = key
    click.echo(f"\nNext: mesh run {domain}/{name} && mesh read mesh://{domain}/{name}/v1/{port}")


@new.command("port")
@click.argument("product")
@click.argument("name")
@_data_options
def new_port(
    *,
    product: str,
    name: str,
    from_csv: Path | None,
    from_parquet: Path | None,
    from_table: str | None,
) -> None:
    """Add the port NAME to PRODUCT, written DOMAIN/NAME."""
    from mesh_dagster.cli.new_product import add_port
    from mesh_dagster.cli.scaffold import package_of

    draft = _here()
    add_port(
        draft, package_of(draft), _key(product), name, _rows(from_csv, from_parquet, from_table)
    )
    _tell(draft)


def _here() -> "Draft":
    from mesh_dagster.cli.scaffold import WORKSPACE, Draft

    draft = Draft(Path.cwd())
    draft.text(WORKSPACE)
    return draft


def _rows(
    csv: Path | None, parquet: Path | None, table: str | None, *others: object
) -> "RowsOf | None":
    from mesh_dagster.discover.rows_of import rows_of_csv, rows_of_parquet, rows_of_table

    if sum(one is not None for one in (csv, parquet, table, *others)) > 1:
        raise click.UsageError("Give one source: one --from-..., or --reads.")
    if csv is not None:
        return rows_of_csv(csv)
    if parquet is not None:
        return rows_of_parquet(parquet)
    return None if table is None else rows_of_table(table)


def _key(product: str) -> tuple[str, str]:
    domain, _, name = product.partition("/")
    if not name or "/" in name:
        raise click.UsageError(f"Write the product as DOMAIN/NAME, not '{product}'.")
    return domain, name


def _tell(draft: "Draft", under: Path | None = None) -> None:
    for name in draft.write():
        click.echo(str(under / name) if under else name)
    for note in draft.notes:
        click.echo(note, err=True)
