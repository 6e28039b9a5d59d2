"""Materialize products through Dagster.

In:  a selection, a workspace.
Out: a line for each asset as it is done, then a table of the ports. Runs and their events lie in
the Dagster instance, where the UI shows them.
"""

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mesh_dagster.cli.output import as_json_option, write_json

if TYPE_CHECKING:
    from mesh_dagster.cli.materialize import Materializer, Wanted

WORKSPACE = "workspace.yaml"

workspace_option = click.option(
    "--workspace",
    type=click.Path(dir_okay=False, path_type=Path),
    default=WORKSPACE,
    show_default=True,
    help="The code locations, as for 'dagster dev -w'.",
)


@click.command()
@click.argument("selection", required=False)
@workspace_option
@click.option(
    "--partition",
    "partitions",
    multiple=True,
    metavar="KEY",
    help="Only this partition; repeatable.",
)
@click.option("--all-partitions", is_flag=True, help="Also partitions that are published already.")
@as_json_option
def run(
    *,
    selection: str | None,
    workspace: Path,
    partitions: tuple[str, ...],
    all_partitions: bool,
    as_json: bool,
) -> None:
    """Materialize products in their order, or those in SELECTION.

    SELECTION is a domain, a domain/product, a port's address or a Dagster selection such as
    'group:"sales/*"'. Of a port with partitions, those that are missing are materialized.
    """
    from mesh_dagster.cli.outcome import kept_errors
    from mesh_dagster.cli.progress import failed_runs, follow, print_summary

    if partitions and all_partitions:
        raise click.UsageError("Give --partition or --all-partitions, not both.")
    wanted: Wanted = partitions or ("all" if all_partitions else "missing")
    with prepare(workspace, selection, wanted) as materializer:
        outcomes = follow(materializer, quiet=as_json)
        asked = click.get_current_context().find_root().params.get("traceback")
        runs = failed_runs(outcomes) if asked else []
        kept = [error for run_id in runs for error in kept_errors(materializer.instance, run_id)]
    if as_json:
        write_json(outcomes)
    else:
        print_summary(outcomes)
    for error in kept:
        click.echo(error, err=True)
    if any(outcome.state != "published" for outcome in outcomes):
        raise click.exceptions.Exit(1)


@contextmanager
def prepare(workspace: Path, selection: str | None, wanted: "Wanted") -> "Iterator[Materializer]":
    """Load a workspace and put what is selected in order; nothing runs yet.

    Raises:
        WorkspaceRefusedError: The workspace cannot be read.
        LocationRefusedError: A code location cannot be loaded.
        NothingSelectedError: The selection means nothing.
        UnknownPartitionError: A named partition is unknown.
    """
    from mesh_dagster.cli.materialize import Materializer, jobs_for, open_instance
    from mesh_dagster.cli.selection import selected
    from mesh_dagster.cli.steps import assets_of, steps_for
    from mesh_dagster.cli.workspace import load_workspace
    from mesh_dagster.compile.definitions import products_of
    from mesh_dagster.run.registry import Registry
    from mesh_dagster.run.store import Store

    store = Store.at()
    with ExitStack() as opened:
        # Dagster calls parts of itself beta wherever they are used.
        opened.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        locations = load_workspace(workspace)
        products = [product for one in locations for product in products_of(one.definitions)]
        ports = [port for product in products for port in product.ports.values()]
        assets = assets_of(locations)
        steps = steps_for(assets, selected(assets, selection))
        instance = opened.enter_context(open_instance(store))
        registry = opened.enter_context(closing(Registry(store.registry_url)))
        jobs = jobs_for(steps, wanted, instance, registry)
        declared = {str(port.address): port.state for port in ports}
        yield Materializer(assets, jobs, instance, registry, store, declared)
