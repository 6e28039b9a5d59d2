import importlib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from types import ModuleType

import click
import pytest
from click.testing import CliRunner

from tests.conftest import REPOSITORY

MOST_LINES = 300
FENCE = re.compile(r"^```(\w+)(.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ASSIGNMENT = re.compile(r"\w+=")
MACHINE_PATH_OR_REGISTRY = re.compile(
    # In brackets, so that this file does not hold what it looks for.
    r"(?<![\w.:])/(?:home|roo[t]|wor[k]|Users)/"
    r"|py[p]i\.org|pythonhoste[d]\.org|npm[j]s\.(?:org|com)|deb\.debia[n]|anacond[a]\.org"
)
INSTALL = "python3 -m venv .venv && .venv/bin/pip install -q -e "
SETUP_COMMANDS = [
    f'{INSTALL}".[demo]" && .venv/bin/mesh demo',
    f'{INSTALL}".[test]" && .venv/bin/pytest',
]


@dataclass(frozen=True)
class Block:
    line: int
    language: str
    runs: bool
    """Marked with `run` behind the language; a Python block always runs."""
    text: str

    @property
    def commands(self) -> list[str]:
        """The lines to type: after the prompts of a console, every one of a script."""
        lines = self.text.replace("\\\n", " ").splitlines()
        if self.language == "console":
            return [line[2:] for line in lines if line.startswith("$ ")]
        return lines if self.language in ("bash", "sh") else []


def readme() -> str:
    return (REPOSITORY / "README.md").read_text(encoding="utf-8")


def blocks() -> list[Block]:
    text = readme()
    return [
        Block(text.count("\n", 0, found.start()) + 2, found[1], "run" in found[2].split(), found[3])
        for found in FENCE.finditer(text)
    ]


def mesh_calls(command: str) -> Iterator[list[str]]:
    """Yield the arguments of each call of `mesh` in one line of shell."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    for separates, group in groupby(lexer, key=lambda word: set(word) <= set("&|;<>()")):
        words = list(group)
        while words and ASSIGNMENT.match(words[0]):
            words = words[1:]
        if not separates and words and Path(words[0]).name == "mesh":
            yield words[1:]


def mesh_command() -> click.Group:
    found = vars(importlib.import_module("mesh_dagster.cli.main")).values()
    return next(value for value in found if isinstance(value, click.Group))


def run_python(block: Block, module: ModuleType, folder: Path) -> None:
    """Run a block as a file, so that what reads its own source finds it."""
    path = folder / f"readme_line_{block.line}.py"
    path.write_text(block.text, encoding="utf-8")
    code = compile(block.text, str(path), "exec")
    exec(code, vars(module))  # noqa: S102 - running the README is the test


def run_shell(block: Block, folder: Path) -> None:
    """Run a block in bash, with the `mesh` of this clone first on the path."""
    mesh = folder / "bin" / "mesh"
    mesh.parent.mkdir(exist_ok=True)
    start = "import sys; sys.argv[0] = 'mesh'; from mesh_dagster.cli.main import main; main()"
    mesh.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{start}" "$@"\n', encoding="utf-8")
    mesh.chmod(0o755)
    # As in an active virtual environment.
    folders = [str(mesh.parent), str(Path(sys.executable).parent), os.environ["PATH"]]
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(block.commands)],
        env={**os.environ, "PATH": os.pathsep.join(folders), "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, f"README.md:{block.line}\n{result.stdout}{result.stderr}"


def test_the_readme_is_short_enough_to_be_read() -> None:
    assert len(readme().splitlines()) <= MOST_LINES


def test_the_readme_gives_the_two_commands_that_ci_runs() -> None:
    typed = [command for block in blocks() for command in block.commands]

    assert [command for command in typed if command.startswith("python3 ")] == SETUP_COMMANDS


def test_the_blocks_of_the_readme_run_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("readme")
    monkeypatch.setitem(sys.modules, "readme", module)
    monkeypatch.chdir(tmp_path)

    for block in blocks():
        if block.language == "python":
            run_python(block, module, tmp_path)
        elif block.runs:
            run_shell(block, tmp_path)

    assert any(block.language == "python" for block in blocks())


def test_every_command_of_the_readme_is_one_that_mesh_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = [
        call for block in blocks() for command in block.commands for call in mesh_calls(command)
    ]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(click.Command, "invoke", lambda *_: None)  # read the call, do not obey

    refused = {
        shlex.join(call): result.output
        for call in calls
        if (result := CliRunner().invoke(mesh_command(), call)).exit_code
    }

    assert calls
    assert refused == {}


def test_no_file_names_a_machine_or_a_package_registry() -> None:
    if not (REPOSITORY / ".git").exists():
        pytest.skip("This is no clone, so which files belong to the project is unknown.")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    files = [REPOSITORY / name for name in listed.stdout.split("\0") if name]

    found = {
        f"{file.relative_to(REPOSITORY)}: {match[0]}"
        for file in files
        if file.is_file()
        for match in MACHINE_PATH_OR_REGISTRY.finditer(file.read_text("utf-8", errors="replace"))
    }

    assert found == set()
