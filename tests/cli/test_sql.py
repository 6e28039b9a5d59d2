import json
from pathlib import Path

import pytest

from tests.cli.scenario import ORDERS, deprecate, mesh, publish_lines, rows


def test_sql_answers_from_views_named_after_the_ports() -> None:
    publish_lines(rows(1, 2))

    result = mesh(
        "sql", "SELECT count(*) AS n, sum(amount) AS s FROM sales.orders_v1_lines", "--json"
    )

    assert (result.exit_code, json.loads(result.stdout)) == (0, [{"n": 2, "s": 2.0}])


def test_who_asks_a_deprecated_port_is_told_beside_the_answer() -> None:
    publish_lines(rows(1))
    deprecate()

    result = mesh("sql", "SELECT count(*) AS n FROM sales.orders_v1_lines", "--json")

    assert json.loads(result.stdout) == [{"n": 1}]
    assert result.stderr == (
        f"'{ORDERS}' is deprecated since 2026-11-01 and promised until 2027-01-31; read "
        "'mesh://sales/orders/v2/lines' instead.\n"
    )


def test_a_table_shows_floats_without_noise_and_json_shows_them_exactly() -> None:
    publish_lines(rows(1))
    noise = "0.1::DOUBLE + 0.2::DOUBLE"
    statement = (
        f"SELECT {noise} AS a, [{noise}, 3] AS b, {{'x': {noise}}} AS c, 0.1::FLOAT AS d, "
        "2328.599999999957::DOUBLE AS e, -2e-9::DOUBLE AS f, 1764123456789.5::DOUBLE AS g, "
        "'-inf'::DOUBLE AS h, 'nan'::DOUBLE AS i, 5 AS j"
    )

    shown, exact = mesh("sql", statement), mesh("sql", statement, "--json")

    cells = [cell.strip() for cell in shown.stdout.splitlines()[2].split("│")]
    assert cells == [
        *("0.3", "[0.3, 3.0]", "{'x': 0.3}", "0.1", "2328.6", "-2e-09", "1764123456789.5"),
        *("-inf", "nan", "5"),
    ]
    assert json.loads(exact.stdout)[0]["a"] == 0.1 + 0.2


def test_an_empty_port_can_be_asked_too() -> None:
    publish_lines(rows())

    result = mesh("sql", "SELECT * FROM SALES.Orders_V1_Lines", "--format", "csv")

    assert (result.exit_code, result.stdout) == (0, "order,artist,amount\n")


def test_sql_without_a_statement_names_the_views() -> None:
    publish_lines(rows(1))

    assert mesh("sql").stdout == "sales.orders_v1_lines\n"
    assert json.loads(mesh("sql", "--json").stdout) == {ORDERS: "sales.orders_v1_lines"}


def test_sql_over_nothing_says_so() -> None:
    result = mesh("sql")

    assert (result.exit_code, result.stdout, result.stderr) == (
        0,
        "",
        "No port is published here yet.\n",
    )


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (
            "SELECT * FROM sales.orders_v1_line",
            (
                "The statement names 'orders_v1_line', which is not published here. Did you mean "
                "'sales.orders_v1_lines'? Nothing was read."
            ),
        ),
        (
            "SELECT * FROM hr.people",
            (
                "The statement names 'hr.people', which is not published here. Published: "
                "'sales.orders_v1_lines'. Nothing was read."
            ),
        ),
        (
            "SELECT amounts FROM sales.orders_v1_lines",
            (
                'The statement cannot be understood: Referenced column "amounts" not found in FROM '
                "clause. Correct it. Nothing was read."
            ),
        ),
        (
            "SELEC 1",
            (
                'The statement cannot be understood: syntax error at or near "SELEC". Correct it. '
                "Nothing was read."
            ),
        ),
        (
            "SELECT 1; SELECT 2",
            (
                "The statement is not one SELECT statement. Ask one question at a time. "
                "Nothing was read."
            ),
        ),
        (
            "DROP VIEW sales.orders_v1_lines",
            (
                "The statement is not one SELECT statement. Ask one question at a time. "
                "Nothing was read."
            ),
        ),
        (
            "SELECT artist::INTEGER FROM sales.orders_v1_lines",
            (
                "The statement stopped on a Conversion error in the data. Filter or cast the "
                "columns that it computes with. Nothing was read."
            ),
        ),
    ],
)
def test_a_statement_that_cannot_be_run_is_refused_without_a_value(
    statement: str, message: str
) -> None:
    publish_lines(rows(1, 2))

    result = mesh("sql", statement)

    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"{message}\n")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_csv('{outside}')",
        "SELECT * FROM read_parquet('{root}/sales/orders/v1/lines/data/*.parquet')",
        "SELECT * FROM read_parquet('{root}/sales/orders/v1/quarantine/lines/data/*.parquet')",
        "SELECT * FROM sales.orders_v1_quarantine",
        "SELECT mesh_rules FROM sales.orders_v1_lines",
        "SELECT * FROM glob('{root}/*')",
        "SELECT * FROM read_text('{root}/registry.sqlite')",
        "COPY (SELECT 1) TO '{root}/sales/orders/v1/lines/data/x.parquet' (FORMAT parquet)",
        "ATTACH '{outside}' AS other",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "PRAGMA enable_external_access",
        "CREATE TABLE t AS SELECT 1",
        "SELECT getenv('HOME')",
        "SELECT * FROM content",
    ],
)
def test_a_statement_reaches_nothing_but_the_published_ports(
    statement: str, mesh_root: Path, tmp_path: Path
) -> None:
    publish_lines(rows(1, 2))
    outside = tmp_path / "outside.csv"
    outside.write_text("a\n1\n", encoding="utf-8")
    before = sorted(mesh_root.rglob("*"))

    result = mesh("sql", statement.format(root=mesh_root, outside=outside))

    assert (result.exit_code, result.stdout) == (1, "")
    assert sorted(mesh_root.rglob("*")) == before
