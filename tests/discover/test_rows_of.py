"""A CSV file is read as it is written, wherever it comes from."""

import re
from pathlib import Path

import duckdb
import polars as pl
import pytest

from mesh_dagster.discover.model_code import field_lines
from mesh_dagster.discover.propose import propose
from mesh_dagster.discover.rows_of import RowsOf, rows_of_csv, rows_of_parquet, rows_of_table
from mesh_dagster.errors import SourceRefusedError


def opened(folder: Path, text: str | bytes, encoding: str = "utf-8") -> RowsOf:
    path = folder / "rows.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return rows_of_csv(path)


def run(rows: RowsOf) -> pl.DataFrame:
    """Run the code that would be written."""
    body = "".join(f"    {line}\n" for line in rows.code)
    module = {"pl": pl, "SOURCE": rows.path}
    exec(f"def read():\n{body}", module)  # noqa: S102 - it is ours
    read = module["read"]
    assert callable(read)
    frame = read().collect()
    assert isinstance(frame, pl.DataFrame)
    return frame


def lines_of(rows: RowsOf) -> list[str]:
    found = propose(rows.plan, remarks=rows.remarks)
    return [line.strip() for column in found.columns for line in field_lines(column)]


@pytest.mark.parametrize(
    ("text", "encoding", "code"),
    [
        ("Ort,Preis\nZürich,1.5\nBern,2.5\n", "utf-8", ""),
        ("Ort,Preis\nZürich,1.5\nBern,2.5\n", "utf-8-sig", ""),
        ("Ort;Preis\nZürich;1.5\nBern;2.5\n", "utf-8", 'separator=";", '),
        ("Ort;Preis\nZürich;1,5\nBern;2,5\n", "utf-8-sig", 'separator=";", decimal_comma=True, '),
        ("Ort\tPreis\nZürich\t1.5\nBern\t2.5\n", "utf-8", r'separator="\t", '),
        ("Ort|Preis\r\nZürich|1.5\r\nBern|2.5\r\n", "utf-8", 'separator="|", '),
        ("Ort,Preis\nZürich,1.5\nBern,2.5\n", "windows-1252", 'encoding="windows-1252", '),
        (b"Ort,Preis\nZ\xfcrich,1.5\nBern,2.5\n,\n\x81,\n", "", 'encoding="latin-1", '),
        ("Ort,Preis\nZürich,1.5\nBern,2.5\n", "utf-16", 'encoding="utf-16", '),
    ],
)
def test_separator_encoding_and_decimal_commas_are_told_from_the_file(
    tmp_path: Path, text: str | bytes, encoding: str, code: str
) -> None:
    rows = opened(tmp_path, text, encoding)

    frame = run(rows)

    assert frame.equals(rows.plan.collect())
    assert frame.head(2).rows() == [("Zürich", 1.5), ("Bern", 2.5)]
    written = " ".join(line.strip() for line in rows.code)
    assert code in written
    assert ("# review: is its text" in written) is ("encoding" in code)


def test_a_long_call_takes_a_line_for_each_argument(tmp_path: Path) -> None:
    rows = opened(tmp_path, "Am;Preis\n01.02.2026;1,5\n2026-02-01;2,5\nü;\n", "windows-1252")

    assert rows.code == (
        "# review: is its text windows-1252?",
        "return pl.read_csv(",
        "    SOURCE,",
        '    encoding="windows-1252",',
        '    separator=";",',
        "    decimal_comma=True,",
        "    try_parse_dates=True,",
        "    infer_schema_length=None,",
        ").lazy()",
    )


@pytest.mark.parametrize(
    ("dates", "line"),
    [
        (["2026-03-04", "2026-03-05"], "on: pl.Date  # review: 2026-03-04 to 2026-03-05"),
        (["13/04/2026", "03/04/2026"], "on: pl.Date  # review: 2026-04-03 to 2026-04-13"),
        (
            ["03/04/2026", "05/04/2026"],
            (
                "on: pl.Date  # review: 2026-04-03 to 2026-04-05; "
                "read with the day first: or is it the month?"
            ),
        ),
        (["03.04.2026", "05.04.2026"], "on: pl.Date  # review: 2026-04-03 to 2026-04-05"),
        (
            ["2026-03-04", "04.03.2026"],
            "on: str  # review: dates that are not all read alike, so text: in which form?",
        ),
        (
            ["03/04/26", "05/04/26"],
            "on: str  # review: dates that are not all read alike, so text: in which form?",
        ),
        (
            ["2026-03-04 10:00:00", "2026-03-04T11:00:00"],
            (
                'on: pl.Datetime("us")  '
                "# review: 2026-03-04 10:00:00 to 2026-03-04 11:00:00; in which time zone?"
            ),
        ),
    ],
)
def test_what_a_date_leaves_open_is_asked(tmp_path: Path, dates: list[str], line: str) -> None:
    rows = opened(tmp_path, "on,b\n" + "".join(f"{one},x\n" for one in [*dates, dates[1]]))

    assert lines_of(rows)[0] == line
    assert run(rows).equals(rows.plan.collect())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "cannot be read"),
        ('a,b\n1,"2\n3,4\n', "cannot be read"),
        (
            "a,b\n1,2\n3,4,5\n",
            "has more fields in line 3 than its header: quote what holds a separator",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_its_line(
    tmp_path: Path, text: str, problem: str
) -> None:
    with pytest.raises(SourceRefusedError, match=re.escape(f"rows.csv' {problem}. Name a CSV")):
        opened(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            "a;b\n1.234;1,5\n2.500;2,5\n2.500;2,5\n",
            [
                "a: str  # review: numbers that are not all read alike, so text: in which form?",
                "b: float = pa.Field(ge=0)  # review: 1.5 to 2.5",
            ],
        ),
        (
            "a;b\n1.234.567,50;1\n12,00;1\n12,00;1\n",
            [
                "a: str  # review: numbers that are not all read alike, so text: in which form?",
                "b: int = pa.Field(ge=1)  # review: 1 to 1",
            ],
        ),
        (
            "a;b\n1.234;1.5\n2.500;0.25\n",
            [
                (
                    "a: float = pa.Field(ge=0)  "
                    "# review: 1.234 to 2.5; do its points group thousands?"
                ),
                "b: float = pa.Field(ge=0)  # review: 0.25 to 1.5",
            ],
        ),
        ("a,b\n1.234,1\n", ["a: float = pa.Field(ge=0)  # review: 1.234 to 1.234"]),
    ],
)
def test_what_a_number_leaves_open_is_asked(tmp_path: Path, text: str, lines: list[str]) -> None:
    assert lines_of(opened(tmp_path, text))[: len(lines)] == lines


def test_a_long_remark_stands_above_its_column(tmp_path: Path) -> None:
    times = "2026-03-04 10:00:00.125\n2026-03-04 10:00:00.250\n"

    rows = opened(tmp_path, f"when_it_arrived_at_the_shop\n{times}")

    assert lines_of(rows) == [
        ("# review: 2026-03-04 10:00:00.125000 to 2026-03-04 10:00:00.250000; in which time zone?"),
        'when_it_arrived_at_the_shop: pl.Datetime("us")',
    ]


def test_digits_that_begin_with_a_zero_stay_text(tmp_path: Path) -> None:
    rows = opened(tmp_path, "code,account,count,share\n0028,0150,0,0.5\n1000,15,10,0.25\n,7,5,1\n")

    assert lines_of(rows) == [
        "code: str = pa.Field(  # review: always so many digits?; 1 nulls",
        "nullable=True,",
        'str_matches="^[0-9]{4}$",',
        ")",
        "account: str = pa.Field(unique=True)",
        "count: int = pa.Field(ge=0)  # review: 0 to 10",
        "share: float = pa.Field(ge=0)  # review: 0.25 to 1.0",
    ]
    assert run(rows)["code"].to_list() == ["0028", "1000", None]


def test_a_field_may_be_longer_than_the_csv_module_reads(tmp_path: Path) -> None:
    rows = opened(tmp_path, f"a;b\n{'x' * 140_000};1\n")

    assert run(rows)["b"].to_list() == [1]


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    text, bare, base = tmp_path / "a.parquet", tmp_path / "b.parquet", tmp_path / "c.duckdb"
    text.write_text("a,b", encoding="utf-8")
    pl.DataFrame().write_parquet(bare)
    duckdb.connect(base).close()

    with pytest.raises(SourceRefusedError, match="cannot be read"):
        rows_of_parquet(text)
    with pytest.raises(SourceRefusedError, match="has no columns"):
        rows_of_parquet(bare)
    with pytest.raises(SourceRefusedError, match="has no such table"):
        rows_of_table(f"duckdb:{base}:stock")
