"""Read a port by its address.

In:  an address, and which of its publications is meant.
Out: its rows, in one of four formats.
"""

from dataclasses import replace
from pathlib import Path

import click

from mesh_dagster.cli.formats import (
    Format,
    format_option,
    limit_option,
    output_option,
    write_rows,
)
from mesh_dagster.cli.output import as_json_option
from mesh_dagster.declare.address import Reference


@click.command()
@click.argument("address")
@click.option("--as-of", help="Read what was current at a time, such as 2026-11-01T00:00:00Z.")
@click.option("--version", type=click.IntRange(min=0), help="Read one publication by its number.")
@click.option("--quarantine", is_flag=True, help="Read the rejected rows, with their rules.")
@format_option
@limit_option
@output_option
@as_json_option
def read(  # noqa: PLR0913 - one parameter for each option
    *,
    address: str,
    as_of: str | None,
    version: int | None,
    quarantine: bool,
    format_: Format,
    limit: int | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Read the newest publication at ADDRESS, or an earlier one.

    A table shows 20 rows; csv, json and parquet write all.
    """
    from mesh_dagster.run.read import counted, deprecation
    from mesh_dagster.run.store import Store

    reference, store = _reference(address, as_of, version, quarantine=quarantine), Store.at()
    content = counted(reference, store, "command")
    told = deprecation(reference, content, store)
    if told:
        click.echo(told, err=True)
    write_rows(content.plan(), "json" if as_json else format_, output, limit)


def _reference(
    address: str, as_of: str | None, version: int | None, *, quarantine: bool
) -> Reference:
    given = Reference.parse(address)
    asked = [as_of is not None, version is not None, quarantine, given != Reference(given.address)]
    if sum(asked) > 1:
        raise click.UsageError(
            "Ask for one of --as-of, --version and --quarantine, or for one in the address."
        )
    if as_of is not None:
        return Reference.parse(f"{address}?as_of={as_of}")
    return replace(given, version=version, quarantine=quarantine) if any(asked[:3]) else given
