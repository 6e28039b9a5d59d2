from dataclasses import replace
from typing import Any

import pytest

from mesh_dagster.govern.consumers import Consumer, consumers_of
from mesh_dagster.govern.plan import plan
from mesh_dagster.govern.reading import columns_read
from mesh_dagster.run.registry import Publication
from tests.govern.scenario import NOW, ORDERS, TODAY, columns, declared, orders, reader
from tests.govern.scenario import schema as contract

OUT = "mesh://report/all/v1/out"
DERIVED = {"columns": {"x": [[ORDERS, "amount", "derived", "value"]]},
           "rows": [[ORDERS, "status", "derived"]]}  # fmt: skip
READER = declared(reader("report/all"))


def published(lineage: dict[str, Any]) -> Publication:
    return Publication(OUT, 0, "p", NOW, "1.0.0", "", "", "", 1, 1, lineage=lineage)


def breaks(name: str, reads: dict[str, list[str]] | None) -> list[str]:
    """Allow more in one column, and return what the reader loses by it."""
    looser = {"amount": columns()["amount"], "quantity": columns()["quantity"]}
    looser[name].checks = []
    known = {**READER.declaration, **({} if reads is None else {"columns_read": reads})}
    consumer = replace(READER, declaration=known)
    changed = declared(orders(contract({**columns(), **looser})))
    made = plan([changed], [declared(orders())], [consumer], TODAY)
    return [loss.what for one in made.products[0].ports[0].breaks for loss in one.losses]


def test_what_lineage_followed_is_what_is_read() -> None:
    assert columns_read([OUT], {OUT: published(DERIVED)}) == {ORDERS: ["amount", "status"]}


def test_columns_read_by_an_internal_count_as_read() -> None:
    inner = {"columns": {"y": [[ORDERS, "city", "derived", "value"]]}, "rows": []}

    read = columns_read([OUT], {OUT: published({**DERIVED, "through": {"report/raw": inner}})})

    assert read == {ORDERS: ["amount", "city", "status"]}


@pytest.mark.parametrize(
    "lineage",
    [
        {},
        {"columns": {"x": []}, "rows": []},
        {"columns": {"x": [[ORDERS, "amount", "assumed", "value"]]}, "rows": []},
        {"columns": {"x": [[ORDERS, "amount", "declared", "value"]]}, "rows": []},
        {**DERIVED, "through": {"report/raw": {"columns": {"y": []}, "rows": []}}},
    ],
)
def test_what_is_not_followed_proves_nothing(lineage: dict[str, Any]) -> None:
    assert columns_read([OUT], {OUT: published(lineage)}) is None


def test_a_product_that_never_published_may_read_everything() -> None:
    assert columns_read([OUT], {}) is None


def test_a_reader_that_states_nothing_breaks_by_the_columns_that_it_reads() -> None:
    assert breaks("amount", {ORDERS: ["amount"]}) == ["amount >= 0", "amount <= 1000"]
    assert breaks("quantity", {ORDERS: ["amount"]}) == []
    assert breaks("quantity", None) == ["quantity in_range(1, 100)"]
    assert breaks("quantity", {f"{ORDERS}s": ["amount"]}) == ["quantity in_range(1, 100)"]


def test_what_a_product_is_proved_to_read_stands_beside_what_it_expects() -> None:
    proved = replace(
        READER, declaration={**READER.declaration, "columns_read": {ORDERS: ["amount"]}}
    )

    assert consumers_of([READER, proved])[ORDERS] == [
        Consumer("report/all", 1, "team:report", None),
        Consumer("report/all", 1, "team:report", None, ("amount",)),
    ]
