"""Every kind of change of a contract, as the producer would write it.

Each says which consumers it breaks beside those whose data it breaks, which `witnesses.py` finds
out: a changed meaning breaks whoever names the column, a loosened promise whoever states nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pandera.polars as pa
import polars as pl

import mesh_dagster as md
from tests.govern.scenario import (
    FLOAT,
    INT,
    TEXT,
    Check,
    columns,
    orders,
    plausible,
    schema,
    trimmed,
)

ALL = "report/everything"


def bought(data: pa.PolarsData) -> pl.LazyFrame:
    return data.lazyframe.select(pl.col("quantity") > 0)


TRIMMED = Check(trimmed, name="trimmed")


@dataclass(frozen=True)
class Mutation:
    """One change of the released product."""

    contract: Callable[[], pa.DataFrameSchema] = schema
    port: Mapping[str, Any] = field(default_factory=dict)
    product: Mapping[str, Any] = field(default_factory=dict)
    step: str = "major"
    """What it demands."""
    also: frozenset[str] = frozenset()
    """Whom it breaks in a way that no data shows."""
    suspected: frozenset[str] = frozenset()
    """Who is named although no data breaks it, because the rule cannot be decided."""

    def made(self) -> md.DataProduct:
        """Return the producer after the change."""
        return orders(self.contract(), product=self.product, **self.port)


def column(name: str, *arguments: Any, **more: Any) -> Callable[[], pa.DataFrameSchema]:
    """Declare one column anew."""
    return lambda: schema({**columns(), name: pa.Column(*arguments, **more)})


def without(*names: str, **more: Any) -> Callable[[], pa.DataFrameSchema]:
    return lambda: schema({n: c for n, c in columns().items() if n not in names}, **more)


def whole(**more: Any) -> Callable[[], pa.DataFrameSchema]:
    return lambda: schema(**more)


def reordered() -> pa.DataFrameSchema:
    return schema(dict(reversed(columns().items())))


def promise(step: str = "major", **port: Any) -> Mutation:
    """Change a promise beside the contract."""
    also = frozenset({ALL}) if step == "major" else frozenset()
    return Mutation(port=port, step=step, also=also)


def fresh(step: str = "major", **changed: Any) -> Mutation:
    usual = {"within": timedelta(hours=6), "by": "ordered_at", "per": "country"}
    return promise(step, freshness=md.Freshness(**{**usual, **changed}))


def valid(step: str = "major", **changed: Any) -> Mutation:
    return promise(step, quality=md.Quality(**{"rows": (1, 1000), **changed}))


EURO = {"unit": "EUR"}
BOUNDS = [Check.ge(0), Check.le(1000)]
CITY = [Check.str_length(1, 40), TRIMMED]
NAMED = frozenset({ALL})

MUTATIONS: Mapping[str, Mutation] = {
    # columns
    "a column is added": Mutation(column("tax", FLOAT), step="minor"),
    "an optional column is added": Mutation(
        column("tax", FLOAT, nullable=True, required=False), step="minor"
    ),
    "a column is removed": Mutation(without("quantity")),
    "an optional column is removed": Mutation(without("note"), also=frozenset()),
    "a column is renamed": Mutation(
        lambda: schema({("town" if n == "city" else n): c for n, c in columns().items()})
    ),
    "a column becomes optional": Mutation(
        column("quantity", INT, Check.in_range(1, 100), required=False)
    ),
    "an optional column becomes required": Mutation(
        column("note", TEXT, nullable=True), step="minor"
    ),
    "columns are reordered": Mutation(reordered, step="patch"),
    "a type is widened": Mutation(column("quantity", pl.Float64(), Check.in_range(1, 100))),
    "a type is narrowed": Mutation(column("quantity", pl.Int16(), Check.in_range(1, 100))),
    "a type is replaced": Mutation(column("order_id", TEXT, unique=True)),
    "a time zone is changed": Mutation(column("ordered_at", pl.Datetime("us", "Europe/Berlin"))),
    "an enum gains a value": Mutation(column("channel", pl.Enum(["shop", "web", "fair"]))),
    "an enum loses a value": Mutation(column("channel", pl.Enum(["web"]))),
    "nulls are allowed": Mutation(column("quantity", INT, Check.in_range(1, 100), nullable=True)),
    "nulls are forbidden": Mutation(column("city", TEXT, CITY), step="minor"),
    # keys
    "a unique column may repeat": Mutation(column("order_id", INT, Check.ge(1))),
    "a column becomes unique": Mutation(
        column("amount", FLOAT, BOUNDS, unique=True, description="Price.", metadata=EURO),
        step="minor",
    ),
    "a key is removed": Mutation(whole(unique=None)),
    "a key gains a column": Mutation(whole(unique=["customer", "position", "country"])),
    "a key loses a column": Mutation(whole(unique=["customer"]), step="minor"),
    "a key column may be missing": Mutation(column("position", INT, Check.ge(1), required=False)),
    # rules
    "a rule is added": Mutation(column("customer", INT, [Check.ge(1), Check.le(9)]), step="minor"),
    "a rule is removed": Mutation(column("country", TEXT)),
    "a lower bound falls": Mutation(column("quantity", INT, Check.in_range(0, 100))),
    "a lower bound falls within what is expected": Mutation(
        column(
            "amount", FLOAT, [Check.gt(-0.5), Check.le(1000)], description="Price.", metadata=EURO
        )
    ),
    "a lower bound rises": Mutation(column("quantity", INT, Check.in_range(2, 100)), step="minor"),
    "an upper bound rises": Mutation(
        column("amount", FLOAT, [Check.ge(0), Check.le(2000)], description="Price.", metadata=EURO)
    ),
    "an upper bound falls": Mutation(
        column("amount", FLOAT, [Check.ge(0), Check.le(10)], description="Price.", metadata=EURO),
        step="minor",
    ),
    "a range moves": Mutation(column("quantity", INT, Check.in_range(50, 150))),
    "a range is written as two bounds": Mutation(
        column("quantity", INT, [Check.ge(1), Check.le(100)]), step="patch"
    ),
    "a bound excludes its end": Mutation(
        column("quantity", INT, [Check.gt(1), Check.lt(100)]), step="minor"
    ),
    "a listed value is added": Mutation(
        column("status", TEXT, Check.isin(["new", "paid", "sent", "back"]))
    ),
    "a listed value is added that is expected": Mutation(
        column("status", TEXT, Check.isin(["new", "paid", "sent", "lost"]))
    ),
    "a listed value is removed": Mutation(
        column("status", TEXT, Check.isin(["new", "paid"])), step="minor"
    ),
    "a list becomes a pattern": Mutation(
        column("status", TEXT, Check.str_matches("^(new|paid|sent)$")),
        suspected=frozenset({"billing/dunning", ALL}),
    ),
    "a pattern is replaced": Mutation(column("country", TEXT, Check.str_matches("^[A-Z]{3}$"))),
    "a pattern is narrowed": Mutation(
        column("country", TEXT, Check.str_matches("^[A-Y]{2}$")),
        suspected=frozenset({"billing/vat", "report/places", ALL}),
    ),
    "a text may be longer": Mutation(
        column("city", TEXT, [Check.str_length(1, 60), TRIMMED], nullable=True)
    ),
    "a text may be longer within what is expected": Mutation(
        column("city", TEXT, [Check.str_length(1, 50), TRIMMED], nullable=True)
    ),
    "a text may be empty": Mutation(
        column("city", TEXT, [Check.str_length(0, 40), TRIMMED], nullable=True)
    ),
    "a text must be shorter": Mutation(
        column("city", TEXT, [Check.str_length(1, 20), TRIMMED], nullable=True), step="minor"
    ),
    "a rule only warns": Mutation(
        column("quantity", INT, Check.in_range(1, 100, raise_warning=True))
    ),
    "a rule in code is removed": Mutation(
        column("city", TEXT, Check.str_length(1, 40), nullable=True)
    ),
    "a rule over rows is removed": Mutation(
        whole(checks=[]), suspected=frozenset({"report/places"})
    ),
    "a rule over rows is added": Mutation(
        whole(checks=[Check(plausible, name="plausible"), Check(bought, name="bought")]),
        step="minor",
    ),
    # shape and parsing
    "other columns are refused": Mutation(whole(strict=True), step="patch"),
    "types are coerced": Mutation(whole(coerce=True), step="minor"),
    # meaning
    "a unit is changed": Mutation(
        column("amount", FLOAT, BOUNDS, description="Price.", metadata={"unit": "USD"}),
        also=frozenset({"billing/ledger", "billing/vat", ALL}),
    ),
    "a unit is told": Mutation(
        column("quantity", INT, Check.in_range(1, 100), metadata={"unit": "pieces"}), step="minor"
    ),
    "a description is reworded": Mutation(
        column("amount", FLOAT, BOUNDS, description="Cost.", metadata=EURO), step="patch"
    ),
    "a column becomes sensitive": Mutation(
        column("city", TEXT, CITY, nullable=True, metadata={"sensitivity": "personal"}),
        step="minor",
    ),
    # promises
    "data may be older": fresh(within=timedelta(hours=12)),
    "data must be younger": fresh("minor", within=timedelta(hours=3)),
    "freshness is no longer promised": promise(freshness=None),
    "freshness counts by another column": Mutation(
        port={"freshness": md.Freshness(within=timedelta(hours=6))}, also=NAMED
    ),
    "freshness is kept less often": fresh(target=0.9),
    "freshness is taken over a longer window": fresh(window=timedelta(days=56)),
    "freshness counts working days only": fresh(calendar="mon-fri"),
    "freshness is no longer kept by each country": fresh(per=None),
    "freshness is looked at by a deadline": fresh(deadline="0 6 * * *"),
    "freshness has grace": fresh(grace=timedelta(minutes=30)),
    "a holiday is added": fresh("minor", holidays=[date(2026, 12, 25)]),
    "invalid rows may be set aside": valid(valid_rows=0.9, otherwise="quarantine"),
    "fewer rows may be published": valid(rows=(0, 1000)),
    "more rows must be published": valid("minor", rows=(10, 1000)),
    "the number of rows only warns": valid(volume="warn"),
    "the number of rows is compared with the last": valid("minor", rows_vs_last=0.5),
    "versions are kept for less long": Mutation(
        product={"retention": timedelta(days=7)}, also=NAMED
    ),
    "versions are kept for longer": Mutation(
        product={"retention": timedelta(days=60)}, step="minor"
    ),
    "it is built more seldom": promise("minor", cadence="0 0 * * *"),
    # the product
    "the owner is another": Mutation(product={"owner": "team:web"}, step="patch"),
    "the purpose is reworded": Mutation(product={"purpose": "What people ordered."}, step="patch"),
    "a tag is added": Mutation(product={"tags": {"tier": "gold"}}, step="patch"),
}
