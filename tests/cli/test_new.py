"""What is scaffolded runs and passes its own test at once."""

import runpy
import subprocess
import sys
from pathlib import Path

import duckdb
import polars as pl
import pytest
import yaml

import mesh_dagster as md
from mesh_dagster.discover import documents
from mesh_dagster.observe.settings import load_settings
from mesh_dagster.run.store import Store
from tests.cli.scenario import ORDERS as LINES_OF_ORDERS
from tests.cli.scenario import declare, mesh, publish_lines, rows
from tests.conftest import REPOSITORY

ORDERS = "OrderID,Status,Customer Email\n1,open,a@b.c\n2,paid,d@e.f\n3,open,\n4,paid,g@h.i\n"


CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: shop
version: 1.0.0
status: active
description: {purpose: "What the shop's till wrote."}
schema:
  - name: Stock
    properties: [{name: item, logicalType: integer, required: true}]
  - name: Moves
    properties:
      - {name: item, logicalType: integer, required: true, unique: true}
      - name: moved_on
        logicalType: date
        quality: [{type: sql, query: "SELECT 1", mustBe: 1}]
slaProperties:
  - {property: latency, value: 3, unit: d, element: Moves.moved_on}
  - {property: frequency, value: 1, unit: d, element: Moves.moved_on}
"""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a mesh repository with the product `sales/orders`, made from a CSV file."""
    (tmp_path / "orders.csv").write_text(ORDERS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    made = mesh("init", "acme", "--product", "sales/orders", "--from-csv", "orders.csv")
    assert made.exit_code == 0, made.output
    monkeypatch.chdir(tmp_path / "acme")
    return tmp_path / "acme"


@pytest.fixture(autouse=True)
def forgotten() -> None:
    """Forget the packages of other tests' repositories."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "domains"]:
        del sys.modules[name]


def locations(repository: Path) -> list[str]:
    read = yaml.safe_load((repository / "workspace.yaml").read_text(encoding="utf-8"))
    return [entry["python_module"]["location_name"] for entry in read["load_from"]]


def test_a_new_repository_publishes_a_product_from_a_file_of_ones_own(repository: Path) -> None:
    ran = mesh("run")

    assert ran.exit_code == 0, ran.output
    rows = md.read("mesh://sales/orders/v1/rows").sort("order_id").collect()
    assert rows.columns == ["order_id", "status", "customer_email"]
    assert rows["order_id"].to_list() == [1, 2, 3, 4]
    assert locations(repository) == ["sales"]


def test_a_new_repository_passes_its_own_tests_and_the_check(repository: Path) -> None:
    mesh("new", "product", "sales/refunds")
    mesh("new", "product", "care/tickets")

    tests = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=repository,
        env={"PATH": "", "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    check = mesh("check")

    assert "3 passed" in tests.stdout, tests.stdout + tests.stderr
    assert check.exit_code == 0, check.output
    assert "sales/refunds has 6 remarks 'review' left in its file (domains/sales/" in check.stdout


def assert_formatted(repository: Path) -> None:
    for arguments in (["check", "--isolated", "--select", "E,F,I,W"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *arguments, "--line-length", "100", str(repository)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_written_is_formatted_and_sorted(repository: Path) -> None:
    mesh("new", "product", "sales/refunds")
    written_in_excel = "SOURCE;Größe;Am\n1;1,5;2026-01-02\n2;2,5;02.01.2026\n"
    Path("sizes.csv").write_text(written_in_excel, encoding="windows-1252")
    mesh("new", "port", "sales/orders", "sizes", "--from-csv", "sizes.csv")
    Path("shop.yaml").write_text(CONTRACT, encoding="utf-8")
    mesh("new", "product", "shop/stock", "--from-odcs", "shop.yaml#Stock")
    mesh("new", "product", "shop/moves", "--from-odcs", "shop.yaml#Moves")

    assert_formatted(repository)


def test_a_product_joins_the_definitions_of_its_domain(repository: Path) -> None:
    result = mesh("new", "product", "sales/refunds", "--port", "daily")

    assert result.stdout.splitlines()[:3] == [
        "domains/sales/definitions.py",
        "domains/sales/refunds.py",
        "tests/test_sales_refunds.py",
    ]
    text = (repository / "domains/sales/definitions.py").read_text(encoding="utf-8")
    assert text.splitlines()[2:] == [
        "import mesh_dagster as md",
        "",
        "from domains.sales.orders import orders",
        "from domains.sales.refunds import refunds",
        "",
        "defs = md.definitions(orders, refunds)",
    ]


def test_a_new_repository_holds_settings_of_alerts_to_begin_with(repository: Path) -> None:
    path = repository / "alerts.yaml"
    secrets = {"SLACK_URL": "https://hooks.slack.com/services/a", "PAGER_KEY": "0" * 32}

    bare = load_settings(Store(str(repository)), {"MESH_ALERTS": str(path)})
    about, settings = path.read_text("utf-8").split("default: log\n")
    path.write_text(settings.replace("# ", ""), encoding="utf-8")
    whole = load_settings(Store(str(repository)), {**secrets, "MESH_ALERTS": str(path)})

    assert "MESH_ALERTS" in about
    assert set(bare.sinks) == {"log"}
    assert set(whole.sinks) == {"log", "team", "pager"}
    assert whole.routing.tiers[0].sinks == ("pager",)


def test_a_table_and_a_parquet_file_are_sources_too(repository: Path) -> None:
    with duckdb.connect("shop.duckdb") as connection:
        connection.execute("CREATE TABLE stock AS SELECT range AS item, 1.5 AS price FROM range(3)")
    pl.DataFrame({"item": [1, 2], "left_at": [None, None]}).write_parquet("moves.parquet")

    mesh("new", "product", "shop/stock", "--from-table", "duckdb:shop.duckdb:stock")
    mesh("new", "product", "shop/moves", "--from-parquet", "moves.parquet")
    ran = mesh("run", "shop")

    assert ran.exit_code == 0, ran.output
    assert md.read("mesh://shop/stock/v1/rows").collect().height == 3
    assert md.read("mesh://shop/moves/v1/rows").collect_schema()["left_at"] == pl.String


def test_a_written_contract_is_copied_and_promised_as_it_stands(repository: Path) -> None:
    Path("shop.yaml").write_text(CONTRACT, encoding="utf-8")

    made = mesh("new", "product", "shop/moves", "--from-odcs", "shop.yaml#Moves")
    ran = mesh("run", "shop")

    assert made.stderr == (
        "Not checked: 'sql' of 'moved_on'.\nNot watched: 'frequency'.\n"
        "The contract needs mesh-dagster[standards]; name the extra in pyproject.toml.\n"
    )
    assert (repository / "domains/shop/moves.odcs.yaml").read_text("utf-8") == CONTRACT
    text = (repository / "domains/shop/moves.py").read_text("utf-8")
    assert 'Moves = md.odcs("moves.odcs.yaml", schema="Moves")' in text
    assert "Freshness" not in text
    assert ran.exit_code == 0, ran.output
    published = md.read("mesh://shop/moves/v1/rows").collect_schema()
    assert published == {"item": pl.Int64, "moved_on": pl.Date}
    own = runpy.run_path(str(repository / "tests/test_shop_moves.py"))
    own["test_rows_of_moves_keep_their_contract"]()


@pytest.mark.parametrize(
    ("named", "message"),
    [
        (
            "shop.yaml",
            (
                "The file 'shop.yaml' describes no single table. Known: 'Moves', 'Stock'. Say "
                "which by schema='name', in a command by FILE#name. Nothing was read from it.\n"
            ),
        ),
        (
            "none.yaml",
            ("The file 'none.yaml' cannot be read. Correct its path. Nothing was read from it.\n"),
        ),
    ],
)
def test_a_contract_that_cannot_be_read_stops_before_anything_is_written(
    repository: Path, named: str, message: str
) -> None:
    Path("shop.yaml").write_text(CONTRACT, encoding="utf-8")

    refused = mesh("new", "product", "shop/moves", "--from-odcs", named)

    assert (refused.exit_code, refused.stderr) == (1, message)
    assert not (repository / "domains/shop").exists()


def test_a_contract_needs_the_libraries_that_hold_its_standard(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("shop.yaml").write_text(CONTRACT, encoding="utf-8")
    monkeypatch.setitem(sys.modules, "jsonschema_rs", None)
    documents._odcs_form.cache_clear()  # noqa: SLF001 - another test may have read one

    refused = mesh("new", "product", "shop/moves", "--from-odcs", "shop.yaml#Moves")

    assert (refused.exit_code, refused.stderr) == (
        1,
        (
            "Reading documents of other standards needs the libraries that hold their rules, which "
            "are not installed. Install mesh-dagster[standards]. Nothing was read.\n"
        ),
    )
    assert not (repository / "domains/shop").exists()


def test_a_port_is_proposed_from_the_rows_that_its_product_reads(repository: Path) -> None:
    result = mesh("new", "port", "sales/orders", "copies")

    assert (result.exit_code, result.stdout) == (0, "domains/sales/orders.py\n")
    assert mesh("run").exit_code == 0
    assert md.read("mesh://sales/orders/v1/copies").collect().height == 4


def test_a_domain_alone_is_a_code_location_without_products(repository: Path) -> None:
    result = mesh("new", "domain", "care")

    assert result.exit_code == 0
    assert locations(repository) == ["sales", "care"]
    assert mesh("run", "sales").exit_code == 0


def test_no_value_of_a_personal_column_stands_in_what_is_written(repository: Path) -> None:
    written = "".join(path.read_text("utf-8") for path in repository.rglob("*.py"))

    assert "a@b.c" not in written
    assert '"sensitivity": "personal"' in written


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["product", "sales/orders"],
            (
                "The file 'domains/sales/orders.py' is there already. Choose another name, or "
                "remove it. Nothing was written."
            ),
        ),
        (
            ["port", "sales/orders", "rows"],
            (
                "The file 'domains/sales/orders.py' has 'def rows' already. Choose another name, "
                "or remove it. Nothing was written."
            ),
        ),
        (
            ["product", "sales/refunds", "--from-csv", "none.csv"],
            (
                "The source 'none.csv' is not there. Name a CSV or Parquet file with a header, or "
                "a table as 'duckdb:FILE:TABLE'. Nothing was written."
            ),
        ),
        (
            ["product", "sales/refunds", "--from-table", "shop"],
            (
                "The source 'shop' is no 'duckdb:FILE:TABLE'. Name a CSV or Parquet file with a "
                "header, or a table as 'duckdb:FILE:TABLE'. Nothing was written."
            ),
        ),
        (
            ["product", "sales/md"],
            (
                "The product name 'md' is one that its module uses for something else. Choose one "
                "of lower-case letters, digits and single underscores, starting with a letter, at "
                "most 63 characters."
            ),
        ),
        (
            ["product", "sales/refunds", "--port", "refunds"],
            (
                "The port name 'refunds' is one that its module uses for something else. Choose "
                "one of lower-case letters, digits and single underscores, starting with a letter, "
                "at most 63 characters."
            ),
        ),
        (
            ["port", "sales/refunds", "daily"],
            (
                "The folder '{folder}' has no 'domains/sales/refunds.py'. Change to a mesh "
                "repository, or make one with 'mesh init'. Nothing was written."
            ),
        ),
    ],
)
def test_what_cannot_be_written_is_refused_and_nothing_changes(
    repository: Path, arguments: list[str], message: str
) -> None:
    before = {path: path.read_text("utf-8") for path in repository.rglob("*.py")}

    result = mesh("new", *arguments)

    assert result.exit_code == 1
    assert result.stderr == message.replace("{folder}", str(repository)) + "\n"
    assert {path: path.read_text("utf-8") for path in repository.rglob("*.py")} == before


def test_definitions_of_another_form_are_left_alone(repository: Path) -> None:
    path = repository / "domains/sales/definitions.py"
    path.write_text("import mesh_dagster as md\n\nmake = md.definitions\n", encoding="utf-8")

    result = mesh("new", "product", "sales/refunds")

    assert result.stderr == (
        "The file 'domains/sales/definitions.py' has a form that cannot be extended. Add "
        "'from domains.sales.refunds import refunds' by hand, after which the command can be "
        "repeated. Nothing was written.\n"
    )
    assert not (repository / "domains/sales/refunds.py").exists()


def test_a_folder_that_holds_something_is_no_place_for_a_new_repository(repository: Path) -> None:
    result = mesh("init", str(repository))

    assert result.exit_code == 1
    assert "is there already" in result.stderr


@pytest.mark.parametrize("arguments", [["product", "orders"], ["port", "a/b/c", "d"]])
def test_a_product_is_written_as_domain_and_name(repository: Path, arguments: list[str]) -> None:
    assert mesh("new", *arguments).exit_code == 2


def test_outside_a_repository_there_is_nothing_to_add_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    result = mesh("new", "domain", "care")

    assert result.stderr == (
        f"The folder '{tmp_path}' has no 'workspace.yaml'. Change to a mesh repository, or make "
        "one with 'mesh init'. Nothing was written.\n"
    )


def test_a_product_of_another_domain_is_made_from_a_published_port(repository: Path) -> None:
    mesh("run")

    made = mesh("new", "product", "reports/paid", "--reads", "mesh://sales/orders/v1/rows")
    ran = mesh("run", "reports")
    lineage = mesh("lineage", "mesh://reports/paid/v1/rows")

    assert made.exit_code == 0, made.output
    assert ran.exit_code == 0, ran.output
    assert md.read("mesh://reports/paid/v1/rows").collect().height == 4
    assert "mesh://sales/orders/v1/rows" in lineage.stdout
    text = (repository / "domains/reports/paid.py").read_text(encoding="utf-8")
    assert 'inputs={"orders": md.InputPort("mesh://sales/orders/v1/rows")},' in text


def test_what_a_port_says_of_its_columns_is_said_by_what_reads_it(repository: Path) -> None:
    declare()
    publish_lines(rows(1, 2))

    made = mesh("new", "product", "reports/paid", "--reads", LINES_OF_ORDERS)

    assert made.exit_code == 0, made.output
    text = (repository / "domains/reports/paid.py").read_text(encoding="utf-8")
    assert '        description="The number of the order.",\n' in text
    assert '    amount: float = pa.Field(ge=0, metadata={"unit": "EUR"})' in text
    assert_formatted(repository)


def test_the_test_of_what_reads_a_port_fails_when_its_build_breaks_the_contract(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(repository)
    publish_lines(rows(1, 2))
    mesh("new", "product", "reports/paid", "--reads", LINES_OF_ORDERS)
    own = runpy.run_path(str(repository / "tests/test_reports_paid.py"))
    judge, product = own["test_rows_of_paid_keep_their_contract"], own["paid"]

    judge()
    product.rows = lambda orders: pl.concat([orders, orders])
    with pytest.raises(AssertionError, match="order unique"):
        judge()
    product.rows = lambda orders: orders.clear()
    with pytest.raises(AssertionError):
        judge()
