"""Say what a release of the working tree would change, and whom it would break.

In:  a workspace; what was released, from the registry or a snapshot.
Out: the plan as text, JSON or Markdown; exit status 1 when something breaks unannounced, or
expects of a port what that never promises.
"""

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from mesh_dagster.cli.output import as_json_option, write_json
from mesh_dagster.cli.run import workspace_option

if TYPE_CHECKING:
    from mesh_dagster.govern.declared import Declared
    from mesh_dagster.govern.plan import Plan

Format = Literal["text", "json", "markdown"]


@click.command()
@workspace_option
@click.option(
    "--against",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A snapshot that 'mesh release --snapshot' wrote, instead of the registry.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    show_default=True,
    help="Markdown is for a comment on a pull request.",
)
@as_json_option
@click.option("--strict", is_flag=True, help="Also fail where a version step is missing.")
def plan(
    *, workspace: Path, against: Path | None, format_: Format, as_json: bool, strict: bool
) -> None:
    """Name the consumers that the working tree breaks.

    It is compared with what was released.
    Exits with 1 when something breaks unannounced, or expects what it can never get.
    """
    from mesh_dagster.cli.declared import declared_tree
    from mesh_dagster.cli.plan_markdown import plan_json, plan_markdown
    from mesh_dagster.cli.plan_text import plan_text

    made = plan_of(declared_tree(workspace), against)
    if as_json or format_ == "json":
        write_json(plan_json(made))
    else:
        write = plan_text if format_ == "text" else plan_markdown
        click.echo(write(made, str(against) if against else "the registry"), nl=False)
    if made.problems or (strict and not all(one.stepped for one in made.products)):
        raise click.exceptions.Exit(1)


def plan_of(tree: "list[Declared]", against: Path | None) -> "Plan":
    """Compare a working tree with a snapshot, or else with the registry.

    Raises:
        SnapshotRefusedError: The file is no snapshot.
        RegistryError: The registry cannot be reached.
    """
    from mesh_dagster.cli.registry import open_registry
    from mesh_dagster.govern.consumers import counted_readers
    from mesh_dagster.govern.plan import plan
    from mesh_dagster.govern.releases import elsewhere, released
    from mesh_dagster.govern.snapshot import read_snapshot
    from mesh_dagster.run.consumers import declared_ports
    from mesh_dagster.run.reads import RECENT, readers
    from mesh_dagster.run.retirements import retirements_in

    now = datetime.now(timezone.utc)
    domains = {product.domain for product in tree}
    if against is not None:
        snapshot = read_snapshot(against)
        return plan(tree, snapshot.products, snapshot.consumers, now.date())
    with open_registry() as registry:
        before, others = released(registry, domains), elsewhere(registry, domains)
        addresses = [address for product in before for address in product.ports]
        counted = counted_readers(readers(registry, addresses, since=now - RECENT))
        ended, declared = retirements_in(registry), declared_ports(registry)
        return plan(tree, before, others, now.date(), ended, counted, declared)
