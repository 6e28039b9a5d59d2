"""Write what the mesh knows in the formats of others.

In:  the registry.
Out: YAML or JSON on stdout.
"""

import click

from mesh_dagster.cli.output import as_json_option, write_json


@click.group()
def export() -> None:
    """Write promises in the formats of others."""


@export.command()
@as_json_option
def openslo(*, as_json: bool) -> None:
    """Write every promise as OpenSLO v1."""
    from datetime import datetime, timezone

    import yaml

    from mesh_dagster.cli.registry import open_registry
    from mesh_dagster.observe.openslo import documents
    from mesh_dagster.run.promises import gather

    with open_registry() as registry:
        found = list(documents(gather(registry, datetime.now(timezone.utc))))
    if as_json:
        write_json(found)
        return
    click.echo(yaml.safe_dump_all(found, sort_keys=False, allow_unicode=True), nl=False)
