"""Hold the declarations of a working tree against the conventions of the mesh.

In:  a workspace, `mesh_check.yaml` beside it for levels and waivers, and the registry, where there
is one, for what ports elsewhere promise.
Out: a line for each fault with its remedy, or SARIF or JUnit for CI. Nothing runs.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from mesh_dagster.cli.output import as_json_option, write_json
from mesh_dagster.cli.run import workspace_option

if TYPE_CHECKING:
    import dagster as dg

    from mesh_dagster.declare.product import DataProduct
    from mesh_dagster.declare.written import WrittenContract
    from mesh_dagster.govern.checkup import Breach, Checkup
    from mesh_dagster.govern.policy import AssetPath, Landscape
    from mesh_dagster.run.registry import Registry

_COLOURS = {"error": "red", "warning": "yellow", "note": "cyan"}
_PLURALS = {"error": "errors", "warning": "warnings", "note": "notes"}
_MOST_SHOWN = 10


@click.command()
@workspace_option
@click.option(
    "--format",
    "format_",
    type=click.Choice(("text", "json", "sarif", "junit")),
    default="text",
    show_default=True,
)
@as_json_option
@click.option("--all", "whole", is_flag=True, help="Show every fault, and the waived ones.")
@click.pass_context
def check(
    context: click.Context,
    *,
    workspace: Path,
    format_: Literal["text", "json", "sarif", "junit"],
    as_json: bool,
    whole: bool,
) -> None:
    """Check that products have what a mesh needs.

    Such as an owner, a purpose, descriptions and promises, and that what they expect can be had.
    Exit status 1 when an error stands open. The file mesh_check.yaml beside the workspace sets
    other levels and waives faults, each with a reason.
    """
    from mesh_dagster.cli.check_reports import junit, sarif
    from mesh_dagster.govern.checkup import check_up
    from mesh_dagster.govern.policies import POLICIES
    from mesh_dagster.govern.waivers import FILE_NAME, load_strictness

    settings = workspace.resolve().parent / FILE_NAME
    strictness = load_strictness(settings, [policy.name for policy in POLICIES])
    found = check_up(_landscape(workspace), POLICIES, strictness)
    if as_json or format_ == "json":
        write_json({"failed": found.failed, "breaches": found.breaches, "unused": found.unused})
    elif format_ == "text":
        click.echo("\n".join(_text(found, whole=whole)))
    else:
        click.echo(sarif(found, POLICIES) if format_ == "sarif" else junit(found, POLICIES))
    context.exit(1 if found.failed else 0)


def _landscape(workspace: Path) -> "Landscape":
    import warnings

    from mesh_dagster.cli.declared import products_of_all
    from mesh_dagster.cli.registry import open_registry
    from mesh_dagster.cli.workspace import load_workspace
    from mesh_dagster.govern.policy import Landscape
    from mesh_dagster.run.consumers import declared_ports, deprecations_of

    with warnings.catch_warnings():
        # Dagster calls parts of itself beta wherever they are used.
        warnings.simplefilter("ignore")
        locations = load_workspace(workspace)
        products = products_of_all(locations)
        reads = {key: inputs for one in locations for key, inputs in _reads(one.definitions)}
    today = datetime.now(timezone.utc).date()
    with open_registry() as registry:
        contracts = _contracts(registry, products)
        known = contracts, declared_ports(registry), deprecations_of(registry)
        return Landscape(tuple(products), today, reads, *known)


def _contracts(
    registry: "Registry", products: "Iterable[DataProduct]"
) -> "dict[str, WrittenContract]":
    """Return the contracts of registered ports of which something is expected."""
    from mesh_dagster.run.stated import contract_of

    expected = {i.address for one in products for i in one.inputs.values() if i.expectation}
    return {
        row["address"]: contract_of(row["declaration"]["contract"])
        for address in expected
        for row in registry.ports(address)
    }


def _reads(definitions: "dg.Definitions") -> "Iterator[tuple[AssetPath, list[AssetPath]]]":
    for node in definitions.resolve_asset_graph().asset_nodes:
        yield tuple(node.key.path), [tuple(parent.path) for parent in node.parent_keys]


def _text(found: "Checkup", *, whole: bool) -> Iterator[str]:
    shown = found.breaches if whole else found.open
    for (level, policy), group in groupby(shown, key=lambda one: (one.level, one.policy)):
        breaches = list(group)
        head = click.style(f"{level} {policy}", fg=_COLOURS[level], bold=True)
        yield f"{head}  {breaches[0].fault.remedy}"
        most = len(breaches) if whole else _MOST_SHOWN
        yield from (f"  {_line(breach)}" for breach in breaches[:most])
        if len(breaches) > most:
            yield f"  and {len(breaches) - most} more; --all shows them"
        yield ""
    for waiver in found.unused:
        yield f"The waiver of '{waiver.policy}' on '{waiver.on}' has ended or is of no use."
    yield _summary(found)


def _line(breach: "Breach") -> str:
    fault, waiver = breach.fault, breach.waiver
    where = f" ({_shortened(fault.place.file)}:{fault.place.line})" if fault.place else ""
    waived = f"; waived: {waiver.because}" if waiver else ""
    return f"{fault.subject} {fault.problem}{where}{waived}"


def _shortened(file: str) -> str:
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file


def _summary(found: "Checkup") -> str:
    counts = [
        f"{count} {level if count == 1 else plural}"
        for level, plural in _PLURALS.items()
        if (count := sum(one.level == level for one in found.open))
    ]
    waived = len(found.breaches) - len(found.open)
    return f"{', '.join(counts) or 'Nothing to mend'}{f', {waived} waived' if waived else ''}."
