from datetime import date, datetime, timezone

import polars as pl
import pytest

from mesh_dagster.declare.lifecycle import (
    Deprecated,
    State,
    endings_text,
    name_of_state,
    state_of,
    state_row,
    state_text,
)
from mesh_dagster.declare.product import DataProduct
from mesh_dagster.errors import AddressRefusedError, DeclarationError
from tests.run.scenario import ADDRESS, Line

SUCCESSOR = "mesh://sales/orders/v2/lines"
LEAVING = Deprecated(date(2026, 11, 1), date(2027, 2, 1), SUCCESSOR)


def product_in(state: State) -> DataProduct:
    return DataProduct(
        domain="sales",
        name="orders",
        owner="team:sales",
        alignment="source",
        purpose="What was sold.",
        state=state,
    )


def lines() -> pl.LazyFrame:
    raise NotImplementedError


@pytest.mark.parametrize(
    ("state", "row"),
    [
        ("draft", {"name": "draft"}),
        ("active", {"name": "active"}),
        (
            LEAVING,
            {
                "name": "deprecated",
                "since": "2026-11-01",
                "until": "2027-02-01",
                "successor": SUCCESSOR,
            },
        ),
        (
            Deprecated(date(2026, 11, 1), date(2026, 11, 2)),
            {
                "name": "deprecated",
                "since": "2026-11-01",
                "until": "2026-11-02",
                "successor": None,
            },
        ),
    ],
)
def test_a_state_comes_back_from_json(state: State, row: dict[str, str | None]) -> None:
    assert state_row(state) == row
    assert state_of(row) == state
    assert name_of_state(state) == row["name"]


def test_a_state_is_told_as_the_end_of_a_sentence() -> None:
    forever = Deprecated(date(2026, 11, 1), date(2027, 2, 1))

    assert [state_text(state) for state in ("draft", "active", LEAVING, forever)] == [
        "a draft: nothing is promised yet",
        "active",
        f"deprecated since 2026-11-01 and promised until 2027-02-01; read '{SUCCESSOR}' instead",
        "deprecated since 2026-11-01 and promised until 2027-02-01",
    ]


def test_what_all_ports_do_alike_is_said_once_and_else_behind_each_name() -> None:
    other = "mesh://sales/orders/v1/other_lines"
    forever = Deprecated(date(2026, 11, 1), date(2027, 2, 1))
    leaving = f"deprecated, ends 2027-02-01, use {SUCCESSOR}"

    assert endings_text({}, [ADDRESS]) == ""
    assert endings_text({ADDRESS: LEAVING}, [ADDRESS]) == leaving
    assert endings_text({ADDRESS: LEAVING, other: LEAVING}, [ADDRESS, other]) == leaving
    assert endings_text({ADDRESS: LEAVING}, [ADDRESS, other]) == f"v1/lines {leaving}"
    assert endings_text({ADDRESS: LEAVING, other: forever}, [ADDRESS, other]) == (
        f"v1/lines {leaving}; v1/other_lines deprecated, ends 2027-02-01"
    )


def test_a_port_of_which_nothing_is_said_is_active() -> None:
    assert state_of(None) == "active"


def test_a_port_is_in_the_state_of_its_product_unless_it_says_otherwise() -> None:
    product = product_in("draft")

    product.port(contract=Line)(lines)
    product.port(contract=Line, state=LEAVING)(other_lines)

    assert {name: port.state for name, port in product.ports.items()} == {
        "lines": "draft",
        "other_lines": LEAVING,
    }


def other_lines() -> pl.LazyFrame:
    raise NotImplementedError


@pytest.mark.parametrize("state", ["retired", "deprecated", Deprecated, None, True, ["active"]])
def test_another_state_cannot_be_declared(state: object) -> None:
    with pytest.raises(DeclarationError) as refused:
        product_in(state)  # type: ignore[arg-type]  # what a user may write

    assert str(refused.value) == (
        f"Product 'sales/orders' has state {state!r}. Use 'draft', 'active' or "
        "md.Deprecated(since=..., until=..., successor=...)."
    )


def test_a_port_does_not_succeed_itself() -> None:
    product = product_in("active")
    itself = Deprecated(date(2026, 11, 1), date(2027, 2, 1), ADDRESS)

    with pytest.raises(DeclarationError) as refused:
        product.port(contract=Line, state=itself)(lines)

    assert str(refused.value) == (
        "The port 'lines' of 'sales/orders' names itself as its successor. Name another port."
    )


@pytest.mark.parametrize(
    ("since", "until", "message"),
    [
        (
            date(2026, 11, 1),
            date(2026, 11, 1),
            (
                "A deprecation begins on 2026-11-01 and ends on 2026-11-01. Give readers at least "
                "a day: 'until' is later than 'since'."
            ),
        ),
        (
            "2026-11-01",
            date(2026, 11, 1),
            "A deprecation has 'since' of type 'str'. Give a datetime.date.",
        ),
        (
            date(2026, 11, 1),
            datetime(2026, 12, 1, tzinfo=timezone.utc),
            "A deprecation has 'until' of type 'datetime'. Give a datetime.date.",
        ),
    ],
)
def test_a_deprecation_spans_whole_days(since: object, until: object, message: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        Deprecated(since, until)  # type: ignore[arg-type]  # what a user may write

    assert str(refused.value) == message


def test_a_successor_is_the_address_of_a_port() -> None:
    with pytest.raises(AddressRefusedError) as refused:
        Deprecated(date(2026, 11, 1), date(2027, 2, 1), "mesh://sales/orders/v2")

    assert str(refused.value).startswith(
        "The address 'mesh://sales/orders/v2' does not name domain, product, version and port."
    )
