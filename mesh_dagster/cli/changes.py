"""Show how a port changed: what it promised since when, and what differs.

In:  an address, the registry.
Out: the declarations of the port, newest first.
"""

from typing import TYPE_CHECKING

import click

from mesh_dagster.cli.output import as_json_option, moment, write_json
from mesh_dagster.declare.address import Address
from mesh_dagster.errors import NoChangesError
from mesh_dagster.share.wording import MAY_BREAK

if TYPE_CHECKING:
    from mesh_dagster.discover.changes import Change


@click.command()
@click.argument("address")
@as_json_option
def changes(*, address: str, as_json: bool) -> None:
    """Show how the declaration of the port at ADDRESS changed.

    Its contract, its promises and its owner; the newest change comes first, and of each what may
    break readers.
    """
    from mesh_dagster.cli.registry import open_registry
    from mesh_dagster.discover.changes import changes as past

    text = str(Address.parse(address))
    with open_registry() as registry:
        found = past(registry, text)
        known = [row["address"] for row in registry.ports()] if not found else []
    if not found:
        raise NoChangesError(text, known)
    if as_json:
        write_json(found)
        return
    for change in found:
        version, at = change.version, moment(change.declared_at)
        click.secho(f"{at}  {version}  {_published(change)}", bold=True)
        nothing = "first declared" if change is found[-1] else "as it was published before"
        for difference in change.differences or (nothing,):
            mark = click.style(MAY_BREAK, fg="red") if difference in change.breaking else ""
            click.echo(f"  {mark}{difference}")


def _published(change: "Change") -> str:
    if change.unseen:
        return "declared, never published"
    first = change.first_version
    return "not published since" if first is None else f"published with version {first}"
