import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.scenario import ORDERS, TOTALS, declare, mesh, publish_lines, rows, words
from tests.conftest import REPOSITORY

TWO_LINES = """\
ADDRESS                        OWNER        ALIGNMENT  VERSION  ROWS    AGE  REFUSED OR FAILED SINCE
mesh://report/totals/v1/daily  team:report  aggregate               never
mesh://sales/orders/v1/lines   team:sales   source           0     2  SPAN
"""


def test_ls_shows_how_every_port_stands() -> None:
    declare()
    publish_lines(rows(1, 2))

    result = mesh("ls")

    assert (result.exit_code, result.stderr) == (0, "")
    assert words(result.stdout) == words(TWO_LINES)


def test_ls_says_since_when_batches_are_refused() -> None:
    declare()
    publish_lines(rows(1, 2))
    publish_lines(rows(3, 4, amount=-1.0))
    publish_lines(rows(5, 6, amount=-1.0))

    result = mesh("ls", "--json")

    status = json.loads(result.stdout)[1]
    assert (status["refused_batches"], status["refused_since"] > status["published_at"]) == (
        2,
        True,
    )


def test_a_publication_ends_the_refusals_before_it() -> None:
    publish_lines(rows(3, 4, amount=-1.0))
    publish_lines(rows(1, 2))

    result = mesh("ls", "--json")

    assert json.loads(result.stdout)[0]["refused_since"] is None


@pytest.mark.parametrize(
    ("pattern", "addresses"),
    [
        ("sales", [ORDERS]),
        ("v1", [TOTALS, ORDERS]),
        ("mesh://*/v1/daily", [TOTALS]),
        ("sales/*", [ORDERS]),
    ],
)
def test_a_pattern_is_a_part_of_an_address_or_stands_for_the_whole(
    pattern: str, addresses: list[str]
) -> None:
    declare()

    result = mesh("ls", pattern, "--json")

    assert [port["address"] for port in json.loads(result.stdout)] == addresses


def test_a_pattern_without_a_match_offers_what_there_is() -> None:
    declare()

    result = mesh("ls", "mesh://sales/orders/v1/line_s")

    assert (result.exit_code, result.stdout, result.stderr) == (
        1,
        "",
        (
            "No registered port matches 'mesh://sales/orders/v1/line_s'. Did you mean "
            f"'{ORDERS}'? Check the pattern and MESH_ROOT, or run its product.\n"
        ),
    )


def test_ls_of_an_empty_folder_says_what_to_do_and_makes_nothing(mesh_root: Path) -> None:
    result = mesh("ls")

    assert (result.exit_code, result.stdout, result.stderr) == (
        0,
        "",
        (
            f"No data product is registered in '{mesh_root}' yet. Set MESH_ROOT to the root of the "
            "mesh, or run 'mesh run', or 'mesh reindex' where the store has publications.\n"
        ),
    )
    assert not mesh_root.exists()


def test_ls_of_an_empty_folder_is_an_empty_list_for_scripts() -> None:
    result = mesh("ls", "--json")

    assert (result.exit_code, result.stdout) == (0, "[]\n")


def test_a_registry_that_cannot_be_opened_is_named_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MESH_REGISTRY", "sqlite:////proc/none/registry.sqlite")

    result = mesh("reindex")

    assert (result.exit_code, result.stderr) == (
        1,
        (
            "The registry at 'sqlite:////proc/none/registry.sqlite' cannot be opened. Check "
            "MESH_REGISTRY and that the database runs. Nothing was published or read.\n"
        ),
    )


@pytest.mark.parametrize("command", ["ls", "show"])
def test_looking_waits_for_neither_dagster_nor_a_frame(command: str) -> None:
    declare()
    arguments = [command] + ([ORDERS] if command == "show" else [])
    code = f"""
import sys
from mesh_dagster.cli.main import main
main({arguments}, standalone_mode=False)
sys.exit([name for name in ("dagster", "pandera", "polars", "deltalake") if name in sys.modules])
"""

    result = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )

    assert result.stderr == "[]\n"
