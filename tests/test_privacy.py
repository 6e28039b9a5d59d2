"""What a sensitive column holds stands in the data alone, whatever happens to a batch."""

import struct
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import dagster as dg
import pandera.polars as pa
import polars as pl
import pytest
from click.testing import CliRunner

import mesh_dagster as md
from mesh_dagster.cli.main import main
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.store import Store

ADDRESS = "mesh://crm/people/v1/visits"
DAYS = dg.StaticPartitionsDefinition(["good", "again", "some_bad", "late", "uncastable"])
HIDDEN = {"sensitivity": "personal"}
NUMBERS = range(7_314_159_265, 7_314_159_265 + 8)
BORN = date(1903, 4, 5)
HIGHEST = "high-canary@example.com"


class Visit(pa.DataFrameModel):
    person: int = pa.Field(unique=True, metadata=HIDDEN, coerce=True)
    email: str = pa.Field(str_contains="@", metadata=HIDDEN)
    salary: float = pa.Field(ge=0, metadata=HIDDEN)
    born: pl.Date = pa.Field(metadata=HIDDEN)
    shop: str
    seen_at: pl.Datetime("us", "UTC")  # type: ignore[valid-type]  # pandera's own notation
    day: str


def emails(day: str) -> list[str]:
    return [f"canary-{day}-{n}@example.com" for n in range(7)] + [HIGHEST]


def salary(number: int) -> float:
    return 81_234.5625 + number


def visits_of(day: str) -> pl.DataFrame:
    """Return eight visits, which on bad days break rules on sensitive columns."""
    place = DAYS.get_partition_keys().index(day)
    numbers = [number + 10 * place for number in NUMBERS]
    frame = pl.DataFrame(
        {
            "person": NUMBERS if day == "again" else numbers,
            "email": emails(day),
            "salary": [salary(number) for number in range(8)],
            "born": [BORN + timedelta(days=number) for number in range(8)],
            "shop": "Berlin",
            "seen_at": datetime(2026, 1, 1 + place, tzinfo=timezone.utc),
            "day": day,
        },
        schema_overrides={"seen_at": pl.Datetime("us", "UTC")},
    )
    if day == "some_bad":
        return frame.with_columns(salary=-pl.col("salary"), person=pl.lit(NUMBERS[0]))
    if day == "uncastable":
        return frame.with_columns(person="no number " + pl.col("email"))
    return frame


people = md.DataProduct(
    domain="crm",
    name="people",
    version="1.0.0",
    owner="team:crm",
    alignment="source",
    purpose="Who was seen where.",
)


@people.port(
    contract=Visit,
    freshness=md.Freshness(within=timedelta(hours=1), by="seen_at", per="email"),
    quality=md.Quality(valid_rows=0.5, otherwise="quarantine", row_keys=8),
    partitions=DAYS,
    partition_column="day",
)
def visits(context: dg.AssetExecutionContext) -> pl.DataFrame:
    return visits_of(context.partition_key)


DEFS = md.definitions(people)


def publish(instance: dg.DagsterInstance, day: str) -> bool:
    job = DEFS.resolve_implicit_global_asset_job_def()
    made = job.execute_in_process(instance=instance, partition_key=day, raise_on_error=False)
    return bool(made.success)


def canaries() -> list[bytes]:
    """Return what must be found nowhere, as text and as computers write numbers."""
    whole = [*NUMBERS, *(number + 10 * place for place in range(5) for number in NUMBERS)]
    numbers = [f"{number}".encode() for number in whole]
    numbers += [struct.pack("<q", number) for number in whole]
    for number in range(8):
        for paid in (salary(number), -salary(number)):
            numbers += [f"{paid}".encode(), struct.pack("<d", paid)]
    born = [(BORN + timedelta(days=number)).isoformat().encode() for number in range(8)]
    return [b"canary", *numbers, *born, b"no number"]


def leaks(name: str, content: bytes) -> list[str]:
    return [f"{name}: {canary!r}" for canary in canaries() if canary in content]


def test_values_of_sensitive_columns_stand_in_the_data_alone(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with dg.DagsterInstance.get() as instance:
        outcomes = {day: publish(instance, day) for day in DAYS.get_partition_keys()}
    shown = [
        CliRunner().invoke(main, arguments).output
        for arguments in (
            ["show", ADDRESS, "--json"],
            ["show", ADDRESS],
            ["slo"],
            ["slo", "check"],
            ["slo", "metrics"],
            ["changes", ADDRESS],
            ["trace", ADDRESS],
            ["alerts", "ls"],
        )
    ]

    assert outcomes == {
        "good": True,
        "again": False,
        "some_bad": False,
        "late": True,
        "uncastable": False,
    }
    files = [file for file in tmp_path.rglob("*") if file.is_file() and file.suffix != ".parquet"]
    kinds = {file.suffix for file in files}
    assert {".json", ".sample", ".sqlite", ".db"} <= kinds, kinds
    found = [leak for file in files for leak in leaks(str(file), file.read_bytes())]
    found += [leak for output in shown for leak in leaks("CLI", output.encode())]
    logged = capfd.readouterr()
    assert found + leaks("logs", (logged.out + logged.err).encode()) == []


def test_groups_of_a_sensitive_column_are_told_apart_but_not_named() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        for day in ("good", "late"):
            assert publish(instance, day)

    made = Registry(Store.at().registry_url).latest()[ADDRESS]
    late = CliRunner().invoke(main, ["slo"]).output

    times = sorted(made.groups.values())
    assert [time[:10] for time in times] == ["2026-01-01"] * 7 + ["2026-01-04"] * 8
    assert "late: 15 of its groups" in " ".join(late.split()), late
