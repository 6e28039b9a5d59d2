"""Show the mesh at work on the example domains, a bad day included.

In:  the workspace of the example domains, in the current folder.
Out: every product published, a bad batch refused, the proof that readers never met it, and the
command that opens Dagster's UI on all of it.
"""

import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mesh_dagster.cli.output import as_json_option, console, print_all, write_json
from mesh_dagster.cli.run import WORKSPACE, prepare
from mesh_dagster.errors import DemoMisplacedError

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console
    from rich.table import Table

    from mesh_dagster.cli.outcome import Outcome

HOME = "DAGSTER_HOME"
BAD_DAY = "MESH_EXAMPLE_BAD_DAY"
PRODUCT = "sales/invoices"
"""The product that has the bad day."""
SERVED = "mesh://sales/invoices/v1/lines"
"""What is read before and after it."""
_KEPT = ("MESH_ROOT", "MESH_EXAMPLE_DATA")
_REGISTRY = "MESH_REGISTRY"


@dataclass(frozen=True)
class Served:
    """What a reader gets at `SERVED`."""

    version: int
    frame: "pl.DataFrame"
    """Its rows, in the order of their values."""


@click.command()
@as_json_option
def demo(*, as_json: bool) -> None:
    """Materialize the example domains, then see a bad batch refused.

    Run it in the folder that holds the example domains and their workspace.yaml.
    """
    if not Path(WORKSPACE).is_file() or not Path("example_domains").is_dir():
        raise DemoMisplacedError(str(Path.cwd()))
    screen = console(stderr=as_json)
    with _environment(BAD_DAY, None):
        _say(screen, "A good day: every domain publishes its products.")
        good = _materialize(None, quiet=as_json)
    before = _served()
    with _environment(BAD_DAY, "1"):
        _say(screen, f"A bad day: the newest prices of '{PRODUCT}' lost their decimal point.")
        bad = _materialize(PRODUCT, quiet=as_json)
    after = _served()
    kept = before.version == after.version and before.frame.equals(after.frame)
    if as_json:
        write_json({"good_day": good, "bad_day": bad, "served": after.version, "kept": kept})
    else:
        _conclude(screen, [*good, *bad], after, kept=kept)
    refused = [outcome.state for outcome in bad if outcome.role == "port"]
    if {one.state for one in good} != {"published"} or set(refused) != {"refused"} or not kept:
        raise click.exceptions.Exit(1)


def _materialize(selection: str | None, *, quiet: bool) -> "list[Outcome]":
    from mesh_dagster.cli.progress import follow, print_summary

    with prepare(Path(WORKSPACE), selection, "all") as materializer:
        outcomes = follow(materializer, quiet=quiet)
    if not quiet:
        print_summary(outcomes)
    return outcomes


def _served() -> Served:
    from mesh_dagster.declare.address import Reference
    from mesh_dagster.run.read import resolve
    from mesh_dagster.run.store import Store

    content = resolve(Reference.parse(SERVED), Store.at())
    frame = content.plan().collect()
    return Served(content.version, frame.sort(frame.columns))


def _conclude(
    screen: "Console", outcomes: "Sequence[Outcome]", after: Served, *, kept: bool
) -> None:
    aside = {one.name for one in outcomes if one.rejected_rows}
    if aside:
        _say(
            screen, "Quarantine: rows that broke a rule, beside the valid rows that were published."
        )
        print_all(screen, _quarantined(sorted(aside)))
    _say(screen, "The refusals above are the point: a reader never meets a bad batch.")
    same = "equal to" if kept else "NOT equal to"
    screen.print(
        f"{SERVED} still serves version {after.version}: {after.frame.height:,} rows, {same} "
        "those before the bad day."
    )
    _say(screen, "See for yourself:")
    mesh = _program("mesh")
    for command in (f"{mesh} show {SERVED}", f"{mesh} read {SERVED}", _ui_command()):
        screen.print(f"  {command}", soft_wrap=True)
    if find_spec("dagster_webserver") is None:
        screen.print("The last one needs the UI: pip install dagster-webserver")


def _quarantined(addresses: "Sequence[str]") -> "Table":
    import polars as pl
    from rich.table import Table

    from mesh_dagster.declare.storage import RULES_COLUMN
    from mesh_dagster.run.read import read

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("PORT", no_wrap=True)
    table.add_column("BROKEN RULE")
    table.add_column("ROWS", justify="right")
    for address in addresses:
        rules = read(f"{address}?quarantine").select(pl.col(RULES_COLUMN).explode())
        counts = rules.group_by(RULES_COLUMN).len().sort(RULES_COLUMN).collect()
        for rule, rows in counts.iter_rows():
            table.add_row(address, rule, f"{rows:,}")
    return table


def _ui_command() -> str:
    """Return the command that opens the UI on the same mesh, to be typed in this folder."""
    given = {name: os.environ[name] for name in _KEPT if os.environ.get(name)}
    settings = {HOME: os.environ[HOME], **given}
    written = [f"{name}={shlex.quote(value)}" for name, value in settings.items()]
    if os.environ.get(_REGISTRY):
        # The URL may hold a password, so it is not shown.
        written.append(f'{_REGISTRY}="${_REGISTRY}"')
    return " ".join([*written, _program("dagster"), "dev", "-w", WORKSPACE])


def _program(name: str) -> str:
    """Return a command as it is typed in this folder: that of this very environment."""
    beside = Path(sys.executable).parent / name
    program = beside if beside.exists() else Path(name)
    if program.is_relative_to(Path.cwd()):
        program = program.relative_to(Path.cwd())
    return shlex.quote(str(program))


def _say(screen: "Console", text: str) -> None:
    screen.print()
    screen.print(text, style="bold")


@contextmanager
def _environment(name: str, value: str | None) -> Iterator[None]:
    before = os.environ.pop(name, None)
    if value is not None:
        os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name, None)
        if before is not None:
            os.environ[name] = before
