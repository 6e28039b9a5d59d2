import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.cli.scenario import mesh

NAME = "mesh.example.org"
TOKEN_VARIABLE = "MESH_SERVE_TOKEN"  # noqa: S105 - the name of a variable


@pytest.mark.parametrize(
    ("arguments", "token", "message"),
    [
        (
            ["--host", "0.0.0.0"],  # noqa: S104 - refused
            "",
            (
                "The mesh cannot be served at '0.0.0.0': others could reach it, and no token is "
                "asked of them. Set MESH_SERVE_TOKEN to a secret of at least 16 characters. "
                "Nothing is served.\n"
            ),
        ),
        (
            ["--allow-host", NAME],
            "fifteen letters",
            (
                "The mesh cannot be served at '127.0.0.1': others could reach it, and no token is "
                "asked of them. Set MESH_SERVE_TOKEN to a secret of at least 16 characters. "
                "Nothing is served.\n"
            ),
        ),
        (
            ["--behind-proxy"],
            "",
            (
                "The mesh cannot be served at '127.0.0.1': others could reach it, and no token is "
                "asked of them. Set MESH_SERVE_TOKEN to a secret of at least 16 characters. "
                "Nothing is served.\n"
            ),
        ),
        (
            ["--host", "::", "--allow-host", NAME],
            "sixteen letters!",
            (
                "The mesh cannot be served at '::': the token would reach it unencrypted. Give "
                "--certificate and --key, or --behind-proxy where a proxy encrypts. "
                "Nothing is served.\n"
            ),
        ),
        (
            ["--host", "0.0.0.0", "--behind-proxy"],  # noqa: S104 - refused
            "sixteen letters!",
            (
                "The mesh cannot be served at '0.0.0.0': it listens on every interface, and knows "
                "no name under which others ask for it. Give --allow-host with such a name. "
                "Nothing is served.\n"
            ),
        ),
        (
            ["--host", "nowhere.invalid"],
            "",
            (
                "The mesh cannot be served at 'nowhere.invalid': there is no such host. "
                "Give an interface of this machine. Nothing is served.\n"
            ),
        ),
        (
            ["--certificate", __file__, "--key", __file__],
            "",
            (
                f"The mesh cannot be served at '127.0.0.1': the certificate '{__file__}' and its "
                "key cannot be used. Give a PEM file of each. Nothing is served.\n"
            ),
        ),
    ],
)
def test_others_are_served_only_where_they_say_who_they_are_and_nobody_listens_in(
    arguments: list[str], token: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, token)

    result = mesh("serve", "--port", "0", *arguments)

    assert (result.exit_code, result.stdout, result.stderr) == (1, "", message)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--certificate", __file__],
        ["--dagster-url", "javascript:alert(1)"],
        ["--allow-host", "*"],
        ["--port", "65536"],
    ],
)
def test_what_makes_no_sense_is_wrong_usage(arguments: list[str]) -> None:
    assert mesh("serve", *arguments).exit_code == 2


def test_the_mesh_is_served_until_it_is_stopped(mesh_root: Path) -> None:
    command = [str(Path(sys.executable).with_name("mesh")), "serve", "--port", "0"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}

    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        line = server.stdout.readline()
        url = re.findall(r"http://127\.0\.0\.1:[0-9]+/", line)[0]
        with urllib.request.urlopen(f"{url}api/v1/slo") as response:  # noqa: S310 - just printed
            answer = response.read()
        taken = mesh("serve", "--port", url.rpartition(":")[2].strip("/"))
        server.send_signal(signal.SIGINT)

    assert line == f"The mesh is served at {url} until you press Ctrl+C.\n"
    assert answer == b'{"items":[],"total":0,"next":null}'
    assert taken.stderr.endswith(
        "cannot be listened on. Another process may have it; give another --port. "
        "Nothing is served.\n"
    )
    assert (server.returncode, mesh_root.exists()) == (0, False)
