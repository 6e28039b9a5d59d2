"""Record the working tree as released.

In:  a workspace.
Out: rows of the registry, or a snapshot to commit. What breaks consumers unannounced is refused
unless it is forced, with a reason that is kept.
"""

from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mesh_dagster.cli.output import as_json_option, write_json
from mesh_dagster.cli.run import workspace_option

if TYPE_CHECKING:
    from mesh_dagster.govern.declared import Declared


@click.command()
@workspace_option
@click.option(
    "--snapshot",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write a file to commit, instead of the registry.",
)
@click.option("--force", is_flag=True, help="Release although it breaks consumers.")
@click.option("--because", metavar="TEXT", help="Why it is forced; kept with the release.")
@as_json_option
def release(
    *, workspace: Path, snapshot: Path | None, force: bool, because: str | None, as_json: bool
) -> None:
    """Record the working tree as released.

    'mesh plan' compares with what is released; what breaks consumers unannounced is refused.
    """
    from mesh_dagster.cli.declared import declared_tree
    from mesh_dagster.cli.plan import plan_of
    from mesh_dagster.errors import ReleaseRefusedError
    from mesh_dagster.govern.wording import unstepped

    if force != bool(because):
        raise click.UsageError("Give --force and --because together.")
    tree = declared_tree(workspace)
    made = plan_of(tree, snapshot if snapshot and snapshot.exists() else None)
    if made.problems and not force:
        raise ReleaseRefusedError(problem.subject for problem in made.problems)
    changed = _written(tree, snapshot) if snapshot else _recorded(tree, because)
    changed.sort(key=lambda one: one.identity)
    if as_json:
        told = ({"product": p.key, "version": p.version, "ended": p not in tree} for p in changed)
        write_json(list(told))
    else:
        _tell(changed, tree, str(snapshot) if snapshot else "the registry")
    for line in unstepped(made):
        click.secho(line, fg="yellow", err=True)


def _tell(changed: "list[Declared]", tree: "list[Declared]", where: str) -> None:
    if not changed:
        click.echo(f"Nothing changed since the last release in {where}.")
    for product in changed:
        ended = product not in tree
        click.echo(f"{'ended   ' if ended else 'released'}  {product.key} {product.version}")


def _recorded(tree: "list[Declared]", because: str | None) -> "list[Declared]":
    from mesh_dagster.govern.releases import release
    from mesh_dagster.run.registry import Registry
    from mesh_dagster.run.store import Store

    with closing(Registry(Store.at().registry_url)) as registry:
        return release(registry, tree, datetime.now(timezone.utc), because)


def _written(tree: "list[Declared]", path: Path) -> "list[Declared]":
    """Write a snapshot; where the registry knows nobody, the consumers of the file are kept."""
    from mesh_dagster.cli.registry import open_registry
    from mesh_dagster.govern.releases import elsewhere
    from mesh_dagster.govern.snapshot import read_snapshot, write_snapshot

    with open_registry() as registry:
        consumers = elsewhere(registry, {product.domain for product in tree})
    if not consumers and path.exists():
        consumers = list(read_snapshot(path).consumers)
    return write_snapshot(path, tree, consumers, datetime.now(timezone.utc))
