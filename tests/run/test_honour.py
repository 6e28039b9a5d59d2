"""Consumers state in the registry what they rely on; the producer's audit judges by it."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest
import sqlalchemy as sa

from mesh_dagster.declare.contract import PanderaContract
from mesh_dagster.declare.port import Honours, InputPort, OutputPort
from mesh_dagster.declare.product import DataProduct
from mesh_dagster.run.declared import register
from mesh_dagster.run.publish import Published, Refused
from mesh_dagster.run.registry import Registry, ports, products
from mesh_dagster.run.stated import stated_of
from mesh_dagster.run.stating import unmet_inputs
from mesh_dagster.run.store import Store
from tests.run.scenario import (
    ADDRESS,
    NOW,
    SET_ASIDE,
    line_schema,
    lines,
    orders_at,
    port_of,
    product_of,
    publish_well,
    refusal_of,
)

Column, Check = pa.Column, pa.Check
Told = tuple[str, bool, int | None, str]


class Wanted(pa.DataFrameModel):
    """Some of what a line is, and more than it promises."""

    artist: str = pa.Field(isin=["Ann", "Bob"], unique=True)
    amount: float = pa.Field(ge=-1, le=10, nullable=True)


@pytest.fixture
def registry() -> Iterator[Registry]:
    with closing(Registry(Store.at().registry_url)) as opened:
        yield opened


def consumer(
    expects: PanderaContract | None = Wanted,
    *,
    name: str = "royalties",
    version: str = "1.0.0",
    inputs: dict[str, InputPort] | None = None,
) -> DataProduct:
    product = DataProduct(
        domain="finance",
        name=name,
        version=version,
        owner="team:finance",
        alignment="consumer",
        purpose="What is owed.",
        inputs=inputs or {"lines": InputPort(ADDRESS, expects=expects)},
    )

    @product.port(contract=pa.DataFrameSchema({"owed": Column(float)}))
    def owed() -> pl.LazyFrame:
        raise NotImplementedError

    return product


def stated(registry: Registry, *consumers: DataProduct) -> None:
    for one in consumers:
        register(one, registry, lambda: NOW)


def told(outcome: Published | Refused) -> list[Told]:
    """Return what the check says of each rule that a consumer relies on."""
    findings = outcome.verdict.of_check("expectations")
    return [(f.rule.text, f.passed, f.failing_rows, f.note) for f in findings]


def failing(outcome: Published | Refused) -> list[tuple[str, int | None, str]]:
    found = [f for f in outcome.verdict.of_check("expectations") if not f.passed]
    return [(f.rule.text, f.failing_rows, f.rule.level) for f in found]


def register_port(registry: Registry, port: OutputPort) -> None:
    product = product_of()
    product.ports[port.address.port] = port
    register(product, registry, lambda: NOW)


def test_every_rule_that_a_consumer_relies_on_is_told_with_its_failing_rows(
    registry: Registry,
) -> None:
    stated(registry, consumer())

    outcome = publish_well(pl.concat([lines(1, 2, amount=99.0), lines(3, artist="Cid")]))

    assert told(outcome) == [
        ("artist not null for finance/royalties v1", True, 0, "promised by the contract"),
        ("artist isin(['Ann', 'Bob']) for finance/royalties v1", False, 1, ""),
        ("amount >= -1 for finance/royalties v1", True, 0, "promised by the contract"),
        ("amount <= 10 for finance/royalties v1", False, 2, ""),
        ("artist unique for finance/royalties v1", False, 2, ""),
    ]
    assert outcome.publication.checks["expectations"] is False
    assert outcome.verdict.accepted


def test_a_batch_that_keeps_them_is_published_and_says_so(registry: Registry) -> None:
    stated(registry, consumer())

    outcome = publish_well(lines(1, amount=2.0))

    assert [passed for _, passed, _, _ in told(outcome)] == [True] * 5
    assert outcome.publication.checks["expectations"] is True


def test_a_port_that_nobody_states_anything_of_is_judged_by_its_contract_alone(
    registry: Registry,
) -> None:
    stated(registry, consumer(None))

    outcome = publish_well(lines(1))

    assert told(outcome) == []
    assert "expectations" not in outcome.publication.checks


def test_a_port_that_honours_its_consumers_refuses_and_names_them(registry: Registry) -> None:
    port = port_of(honours="refuse")
    stated(registry, consumer(), consumer(name="charts"))
    publish_well(lines(1), port)

    refused = refusal_of(lines(1, 2, artist="Cid", amount=3.0), port)

    assert str(refused.error) == (
        f"'{ADDRESS}' failed 4 of 17 rules: "
        "'artist isin(['Ann', 'Bob']) for finance/charts v1' on 2 of 2 rows; "
        "'artist unique for finance/charts v1' on 2 of 2 rows; "
        "'artist isin(['Ann', 'Bob']) for finance/royalties v1' on 2 of 2 rows; "
        "'artist unique for finance/royalties v1' on 2 of 2 rows. "
        "Nothing was published; version 0 stays current. "
        "Fix the batch, or come to terms with these consumers."
    )
    assert registry.refusals(ADDRESS)[0].checks["expectations"] is False
    assert not refused.verdict.accepted


@pytest.mark.parametrize("honours", ["warn", "refuse"])
def test_rows_are_set_aside_for_the_contract_and_never_for_an_expectation(
    registry: Registry, honours: Honours
) -> None:
    port = port_of(quality=SET_ASIDE, honours=honours)
    stated(registry, consumer(pa.DataFrameSchema({"amount": Column(float, Check.ge(-5))})))
    batch = pl.concat([lines(1), lines(2, amount=-9.0)])

    outcome = publish_well(batch, port)

    # The row with -9 breaks the contract, so the consumer never meets it.
    assert outcome.publication.rejected_rows == 1
    assert failing(outcome) == []


def test_an_expectation_refuses_what_the_quarantine_would_have_saved(registry: Registry) -> None:
    port = port_of(quality=SET_ASIDE, honours="refuse")
    stated(registry, consumer())

    refused = refusal_of(pl.concat([lines(1, artist="Cid"), lines(2, amount=-9.0)]), port)

    assert [f.rule.text for f in refused.verdict.broken] == [
        "amount >= 0",
        "artist isin(['Ann', 'Bob']) for finance/royalties v1",
    ]
    assert str(refused.error).endswith("or come to terms with these consumers.")


def test_a_rule_of_another_code_location_is_left_to_the_consumer(registry: Registry) -> None:
    def even(data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col(data.key) % 2 == 0)

    expects = pa.DataFrameSchema(
        {"order": Column(int, Check(even, error="even"))},
        checks=Check(even, error="even everywhere"),
    )
    stated(registry, consumer(expects))

    outcome = publish_well(lines(1), port_of(honours="refuse"))

    assert told(outcome)[1:] == [
        ("order even for finance/royalties v1", True, 0, "judged when it is read"),
        ("even everywhere for finance/royalties v1", True, 0, "judged when it is read"),
    ]


def test_a_rule_that_only_warns_the_consumer_refuses_nothing(registry: Registry) -> None:
    rule = Check.le(0, raise_warning=True)
    stated(registry, consumer(pa.DataFrameSchema({"order": Column(int, rule)})))

    outcome = publish_well(lines(1), port_of(honours="refuse"))

    assert failing(outcome) == [("order <= 0 for finance/royalties v1", 1, "warn")]


def test_a_column_that_the_port_has_no_more_is_missing_to_its_consumer(registry: Registry) -> None:
    register_port(registry, port_of(honours="refuse"))
    stated(registry, consumer())
    schema = line_schema().remove_columns(["artist"]).update_column("amount", dtype=pl.Float32)

    refused = refusal_of(
        lines(1).with_columns(pl.col("amount").cast(pl.Float32)), port_of(schema, honours="refuse")
    )

    assert told(refused) == [
        ("artist is String for finance/royalties v1", False, None, "is missing"),
        ("amount is Float64 for finance/royalties v1", False, None, "is Float32"),
    ]


def test_what_could_never_be_had_stops_nobody_but_the_consumer(registry: Registry) -> None:
    port = port_of(honours="refuse")
    register_port(registry, port)
    expects = pa.DataFrameSchema({"amount": Column(float, Check.lt(0), nullable=True)})
    stated(registry, consumer(expects))

    outcome = publish_well(lines(1), port)

    [problem] = unmet_inputs(consumer(expects), registry)
    assert failing(outcome) == [("amount < 0 for finance/royalties v1", 1, "warn")]
    assert str(problem) == (
        "Product 'finance/royalties' expects by its input 'lines' what "
        f"'{ADDRESS}' does not promise: 'amount' < 0, promised >= 0. "
        "Change what is expected, or agree on the contract with team:sales. Nothing was built."
    )


def test_what_was_stated_in_good_time_binds_after_the_contract_has_changed(
    registry: Registry,
) -> None:
    expects = pa.DataFrameSchema({"amount": Column(float, Check.le(9), nullable=True)})
    register_port(registry, port_of(honours="refuse"))
    stated(registry, consumer(expects))
    dearer = port_of(line_schema().update_column("amount", checks=[Check.ge(10)]), honours="refuse")
    register_port(registry, dearer)
    stated(registry, consumer(expects))

    refused = refusal_of(lines(1, amount=11.0), dearer)

    assert failing(refused) == [("amount <= 9 for finance/royalties v1", 1, "error")]


def test_an_expectation_holds_over_the_whole_port_where_it_is_published_in_partitions(
    registry: Registry,
) -> None:
    port = port_of(line_schema().update_column("order", unique=False))
    stated(registry, consumer(pa.DataFrameSchema({"order": Column(int, unique=True)})))
    publish_well(lines(1, 2), port, "a")

    outcome = publish_well(lines(2, 3), port, "b")
    again = publish_well(lines(1, 2), port, "a")

    assert failing(outcome) == [("order unique for finance/royalties v1", 1, "warn")]
    assert failing(again) == [("order unique for finance/royalties v1", 1, "warn")]


def test_nulls_are_looked_for_where_the_contract_admits_them(registry: Registry) -> None:
    schema = pa.DataFrameSchema({"amount": Column(float, Check.le(5, ignore_na=False))})
    stated(registry, consumer(schema))

    outcome = publish_well(pl.concat([lines(1, 2, amount=None), lines(3, amount=6.0)]))

    assert failing(outcome) == [
        ("amount not null for finance/royalties v1", 2, "warn"),
        ("amount <= 5 for finance/royalties v1", 3, "warn"),
    ]


def test_a_key_that_a_batch_lacks_is_no_key_for_whoever_relies_on_it(registry: Registry) -> None:
    promised = line_schema()
    promised.columns["artist"].required = False
    promised.columns["artist"].unique = True
    wanted = pa.DataFrameSchema({"artist": Column(str, nullable=True, unique=True)})
    stated(registry, consumer(wanted))

    outcome = publish_well(lines(1, 2).drop("artist"), port_of(promised))

    assert failing(outcome) == [("artist unique for finance/royalties v1", 2, "warn")]


def test_two_inputs_of_one_product_are_told_apart(registry: Registry) -> None:
    inputs = {
        "all": InputPort(ADDRESS, columns=["order"]),
        "few": InputPort(ADDRESS, expects=pa.DataFrameSchema({"order": Column(int, Check.ge(5))})),
    }
    stated(registry, consumer(inputs=inputs))

    outcome = publish_well(lines(1))

    assert failing(outcome) == [("order >= 5 for finance/royalties v1 (few)", 1, "warn")]


def test_two_majors_of_a_consumer_both_state_what_they_rely_on(registry: Registry) -> None:
    stated(registry, consumer(), consumer(version="2.0.0"))

    assert [one.consumer for one in stated_of(registry, ADDRESS)] == [
        "finance/royalties v1",
        "finance/royalties v2",
    ]


def test_an_expectation_ends_with_its_declaration(registry: Registry) -> None:
    stated(registry, consumer())
    stated(registry, consumer(inputs={"other": InputPort("mesh://sales/orders/v1/other")}))

    assert stated_of(registry, ADDRESS) == []


def test_a_consumer_without_ports_reads_nothing_any_more(registry: Registry) -> None:
    stated(registry, consumer())
    with registry.begin() as connection:
        connection.execute(sa.update(ports).values(withdrawn_at=NOW))

    assert stated_of(registry, ADDRESS) == []


def test_stating_the_same_again_writes_nothing(registry: Registry) -> None:
    stated(registry, consumer())
    before = stated_of(registry, ADDRESS)
    stated(registry, consumer())

    assert stated_of(registry, ADDRESS) == before
    assert [(one.consumer, one.owner, one.input, one.binding) for one in before] == [
        ("finance/royalties v1", "team:finance", "lines", True)
    ]


def test_what_another_version_has_written_is_left_to_the_consumer(registry: Registry) -> None:
    stated(registry, consumer())
    with registry.begin() as connection:
        row: dict[str, Any] = dict(connection.execute(sa.select(products)).mappings().one())
        row["declaration"]["expects"]["lines"].pop("keys")
        connection.execute(sa.update(products).values(declaration=row["declaration"]))

    outcome = publish_well(lines(1))

    assert told(outcome) == [
        (
            "what is expected for finance/royalties v1",
            True,
            0,
            "stated by another version of mesh_dagster; judged when it is read",
        )
    ]


def test_a_rule_that_cannot_be_asked_refuses_nothing(registry: Registry) -> None:
    stated(registry, consumer(pa.DataFrameSchema({"order": Column(int, Check.str_length(1))})))

    outcome = publish_well(lines(1), port_of(honours="refuse"))

    assert failing(outcome) == [("order str_length(1) for finance/royalties v1", None, "warn")]


def test_a_rule_that_cannot_be_asked_fails_alone(registry: Registry) -> None:
    expects = pa.DataFrameSchema({"order": Column(int, [Check.str_length(1), Check.le(5)])})
    stated(registry, consumer(expects))

    outcome = publish_well(lines(1, 9))

    assert [(text, rows, note) for text, _, rows, note in told(outcome)] == [
        ("order not null for finance/royalties v1", 0, "promised by the contract"),
        (
            "order str_length(1) for finance/royalties v1",
            None,
            "could not be run: SchemaError",
        ),
        ("order <= 5 for finance/royalties v1", 1, ""),
    ]


class Rival(Registry):
    """A registry on whose way another writer publishes a partition first."""

    def __init__(self, frame: pl.DataFrame, port: OutputPort) -> None:
        super().__init__(Store.at().registry_url)
        self.left = [(frame, port)]

    def require_writable(self) -> None:
        super().require_writable()
        while self.left:
            frame, port = self.left.pop()
            publish_well(frame, port, "rival")


def test_what_a_rival_published_in_the_meantime_counts_for_consumers_too(
    registry: Registry,
) -> None:
    port = port_of(line_schema().update_column("order", unique=False), honours="refuse")
    register_port(registry, port)
    stated(registry, consumer(pa.DataFrameSchema({"order": Column(int, unique=True)})))
    publish_well(lines(1), port, "a")

    with closing(Rival(lines(3), port)) as late:
        outcome = refusal_of(lines(2, 3), port, "b", registry=late)

    assert failing(outcome) == [("order unique for finance/royalties v1", 1, "error")]
    assert orders_at() == [1, 3]
