"""Ask the mesh in SQL.

In:  one SELECT statement over views named `domain.product_v1_port`.
Out: its rows. The statement runs in a DuckDB of its own in memory that can read the files of
the ports that it names, and nothing else; it can write nothing.
"""

from pathlib import Path

import click

from mesh_dagster.cli.formats import (
    Format,
    format_option,
    limit_option,
    output_option,
    write_rows,
)
from mesh_dagster.cli.output import as_json_option, write_json


@click.command()
@click.argument("statement", required=False)
@format_option
@limit_option
@output_option
@as_json_option
def sql(
    *,
    statement: str | None,
    format_: Format,
    limit: int | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Run a SELECT statement over the published ports.

    Each port is a view named domain.product_v1_port, such as sales.invoices_v1_lines. Without a
    statement the names of the views are listed.
    """
    from mesh_dagster.run.retired import retirement
    from mesh_dagster.run.select import select, view_names
    from mesh_dagster.run.store import Store

    store = Store.at()
    if statement is None:
        names = {
            str(address): name
            for address, name in view_names(store).items()
            if retirement(store, address) is None
        }
        if as_json:
            write_json(names)
            return
        click.echo("\n".join(names.values()) or "No port is published here yet.", err=not names)
        return
    with select(statement, store, lambda text: click.echo(text, err=True)) as plan:
        write_rows(plan, "json" if as_json else format_, output, limit)
