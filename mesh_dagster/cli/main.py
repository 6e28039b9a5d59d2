"""Be the command `mesh`: find the asked command, and turn every error into one plain message.

In:  arguments.
Out: the command's own output, and an exit status: 0, 1 for refused input or a broken promise, 2
for wrong usage. A command's module is imported when the command is run, so that each waits only
for what it needs.
"""

import os
from collections.abc import Mapping
from importlib import import_module
from keyword import iskeyword
from typing import IO, Any

import click

from mesh_dagster import __version__
from mesh_dagster.errors import MeshError, nearest

_SECTIONS: Mapping[str, Mapping[str, str]] = {
    "Offer data": {"init": "new", "new": "new", "run": "run", "demo": "demo"},
    "Find and read data": {
        "ls": "list",
        "find": "find",
        "show": "show",
        "read": "read",
        "sql": "sql",
        "lineage": "lineage",
        "trace": "trace",
        "changes": "changes",
        "serve": "serve",
    },
    "Keep promises": {"slo": "slo", "alerts": "alerts"},
    "Change what is offered": {
        "check": "check",
        "plan": "plan",
        "release": "release",
        "retire": "retire",
        "export": "export",
        "import": "imports",
    },
    "Look after the mesh": {
        "rebuild": "rebuild",
        "vacuum": "upkeep",
        "reindex": "upkeep",
        "score": "score",
        "kpi": "find",
    },
}
"""Each command and its module, in the order in which the help lists them."""
_HOMES = {name: home for homes in _SECTIONS.values() for name, home in homes.items()}


class Refused(click.ClickException):
    """An error of the mesh, shown as its message alone."""

    exit_code = 1

    def show(self, file: IO[Any] | None = None) -> None:
        """Write the message to stderr."""
        click.echo(self.message, err=file is None, file=file)


class Commands(click.Group):
    """The commands of `mesh`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        del ctx
        return list(_HOMES)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands in their sections."""
        width = formatter.width - 6 - max(map(len, _HOMES))
        for title, homes in _SECTIONS.items():
            commands = [(name, self.get_command(ctx, name)) for name in homes]
            with formatter.section(title):
                formatter.write_dl(
                    [(name, one.get_short_help_str(width)) for name, one in commands if one]
                )

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        del ctx
        if cmd_name not in _HOMES:
            return None
        module = import_module(f"mesh_dagster.cli.{_HOMES[cmd_name]}")
        # A command may bear a name that Python keeps for itself.
        name = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name
        command: click.Command = getattr(module, name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or offer the nearest one."""
        if args and args[0] not in _HOMES and not args[0].startswith("-"):
            ctx.fail(f"There is no command '{args[0]}'.{nearest(args[0], _HOMES)}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; no error leaves as a traceback unless it was asked for."""
        try:
            return super().invoke(ctx)
        except MeshError as error:
            raise Refused(str(error)) from error
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except OSError as error:
            if ctx.params.get("traceback"):
                raise
            raise Refused(_of_the_system(error)) from error
        except Exception as error:
            if ctx.params.get("traceback"):
                raise
            raise Refused(_unexpected(error)) from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mesh")
@click.option("--traceback", is_flag=True, help="Show where an unexpected error came from.")
def main(*, traceback: bool) -> None:
    """Find, read and run data products.

    The mesh lies at MESH_ROOT (default: .mesh in the current folder), its registry at
    MESH_REGISTRY (default: a SQLite file in MESH_ROOT).
    """
    del traceback


def _of_the_system(error: OSError) -> str:
    if not error.errno and _remote_store():
        return _unexpected(error)
    reason = os.strerror(error.errno) if error.errno else type(error).__name__
    where = f" at '{error.filename}'" if error.filename else ""
    return (
        f"The system refused: {reason}{where}. "
        "Check the path, its permissions and the space on the disk."
    )


def _unexpected(error: Exception) -> str:
    store = _remote_store()
    access = f"Check that the environment gives access to the store at '{store}'. " if store else ""
    return (
        f"mesh stopped on an unexpected {type(error).__name__}. {access}"
        "Run 'mesh --traceback ...' to see where it came from."
    )


def _remote_store() -> str | None:
    from mesh_dagster.run.store import ROOT_VARIABLE, is_remote

    root = os.environ.get(ROOT_VARIABLE, "")
    return root if is_remote(root) else None
