"""Build a published version again from its inputs, and say whether it comes out equal.

In:  the address of a port, a workspace.
Out: counts of rows, never a value; exit status 1 where they differ.
"""

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mesh_dagster.cli.output import as_json_option, write_json
from mesh_dagster.cli.run import workspace_option
from mesh_dagster.declare.address import Reference

if TYPE_CHECKING:
    from mesh_dagster.cli.rebuilding import At, Rebuilt, RebuiltPart


@click.command()
@click.argument("address")
@click.option(
    "--at",
    type=click.Choice(["recorded", "current"]),
    default="recorded",
    show_default=True,
    help="The versions of its inputs: those that it was made from, or the newest.",
)
@click.option("--version", type=click.IntRange(min=0), help="Instead of the newest publication.")
@click.option("--publish", is_flag=True, help="Publish what was built.")
@workspace_option
@as_json_option
def rebuild(
    *,
    address: str,
    at: "At",
    version: int | None,
    publish: bool,
    workspace: Path,
    as_json: bool,
) -> None:
    """Build the port at ADDRESS again, and compare it.

    It is built from its inputs, and compared with what is published.
    Rows are compared in any order, with their exact types. Nothing is published without --publish.
    """
    reference = Reference.parse(address)
    if version is not None:
        reference = Reference(reference.address, version)
    rebuilt = _rebuilt(reference, workspace, at, publish=publish)
    if as_json:
        write_json({**vars(rebuilt), "equal": rebuilt.equal})
    else:
        click.echo("\n".join(_lines(rebuilt)))
    if not rebuilt.equal and not publish:
        raise click.exceptions.Exit(1)


def _rebuilt(reference: Reference, workspace: Path, at: "At", *, publish: bool) -> "Rebuilt":
    from mesh_dagster.cli.rebuilding import Rebuilder
    from mesh_dagster.cli.registry import open_registry
    from mesh_dagster.cli.steps import assets_of
    from mesh_dagster.cli.workspace import load_workspace
    from mesh_dagster.run.store import Store
    from mesh_dagster.run.trace import trace

    store = Store.at()
    with open_registry(store) as registry:
        found = trace(reference, registry, store)
    with warnings.catch_warnings():
        # Dagster calls parts of itself beta wherever they are used.
        warnings.simplefilter("ignore")
        assets = assets_of(load_workspace(workspace))
        rebuilder = Rebuilder(assets, found.versions[found.root], store, store.registry_url)
        return rebuilder.rebuild(at, publish=publish)


def _lines(rebuilt: "Rebuilt") -> Iterator[str]:
    yield f"{rebuilt.address} version {rebuilt.version}"
    for one in rebuilt.parts:
        if len(rebuilt.parts) > 1:
            yield _partitions(one.slices)
        yield from (
            f"  read {address} version {version}" for address, version in one.inputs.items()
        )
        yield f"  {_verdict(one)}"
        if one.published is not None:
            yield f"  published as version {one.published}"


def _partitions(slices: Sequence[str]) -> str:
    if len(slices) == 1:
        return f"partition {slices[0]}"
    return f"{len(slices):,} partitions, {min(slices)} to {max(slices)}"


def _verdict(one: "RebuiltPart") -> str:
    compared = one.compared
    if compared.equal:
        return f"equal: all {compared.rows:,} rows came out as they were published"
    kind, names = ("types", compared.columns) if compared.columns else ("values", compared.changed)
    where = f"; columns with other {kind}: {', '.join(names)}" if names else ""
    return (
        f"not equal: {compared.only_first:,} of {compared.rows:,} published rows did not come out, "
        f"{compared.only_second:,} others did{where}"
    )
