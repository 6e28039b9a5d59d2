import json
from io import BytesIO
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from mesh_dagster.cli.formats import plain
from mesh_dagster.cli.main import main
from tests.cli.scenario import ORDERS, mesh, publish_lines, rows

TWO_ROWS = """\
order ┃ artist ┃ amount
━━━━━━╇━━━━━━━━╇━━━━━━━
    1 │ Ann    │    1.0
    2 │ Ann    │    1.0
2 rows
"""
HINT = "Usage: main read [OPTIONS] ADDRESS\nTry 'main read --help' for help.\n\n"


def test_read_shows_a_table_of_the_newest_publication() -> None:
    publish_lines(rows(7))
    publish_lines(rows(1, 2))

    result = mesh("read", ORDERS)

    assert (result.exit_code, result.stdout, result.stderr) == (0, TWO_ROWS, "")


def test_a_table_says_how_many_rows_it_leaves_out() -> None:
    publish_lines(rows(*range(30)))

    assert mesh("read", ORDERS).stdout.endswith("\n20 of 30 rows\n")
    assert mesh("read", ORDERS, "--limit", "1").stdout.endswith("\n1 of 30 rows\n")


@pytest.mark.parametrize(
    ("options", "orders"),
    [
        ([], [2]),
        (["--version", "0"], [1]),
        (["--as-of", "2999-01-01T00:00:00Z"], [2]),
    ],
)
def test_an_earlier_publication_is_read_by_number_or_time(
    options: list[str], orders: list[int]
) -> None:
    publish_lines(rows(1))
    publish_lines(rows(2))

    result = mesh("read", ORDERS, *options, "--json")

    assert [row["order"] for row in json.loads(result.stdout)] == orders


def test_the_query_of_an_address_means_the_same_as_the_options() -> None:
    publish_lines(rows(1))
    publish_lines(rows(2))

    assert mesh("read", f"{ORDERS}?version=0").output == (
        mesh("read", ORDERS, "--version", "0").output
    )


def test_quarantine_shows_the_rejected_rows_with_their_rules() -> None:
    publish_lines(rows(1, 2).vstack(rows(3, amount=-1.0)))

    result = mesh("read", ORDERS, "--quarantine", "--format", "csv")

    assert result.stdout == 'order,artist,amount,mesh_rules\n3,Ann,-1.0,"[""amount >= 0""]"\n'


def test_csv_holds_every_row() -> None:
    publish_lines(rows(*range(30)))

    result = mesh("read", ORDERS, "--format", "csv")

    assert result.stdout.splitlines()[:2] == ["order,artist,amount", "0,Ann,1.0"]
    assert len(result.stdout.splitlines()) == 31


def test_json_is_one_array_also_of_nothing() -> None:
    publish_lines(rows())

    assert json.loads(mesh("read", ORDERS, "--json").stdout) == []


def test_parquet_goes_to_a_file_or_a_pipe(tmp_path: Path) -> None:
    publish_lines(rows(1, 2))

    piped = CliRunner().invoke(main, ["read", ORDERS, "--format", "parquet"])
    mesh("read", ORDERS, "--format", "parquet", "--output", str(tmp_path / "rows.parquet"))

    assert pl.read_parquet(BytesIO(piped.stdout_bytes)).equals(rows(1, 2))
    assert pl.read_parquet(tmp_path / "rows.parquet").equals(rows(1, 2))


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    publish_lines(rows(1))

    result = mesh("read", ORDERS, "--format", "csv", "--output", str(tmp_path / "no" / "rows.csv"))

    assert result.exit_code == 1
    assert result.stderr.startswith("The system refused: No such file or directory at '")


def test_what_csv_and_json_cannot_hold_becomes_text() -> None:
    moment = pl.datetime(2026, 11, 1, 6, time_zone="UTC")
    nested = pl.struct(at=moment, raw=pl.lit(b"\x00\xff"))
    frame = pl.select(at=moment, raw=pl.lit(b"\x00\xff"), both=nested, many=nested.implode())

    written = frame.select(
        plain(pl.col(name), dtype).alias(name) for name, dtype in frame.schema.items()
    )

    inner = {"at": "2026-11-01T06:00:00.000000+00:00", "raw": "AP8="}
    assert written.to_dicts() == [{**inner, "both": inner, "many": [inner]}]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            [f"{ORDERS}s"],
            (
                f"'{ORDERS}s' has never been published in '{{root}}'. Did you mean '{ORDERS}'? "
                "Check the address and MESH_ROOT, or run its product. Nothing was read."
            ),
        ),
        (
            [ORDERS, "--version", "9"],
            (
                f"'{ORDERS}' has no publication with version 9; it keeps versions 0 to 0. Ask for "
                "one of these. Nothing was read."
            ),
        ),
        (
            [ORDERS, "--as-of", "yesterday"],
            (
                f"The address '{ORDERS}?as_of=yesterday' has an as_of that is no ISO 8601 time. "
                "Write mesh://domain/product/v1/port, if wanted with ?version=12, "
                "?as_of=2026-11-01T00:00:00Z or ?quarantine. Nothing was read."
            ),
        ),
        (
            ["mesh://sales/orders/internal/raw"],
            (
                "The address 'mesh://sales/orders/internal/raw' names an internal, which nobody "
                "outside its product may read. Write mesh://domain/product/v1/port, if wanted with "
                "?version=12, ?as_of=2026-11-01T00:00:00Z or ?quarantine. Nothing was read."
            ),
        ),
    ],
)
def test_what_cannot_be_read_is_refused(
    mesh_root: Path, arguments: list[str], message: str
) -> None:
    publish_lines(rows(1))

    result = mesh("read", *arguments)

    told = message.replace("{root}", str(mesh_root))
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"{told}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            [ORDERS, "--version", "1", "--quarantine"],
            (
                "Error: Ask for one of --as-of, --version and --quarantine, or for one in the "
                "address.\n"
            ),
        ),
        (
            [ORDERS, "--format", "xml"],
            (
                "Error: Invalid value for '--format': 'xml' is not one of 'table', 'csv', 'json', "
                "'parquet'.\n"
            ),
        ),
    ],
)
def test_wrong_usage_is_told_from_refused_input(arguments: list[str], message: str) -> None:
    result = mesh("read", *arguments)

    assert (result.exit_code, result.stderr) == (2, HINT + message)
