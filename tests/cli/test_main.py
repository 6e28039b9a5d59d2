import click
import pytest
from click.testing import CliRunner

from mesh_dagster import __version__
from mesh_dagster.cli.main import main
from mesh_dagster.run.store import Store
from tests.cli.scenario import mesh

COMMANDS = [
    *("ls", "find", "show", "changes", "kpi", "read", "sql", "lineage", "trace", "run", "demo"),
    *("score", "rebuild", "retire", "vacuum", "reindex", "check", "plan", "release"),
]
OTHERS = ["alerts", "export", "import", "init", "new", "serve", "slo"]
"""Groups, and what writes code or runs on."""


def test_the_commands_are_these() -> None:
    assert sorted(main.list_commands(click.Context(main))) == sorted(COMMANDS + OTHERS)


def test_the_help_says_in_a_line_of_80_columns_what_each_command_is_for() -> None:
    listed = CliRunner().invoke(main, ["--help"], terminal_width=80).stdout

    told = [line.split(maxsplit=1) for line in listed.splitlines() if line.startswith("  ")]
    lines = {words[0]: words[1] for words in told if words[0] in COMMANDS + OTHERS}
    assert sorted(lines) == sorted(COMMANDS + OTHERS)
    assert [name for name, line in lines.items() if not line.endswith(".")] == []
    assert [name for name, line in lines.items() if line.endswith("...")] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_explains_itself_and_writes_json_for_scripts(command: str) -> None:
    result = mesh(command, "--help")

    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: main {command} [OPTIONS]")
    assert "  --json" in result.stdout


def test_the_version_is_that_of_the_package() -> None:
    assert mesh("--version").stdout == f"mesh, version {__version__}\n"


def test_an_unknown_command_offers_the_nearest() -> None:
    result = mesh("vacum")

    assert (result.exit_code, result.stderr) == (
        2,
        (
            "Usage: main [OPTIONS] COMMAND [ARGS]...\nTry 'main --help' for help.\n\n"
            "Error: There is no command 'vacum'. Did you mean 'vacuum'?\n"
        ),
    )


def test_an_unexpected_error_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Store, "at", lambda: 1 / 0)

    result = mesh("ls")

    assert (result.exit_code, result.stdout, result.stderr) == (
        1,
        "",
        (
            "mesh stopped on an unexpected ZeroDivisionError. Run 'mesh --traceback ...' to see "
            "where it came from.\n"
        ),
    )


def test_a_traceback_is_shown_to_who_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Store, "at", lambda: 1 / 0)

    result = mesh("--traceback", "ls")

    assert isinstance(result.exception, ZeroDivisionError)
