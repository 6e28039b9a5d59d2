from typing import Any

import pandera.polars as pa
import polars as pl
import pytest

import mesh_dagster as md
from mesh_dagster.declare.contract import Contract, PanderaContract
from mesh_dagster.declare.mesh import Mesh
from mesh_dagster.declare.satisfy import unmet
from mesh_dagster.declare.transcribe import written
from mesh_dagster.errors import ContractRefusedError, DeclarationError, UnmetExpectationError

ADDRESS = "mesh://media/plays/v1/events"
Check, Column = pa.Check, pa.Column


class Play(pa.DataFrameModel):
    station: str = pa.Field(isin=["KSLX", "WAPL"])
    seconds: int = pa.Field(le=600)
    song: str = pa.Field(nullable=True)


class Wanted(pa.DataFrameModel):
    """What can be had of a `Play`, though not all of it is promised."""

    station: str = pa.Field(isin=["KSLX", "WAPL", "KXYZ"], unique=True)
    seconds: int = pa.Field(ge=1)


def unmet_of(promised: pa.Column, expected: pa.Column) -> list[str]:
    contracts = [pa.DataFrameSchema({"c": column}) for column in (promised, expected)]
    return [str(one) for one in unmet(*(written(Contract.of(known)) for known in contracts))]


def loaded(expects: PanderaContract | None = None, columns: list[str] | None = None) -> Mesh:
    producer = md.DataProduct(
        domain="media", name="plays", owner="team:media", alignment="source", purpose="Plays."
    )
    consumer = md.DataProduct(
        domain="finance",
        name="royalties",
        owner="team:finance",
        alignment="consumer",
        purpose="What is owed.",
        inputs={"plays": md.InputPort(ADDRESS, expects=expects, columns=columns)},
    )

    @producer.port(contract=Play)
    def events() -> pl.LazyFrame:
        raise NotImplementedError

    @consumer.port(contract=pa.DataFrameSchema({"owed": Column(int)}))
    def owed(plays: pl.LazyFrame) -> pl.LazyFrame:
        raise NotImplementedError

    return Mesh.of([consumer, producer])


def test_a_consumer_states_what_it_relies_on_by_a_model_or_by_names() -> None:
    by_model = md.InputPort(ADDRESS, expects=Wanted).expectation
    by_names = md.InputPort(ADDRESS, columns=["song", "station"]).expectation

    assert by_model == Contract.of(Wanted)
    assert by_names
    assert by_names.column_names == ("song", "station")
    assert not [rule.text for rule in by_names.rules if rule.check != "schema"]
    assert md.InputPort(ADDRESS).expectation is None


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (
            {"expects": Wanted, "columns": ["song"]},
            (
                "has both 'expects' and 'columns'. "
                "Give one of them; 'expects' names its columns itself."
            ),
        ),
        ({"columns": "song"}, "has 'columns' that are no names. Give a list of names."),
        ({"columns": [1]}, "has 'columns' that are no names. Give a list of names."),
        (
            {"columns": []},
            "expects no column. Name the columns that are needed, or expect nothing.",
        ),
        (
            {"expects": pa.DataFrameSchema({"^s": Column(str, regex=True)})},
            "expects columns by the pattern '^s'. Name each column that is needed.",
        ),
        (
            {"expects": pa.DataFrameSchema({"song": Column(str)}, unique=["songs"])},
            (
                "expects a key with the column 'songs', which it does not name. "
                "Name it, or correct 'unique'. Did you mean 'song'?"
            ),
        ),
    ],
)
def test_an_expectation_that_cannot_stand_is_refused(
    arguments: dict[str, Any],  # Any: of `InputPort`
    problem: str,
) -> None:
    with pytest.raises(DeclarationError) as refused:
        md.InputPort(ADDRESS, **arguments)

    assert str(refused.value) == f"The input port '{ADDRESS}' {problem}"


def test_an_expectation_is_a_pandera_model() -> None:
    given: Any = int  # Any: the mistake is one that mypy sees too

    with pytest.raises(ContractRefusedError) as refused:
        md.InputPort(ADDRESS, expects=given)

    assert str(refused.value) == (
        f"The contract of the input port '{ADDRESS}' is the class 'builtins.int'. "
        "Give a DataFrameModel or DataFrameSchema of pandera.polars."
    )


@pytest.mark.parametrize(
    ("promised", "expected", "problems"),
    [
        (Column(int), Column(int), []),
        (Column(int), Column(nullable=True), []),
        (Column(int), Column(int, nullable=True), []),
        (Column(int), Column(pl.Int32), ["'c' Int32, promised Int64"]),
        (Column(int, nullable=True), Column(int), ["'c' not null, promised nulls"]),
        (Column(int, nullable=True, default=0), Column(int), []),
        (Column(int, nullable=True), Column(int, nullable=True), []),
        (Column(int, required=False), Column(int), ["'c' not null, promised nulls"]),
        (Column(int, Check.le(5)), Column(int, Check.ge(5)), []),
        (Column(int, Check.le(5)), Column(int, Check.ge(6)), ["'c' >= 6, promised <= 5"]),
        (
            Column(pl.UInt8),
            Column(pl.UInt8, [Check.ge(0), Check.lt(0)]),
            ["'c' < 0, promised UInt8"],
        ),
        (
            Column(int, [Check.ge(0), Check.le(5)]),
            Column(int, [Check.isin([4, 9]), Check.isin([5, 9])]),
            ["'c' isin([4, 9]) and isin([5, 9]), promised >= 0 and <= 5"],
        ),
        (Column(int), Column(int, unique=True), []),
        (Column(int), Column(int, Check(lambda data: data)), []),
    ],
)
def test_what_a_contract_can_never_satisfy_is_named(
    promised: pa.Column, expected: pa.Column, problems: list[str]
) -> None:
    assert unmet_of(promised, expected) == problems


def test_a_column_that_may_be_absent_need_not_be_promised() -> None:
    promised = written(Contract.of(pa.DataFrameSchema({"a": Column(int)})))
    expected = pa.DataFrameSchema({"b": Column(int, required=False), "c": Column(int)})

    problems = [str(one) for one in unmet(promised, written(Contract.of(expected)))]

    assert problems == ["'c' Int64, promised no such column"]


def test_products_whose_expectations_can_be_met_are_loaded_together() -> None:
    assert len(loaded(Wanted).products) == 2
    assert len(loaded(columns=["song"]).products) == 2


def test_what_a_loaded_port_can_never_satisfy_is_told_when_definitions_load() -> None:
    expected = pa.DataFrameSchema(
        {"song": Column(str), "seconds": Column(int, Check.gt(600)), "artist": Column(str)}
    )

    with pytest.raises(UnmetExpectationError) as refused:
        loaded(expected)

    assert str(refused.value) == (
        "Product 'finance/royalties' expects by its input 'plays' what "
        f"'{ADDRESS}' does not promise: 'song' not null, promised nulls; "
        "'seconds' > 600, promised <= 600; 'artist' String, promised no such column. "
        "Change what is expected, or agree on the contract with team:media. "
        "No definitions were built."
    )


def test_of_many_problems_five_are_told() -> None:
    names = ["a", "b", "c", "d", "e", "f", "g"]

    with pytest.raises(UnmetExpectationError) as refused:
        loaded(columns=names)

    assert "'e' any type, promised no such column and 2 more. Change" in str(refused.value)
