import json
import re
from pathlib import Path

import dagster as dg
import pytest

import mesh_dagster as md
from tests.cli.scenario import mesh

LINES = "mesh://shop/orders/v1/lines"
REGIONAL = "mesh://report/totals/v1/regional"


def states(text: str) -> list[tuple[str, str, str]]:
    return [(one["name"], one["slice"], one["state"]) for one in json.loads(text)]


def without_seconds(text: str) -> list[str]:
    return [line.partition(" (")[0].rstrip() for line in text.splitlines()]


def without_runs(text: str) -> str:
    return re.sub("'[0-9a-f]{8}-[0-9a-f-]{27}'", "RUN", text)


def test_products_run_after_what_they_read_whatever_the_order_of_the_workspace(
    workspace: Path,
) -> None:
    result = mesh("run")

    assert (result.exit_code, result.stderr) == (0, "")
    assert without_seconds(result.stdout) == [
        "shop/orders: 2 partitions published",
        "report/totals: 1 port published",
        "",
        "PORT                              OUTCOME    REFUSED  REJECTED  NOW READ",
        "mesh://shop/orders/v1/lines       published        0         0  version 1, 4 rows",
        "mesh://report/totals/v1/regional  published        0         0  version 0, 2 rows",
    ]
    assert md.read(REGIONAL).sort("region").collect().rows() == [("east", 3), ("west", 3)]


def test_a_second_run_builds_only_the_partitions_that_are_missing(workspace: Path) -> None:
    mesh("run", "shop", "--partition", "west")

    result = mesh("run", "shop", "--json")

    assert result.exit_code == 0
    assert states(result.stdout) == [
        ("shop/orders/internal/raw_lines", "east", "published"),
        (LINES, "east", "published"),
    ]


def test_a_run_with_nothing_missing_says_so(workspace: Path) -> None:
    mesh("run", "shop")

    result = mesh("run", "shop")

    assert (result.exit_code, result.stdout) == (
        0,
        "\nEverything that is selected is published already.\n",
    )


def test_all_partitions_are_built_again_when_asked(workspace: Path) -> None:
    mesh("run", "shop")

    result = mesh("run", LINES, "--all-partitions", "--json")

    assert [one["version"] for one in json.loads(result.stdout) if one["role"] == "port"] == [2, 3]


def test_a_run_tells_what_it_read_that_ends(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP", "leaving")

    result = mesh("run")

    told = f"  reads {LINES}: deprecated, ends 2027-01-31, use mesh://shop/orders/v2/lines"
    assert without_seconds(result.stdout)[1:3] == ["report/totals: 1 port published", told]

    # What the workspace does not declare is in the state in which it was registered.
    workspace.write_text("load_from: [{python_file: report_location.py}]", encoding="utf-8")

    [outcome] = json.loads(mesh("run", "report", "--json").stdout)

    assert outcome["deprecated_inputs"] == {
        LINES: {
            "since": "2026-11-01",
            "until": "2027-01-31",
            "successor": "mesh://shop/orders/v2/lines",
        }
    }


def test_a_refused_batch_fails_the_run_and_what_reads_it_goes_on(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mesh("run")
    monkeypatch.setenv("SHOP", "bad")

    result = mesh("run", "--all-partitions")

    assert (result.exit_code, result.stderr) == (1, "")
    assert without_seconds(result.stdout) == [
        f"  {LINES} of east refused: broke 'amount >= 0' on 1 of 2 rows",
        f"  {LINES} of west refused: broke 'amount >= 0' on 1 of 2 rows",
        "shop/orders: 2 partitions refused",
        f"  {REGIONAL} published: made from the last good '{LINES}'",
        "report/totals: 1 port published",
        "",
        "PORT                              OUTCOME    REFUSED  REJECTED  NOW READ",
        "mesh://shop/orders/v1/lines       refused          4         0  version 1, 4 rows",
        "mesh://report/totals/v1/regional  published        0         0  version 1, 2 rows",
    ]


def test_what_reads_a_port_that_never_was_published_is_skipped(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP", "closed")

    result = mesh("run")

    assert (result.exit_code, result.stderr) == (1, "")
    # Of an exception of the team's own code only the kind and the place are told.
    failed = "failed: RuntimeError in line 25 of 'shop_location.py'"
    assert without_seconds(without_runs(result.stdout)) == [
        f"  shop/orders/internal/raw_lines of east {failed}",
        f"  {LINES} of east skipped: what it is made from was not built",
        f"  shop/orders/internal/raw_lines of west {failed}",
        f"  {LINES} of west skipped: what it is made from was not built",
        "shop/orders: 2 partitions skipped",
        f"  {REGIONAL} skipped: '{LINES}' was never published",
        "report/totals: 1 port skipped",
        "",
        "PORT                              OUTCOME  REFUSED  REJECTED  NOW READ",
        "shop/orders/internal/raw_lines    failed",
        "mesh://shop/orders/v1/lines       skipped        0         0  nothing yet",
        "mesh://report/totals/v1/regional  skipped        0         0  nothing yet",
        "",
        ("Dagster keeps each error whole, in runs RUN, RUN; 'mesh --traceback run ...' prints it."),
    ]


@pytest.mark.parametrize(
    ("selection", "ports"),
    [
        ("report", [REGIONAL]),
        ("report/totals", [REGIONAL]),
        (REGIONAL, [REGIONAL]),
        ('+key:"report/totals/v1/regional"', [LINES, LINES, REGIONAL]),
        ('group:"shop/*"', [LINES, LINES]),
        ("tag:mesh_dagster/alignment=aggregate", [REGIONAL]),
    ],
)
def test_a_selection_is_a_domain_a_product_an_address_or_one_of_dagster(
    workspace: Path, selection: str, ports: list[str]
) -> None:
    mesh("run")

    result = mesh("run", selection, "--all-partitions", "--json")

    assert [name for name, _, _ in states(result.stdout) if name.startswith("mesh://")] == ports


def test_the_runs_are_kept_for_the_ui_in_the_mesh_when_there_is_no_dagster_home(
    workspace: Path, mesh_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME")

    mesh("run", "shop", "--partition", "east")

    home = mesh_root / "dagster_home"
    settings = "telemetry:\n  enabled: false\nnux:\n  enabled: false\n"
    assert (home / "dagster.yaml").read_text("utf-8") == settings
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.SUCCESS]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["orders"],
            (
                "Nothing is selected by 'orders'. Did you mean 'shop/orders'? Give a domain, a "
                "domain/product, an address or a Dagster selection. Nothing was run."
            ),
        ),
        (
            ["key:"],
            (
                "Nothing is selected by 'key:'. Known: 'report', 'report/totals', 'shop', "
                "'shop/orders'. Give a domain, a domain/product, an address or a Dagster "
                "selection. Nothing was run."
            ),
        ),
        (
            ["mesh://shop/orders/v1/line"],
            (
                "Nothing is selected by 'mesh://shop/orders/v1/line'. Did you mean "
                "'mesh://shop/orders/v1/lines'? Give a domain, a domain/product, an address or a "
                "Dagster selection. Nothing was run."
            ),
        ),
        (
            ["--partition", "eas"],
            (
                "Nothing that is selected has the partition 'eas'. Did you mean 'east'? Correct "
                "the key. Nothing was run."
            ),
        ),
        (
            ["--workspace", "spaces.yaml"],
            (
                "The workspace 'spaces.yaml' is not there. Give a file with 'load_from' and a list "
                "of 'python_module' and 'python_file' entries, by --workspace or in the current "
                "folder. Nothing was run."
            ),
        ),
    ],
)
def test_what_cannot_be_run_is_refused_before_anything_runs(
    workspace: Path, arguments: list[str], message: str
) -> None:
    result = mesh("run", *arguments)

    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"{message}\n")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("load_from: [", "is no YAML"),
        ("locations: []", "has no list under 'load_from'"),
        ("load_from:\n  - grpc_server: {port: 4000}", "has an entry 'grpc_server'"),
        ("load_from:\n  - python_file: {name: a.py}", ("has an entry 'python_file' without "
         "'relative_path'")),
    ],
)  # fmt: skip
def test_a_workspace_that_names_no_location_of_this_process_is_refused(
    workspace: Path, text: str, problem: str
) -> None:
    workspace.write_text(text, encoding="utf-8")

    result = mesh("run")

    assert (result.exit_code, result.stderr) == (
        1,
        (
            f"The workspace 'workspace.yaml' {problem}. Give a file with 'load_from' and a list of "
            "'python_module' and 'python_file' entries, by --workspace or in the current folder. "
            "Nothing was run.\n"
        ),
    )


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("1 / 0", "ZeroDivisionError in line 1 of 'shop_location.py'."),
        ("x = 1", "0 Definitions were found in 'shop_location'; expected one."),
        (
            "import mesh_dagster as md\nmd.InputPort('mesh://shop')",
            (
                "The address 'mesh://shop' does not name domain, product, version and port. Write "
                "mesh://domain/product/v1/port, if wanted with ?version=12, "
                "?as_of=2026-11-01T00:00:00Z or ?quarantine. Nothing was read."
            ),
        ),
    ],
)
def test_a_location_that_cannot_be_loaded_is_named(
    workspace: Path, code: str, problem: str
) -> None:
    (workspace.parent / "shop_location.py").write_text(code, encoding="utf-8")

    result = mesh("run")

    assert (result.exit_code, result.stderr) == (
        1,
        f"The code location 'shop_location.py' cannot be loaded: {problem} Nothing was run.\n",
    )


def test_a_dagster_home_that_is_no_folder_is_refused(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "home")

    result = mesh("run")

    assert (result.exit_code, result.stderr) == (
        1,
        (
            "The Dagster instance at DAGSTER_HOME 'home' cannot be opened. Name an existing folder "
            "by its absolute path, or unset it. Nothing was run.\n"
        ),
    )


def test_named_and_all_partitions_together_are_wrong_usage(workspace: Path) -> None:
    result = mesh("run", "--partition", "east", "--all-partitions")

    assert result.exit_code == 2
    assert result.stderr.endswith("Error: Give --partition or --all-partitions, not both.\n")


def test_a_source_that_is_not_there_is_named(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP", "moved")

    result = mesh("run", "shop", "--partition", "east")

    assert result.exit_code == 1
    missing = "No such file or directory (os error 2): /nowhere/lines.csv"
    assert f"failed: FileNotFoundError: {missing}\n" in result.stdout


CRASHES = """
import duckdb
import pandera.polars as pa
import polars as pl
import mesh_dagster as md

class Line(pa.DataFrameModel):
    amount: int

class Many(pa.DataFrameModel):
    amount: int = pa.Field(ge=100)

crashes = md.DataProduct(
    domain="crash", name="all", owner="team:crash", alignment="consumer", purpose="None comes out.",
    inputs={"lines": md.InputPort("mesh://shop/orders/v1/lines", expects=Many)},
)

@crashes.port(contract=Line)
def cells() -> pl.DataFrame:
    return pl.DataFrame({"amount": ["secret"]}).cast(int)

@crashes.port(contract=Line)
def columns() -> pl.LazyFrame:
    return pl.LazyFrame({"secret": [1]}).select("amount")

@crashes.port(contract=Line)
def modules() -> pl.LazyFrame:
    import no_such_module

@crashes.port(contract=Line)
def promised(lines: pl.LazyFrame) -> pl.LazyFrame:
    return lines

@crashes.port(contract=Line)
def tables() -> pl.DataFrame:
    return duckdb.sql("SELECT * FROM lines_of_old").pl()

defs = md.definitions(crashes)
"""


def test_a_crash_says_why_where_that_holds_no_value_and_where_the_rest_is(workspace: Path) -> None:
    mesh("run", "shop", "--partition", "east")
    (workspace.parent / "shop_location.py").write_text(CRASHES, encoding="utf-8")
    workspace.write_text("load_from: [{python_file: shop_location.py}]", encoding="utf-8")

    result = mesh("--traceback", "run", "crash")

    lines = sorted(without_runs(result.stdout).splitlines())
    told = [re.sub("in line [0-9]+ of 'shop_location.py'", "PLACE", line) for line in lines]
    assert [line for line in told if "failed: " in line or "run" in line] == [
        "  mesh://crash/all/v1/cells failed: InvalidOperationError PLACE",
        (
            "  mesh://crash/all/v1/columns failed: ColumnNotFoundError: "
            'unable to find column "amount"'
        ),
        (
            "  mesh://crash/all/v1/modules failed: ModuleNotFoundError PLACE: "
            "No module named 'no_such_module'"
        ),
        (
            "  mesh://crash/all/v1/promised failed: Product 'crash/all' by its input 'lines' "
            "cannot take 'mesh://shop/orders/v1/lines?version=0', which breaks 1 of the 3 rules "
            "that are expected: 'amount >= 100' on 2 of 2 rows. Nothing was built. Come to terms "
            "with the owner of the port, or expect less."
        ),
        (
            "  mesh://crash/all/v1/tables failed: CatalogException PLACE: Catalog Error: "
            "Table with name lines_of_old does not exist"
        ),
        "Dagster keeps each error whole, in run RUN; 'mesh --traceback run ...' prints it.",
    ]
    # What was asked for is all that Dagster keeps, values included.
    assert "secret" not in result.stdout
    assert 'values: ["secret"]' in result.stderr
    assert 'valid columns: ["secret"]' in result.stderr
