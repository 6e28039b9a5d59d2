"""End the life of a port.

In:  an address, the registry, the store.
Out: a retired port; or a refusal that says who still reads it.
"""

from datetime import datetime, timezone

import click

from mesh_dagster.cli.output import as_json_option, write_json
from mesh_dagster.declare.address import Address


@click.command()
@click.argument("address")
@click.option("--successor", metavar="ADDRESS", help="The port to read instead.")
@click.option("--force", is_flag=True, help="Although others read it, or it is still promised.")
@click.option("--because", metavar="REASON", help="Why it is forced.")
@as_json_option
def retire(
    *, address: str, successor: str | None, force: bool, because: str | None, as_json: bool
) -> None:
    """Retire the port at ADDRESS for good.

    Whoever reads it is told its successor.
    The successor is by default that of its deprecation. A publication that is not past the
    product's retention can still be read by its number.
    """
    from mesh_dagster.cli.registry import open_registry
    from mesh_dagster.run.retired import Retired
    from mesh_dagster.run.retirements import retire as end
    from mesh_dagster.run.retiring import known_port, named_successor, require_retirable
    from mesh_dagster.run.store import Store

    if force != bool(because):
        raise click.UsageError("Give --force and --because together, or neither.")
    parsed, store, now = Address.parse(address), Store.at(), datetime.now(timezone.utc)
    with open_registry(store) as registry:
        known_port(registry, parsed)
        instead = named_successor(registry, parsed, successor)
        if not force:
            require_retirable(registry, parsed, now)
        ended = Retired(str(parsed), now, str(instead) if instead else None, because)
        end(ended, store, registry)
    if as_json:
        write_json(ended)
        return
    told = f"Its readers are told to read {instead}." if instead else "It has no successor."
    click.echo(f"{parsed} is retired. {told} Remove it from its product: its runs are refused now.")
