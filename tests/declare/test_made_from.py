import pandera.polars as pa
import polars as pl
import pytest

import mesh_dagster as md
from mesh_dagster.declare.made_from import SourceColumn
from mesh_dagster.errors import DeclarationError

WHO = "The port 'monthly' of 'royalties/royalties'"


class Month(pa.DataFrameModel):
    artist: str
    earned: float


def product() -> md.DataProduct:
    return md.DataProduct(
        domain="royalties",
        name="royalties",
        owner="team:royalties",
        alignment="consumer",
        purpose="What each artist earned.",
        inputs={"lines": md.InputPort("mesh://sales/invoices/v1/lines")},
    )


def monthly(lines: pl.LazyFrame) -> pl.LazyFrame:
    """What each artist earned."""
    return lines


def test_a_port_and_an_internal_may_say_what_their_columns_are_made_from() -> None:
    made = product()

    made.internal(made_from={"total": "lines#amount"})(summed)
    made.port(contract=Month, made_from={"earned": ["lines#amount", "summed#total#1"]})(takes_both)

    assert made.internals["summed"].made_from == {"total": (SourceColumn("lines", "amount"),)}
    assert made.ports["takes_both"].made_from == {
        "earned": (SourceColumn("lines", "amount"), SourceColumn("summed", "total#1"))
    }


def summed(lines: pl.LazyFrame) -> pl.LazyFrame:
    """Sum all lines."""
    return lines


def takes_both(lines: pl.LazyFrame, summed: pl.LazyFrame) -> pl.LazyFrame:
    """Take an input and an internal."""
    return pl.concat([lines, summed])


@pytest.mark.parametrize(
    ("made_from", "message"),
    [
        (
            ["lines#amount"],
            f"{WHO} has made_from of type 'list'. Write {{'column': ['parameter#column']}}.",
        ),
        (
            {"earnd": "lines#amount"},
            (
                f"{WHO} says what 'earnd' is made from, which its contract does not name. Name "
                "one of its columns. Did you mean 'earned'?"
            ),
        ),
        (
            {"earned": "amount"},
            (
                f"{WHO} makes 'earned' from 'amount'. Write 'parameter#column', such as "
                "'lines#amount'."
            ),
        ),
        (
            {"earned": [3]},
            f"{WHO} makes 'earned' from 3. Write 'parameter#column', such as 'lines#amount'.",
        ),
        (
            {"earned": "line#amount"},
            (
                f"{WHO} makes 'earned' from 'line#amount', but takes no frame 'line'. Name one of "
                "its parameters. Did you mean 'lines'?"
            ),
        ),
    ],
)
def test_a_mistake_in_it_is_refused(made_from: object, message: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        product().port(contract=Month, made_from=made_from)(monthly)  # type: ignore[arg-type]  # a mistake

    assert str(refused.value) == message
