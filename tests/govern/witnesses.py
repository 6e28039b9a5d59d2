"""Find out by data which consumers a contract breaks, without asking the package what it thinks.

Frames are made of values at and beside every bound; pandera says which of their rows the contract
allows; what is left is published as any batch is, and each expectation is put to the audit.
"""

import warnings
from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import datetime, timezone
from itertools import combinations
from typing import Any

import pandera.polars as pa
import polars as pl
from pandera.errors import SchemaErrors

import mesh_dagster as md
from mesh_dagster.declare.contract import Contract
from mesh_dagster.run.conform import conform
from tests.govern.scenario import EXPECTED, schema

Row = dict[str, Any]
LONG_AGO = datetime(1990, 1, 1, tzinfo=timezone.utc)
KEYS = ("order_id", "customer", "position")
NUMBERS = (1, 0, -1, -0.25, 2, 5, 50, 100, 101, 150, 1000, 1001, 2000)
TEXTS = ("DE", "ZZ", "DEU", "new", "paid", "sent", "lost", "back", "", " a", "x" * 41, "x" * 55)
USUAL: Mapping[str, Any] = {
    "order_id": 1, "customer": 1, "position": 1, "status": "new", "channel": "web", "amount": 5.0,
    "quantity": 50, "country": "DE", "city": "Bonn", "note": "a", "town": "Bonn",
    "ordered_at": datetime(2026, 1, 1, tzinfo=timezone.utc),
}  # fmt: skip


def broken_by(contract: pa.DataFrameSchema) -> set[str]:
    """Return the consumers whose expectation some frame that the contract allows breaks."""
    frames = list(published(contract))
    assert frames, "no row is allowed"
    return {
        key for key, stated in EXPECTED.items() if not all(keeps(frame, stated) for frame in frames)
    }


def published(contract: pa.DataFrameSchema) -> Iterator[pl.DataFrame]:
    """Yield frames as readers would get them, each allowed by the contract."""
    known = Contract.of(contract)
    usual = usual_row(contract)
    frames = [allowed_rows(variations(usual, contract), contract)]
    frames += [pair for pair in pairs(usual, contract) if md.audit(pair, contract).accepted]
    return (conform(frame.lazy(), known).collect() for frame in frames if frame.height)


def variations(usual: Row, contract: pa.DataFrameSchema) -> pl.DataFrame:
    """Return rows that differ from a usual one in one value each."""
    varied = [{n: value} for n, column in contract.columns.items() for value in values(n, column)]
    rows = [
        {**usual, **counted(contract, number), **changed}
        for number, changed in enumerate(varied, start=10)
    ]
    return framed(rows, contract)


def pairs(usual: Row, contract: pa.DataFrameSchema) -> Iterator[pl.DataFrame]:
    """Yield two rows that share some keys and differ in the others, and one without a column."""
    keys = [key for key in KEYS if key in usual]
    for size in range(1, len(keys) + 1):
        for shared in combinations(keys, size):
            first, second = ({key: n for key in keys if key not in shared} for n in (1, 2))
            yield framed([{**usual, **first}, {**usual, **second}], contract)
    for name in (name for name, column in contract.columns.items() if not column.required):
        yield framed([usual], contract).drop(name)
    yield framed([usual, {**usual, "order_id": 2, "country": "ZZ"}], contract)


def counted(contract: pa.DataFrameSchema, number: int) -> Row:
    """Return values that no other row has, for the columns that may not repeat."""
    keys = [[name] for name, column in contract.columns.items() if column.unique]
    keys += [contract.unique] if contract.unique else []
    names = ["position" if "position" in key else key[0] for key in keys]
    types = {name: contract.columns[name].dtype.type for name in names}
    return {name: unlike(types[name], number) for name in names}


def unlike(dtype: pl.DataType, number: int) -> object:
    if dtype == pl.String:
        return f"n{number}"
    return 100 + number / 100 if dtype.is_float() else 10_000 + number


def usual_row(contract: pa.DataFrameSchema) -> Row:
    """Return a row that the contract allows, as usual as it can be."""
    row = {name: USUAL.get(name, 5.0) for name in contract.columns}
    for name, column in contract.columns.items():
        alone = pa.DataFrameSchema({name: column})
        if not md.audit(framed([row], alone), alone, profile="rows").accepted:
            frames = ((value, framed([{name: value}], alone)) for value in values(name, column))
            row[name] = next(v for v, frame in frames if md.audit(frame, alone).accepted)
    return row


def values(name: str, column: pa.Column) -> list[object]:
    dtype = column.dtype.type
    if isinstance(dtype, pl.Enum):
        return [*dtype.categories, None]
    if dtype == pl.String:
        return [*TEXTS, None]
    if dtype in (pl.Float32, pl.Float64):
        return [*map(float, NUMBERS), None]
    if dtype == pl.Datetime:
        return [USUAL["ordered_at"], LONG_AGO, None]
    whole = [number for number in NUMBERS if isinstance(number, int)]
    return [*whole, None]


def framed(rows: list[Row], contract: pa.DataFrameSchema) -> pl.DataFrame:
    """Return rows as a frame of the contract's types."""
    return pl.DataFrame(rows, schema={n: c.dtype.type for n, c in contract.columns.items()})


def allowed_rows(frame: pl.DataFrame, contract: pa.DataFrameSchema) -> pl.DataFrame:
    """Return the rows that pandera lets pass; none, if it refuses the frame as a whole."""
    dropping = deepcopy(contract)
    dropping.drop_invalid_rows = True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # rules that only warn
        try:
            kept = dropping.validate(frame, lazy=True)
        except SchemaErrors:
            return frame.clear()
    return kept if md.audit(kept, contract, profile="rows").accepted else frame.clear()


def keeps(frame: pl.DataFrame, stated: pa.DataFrameSchema | list[str] | None) -> bool:
    """Say whether a consumer finds what it relies on; one that states nothing relies on all."""
    if isinstance(stated, list):
        stated = pa.DataFrameSchema({name: pa.Column(nullable=True) for name in stated})
    expected = schema() if stated is None else stated
    handed_over = frame.select(name for name in expected.columns if name in frame.columns)
    return md.audit(handed_over, expected, profile="rows").accepted
