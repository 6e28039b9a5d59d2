import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy as sa

from mesh_dagster.discover.catalog import product
from mesh_dagster.discover.changes import Change, changes
from mesh_dagster.discover.entries import ColumnEntry, Consumer, ProductEntry, Reading, Upstream
from mesh_dagster.discover.headlines import headlines
from mesh_dagster.discover.plain import plain
from mesh_dagster.errors import UnknownProductError
from mesh_dagster.observe.alerts import record as judge
from mesh_dagster.observe.judgement import statuses
from mesh_dagster.observe.watch import Watcher, take_over, withdraw
from mesh_dagster.run.count import Read, count, settle
from mesh_dagster.run.failures import Failure, note_failures
from mesh_dagster.run.registering import declarations
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.retired import Retired
from mesh_dagster.run.retirements import note
from mesh_dagster.run.store import Store
from tests.discover.scenario import (
    ENDING,
    HOUR,
    LEAVING,
    LINES,
    NOW,
    TOTALS,
    Line,
    declare,
    invoices,
    publish_lines,
    rows,
    totals,
    wide_invoices,
)
from tests.run.scenario import line_schema

KEYS = ("report/totals", "sales/invoices")


def entry(registry: Registry, key: str = "sales/invoices", **asked: int) -> ProductEntry:
    return product(registry, Store.at(), key, datetime.now(timezone.utc), **asked)


def counted(registry: Registry, *made: Read) -> None:
    count(registry.url.render_as_string(hide_password=False), *made)
    settle()


def test_a_product_is_described_as_it_is_declared(registry: Registry) -> None:
    declare(registry, invoices(), totals())

    found = entry(registry)

    assert (found.key, found.major, found.majors, found.version) == (
        "sales/invoices",
        1,
        (1,),
        "1.0.0",
    )
    assert (found.owner, found.alignment, found.purpose, found.tags) == (
        "team:sales",
        "source",
        "What the store sold.",
        {"tier": "gold"},
    )
    assert (found.module, found.file) == ("tests.discover.scenario", "scenario.py")
    assert (found.registered_at, found.first_published_at) == (NOW, None)
    assert [(port.address, port.state) for port in found.ports] == [(LINES, "active")]


def test_a_retired_port_tells_how_it_ended(registry: Registry) -> None:
    declare(registry, invoices(), totals())
    ended = Retired(TOTALS, NOW, successor=LINES)
    note(ended, registry)

    (port,) = entry(registry, "report/totals").ports

    assert port.retired == ended


def test_columns_carry_what_they_mean(registry: Registry) -> None:
    declare(registry, invoices())

    (port,) = entry(registry).ports

    bare = ColumnEntry(
        name="customer",
        type="String",
        nullable=False,
        unique=False,
        description=None,
        unit=None,
        entity=None,
        sensitivity=None,
        example=None,
        rules=(),
        sensitive=False,
    )
    assert port.contract.columns == (
        replace(
            bare,
            name="invoice",
            type="Int64",
            unique=True,
            description="The number.",
            entity="invoice",
            example=7,
            rules=(">= 1",),
        ),
        replace(bare, sensitivity="personal", sensitive=True),
        replace(
            bare,
            name="amount",
            type="Float64",
            nullable=True,
            description="What it cost.",
            unit="EUR",
        ),
    )
    assert port.reading == Reading(
        python=f'md.read("{LINES}")',
        duckdb=f'md.relation("{LINES}")',
        sql='mesh sql "SELECT * FROM sales.invoices_v1_lines"',
        command=f"mesh read {LINES}",
        view="sales.invoices_v1_lines",
    )


def test_a_sample_and_a_profile_hide_sensitive_columns(registry: Registry) -> None:
    declare(registry, invoices())
    publish_lines(registry, rows(1, 2), invoices())

    (port,) = entry(registry).ports

    assert port.sample is not None
    assert port.sample.columns == ("invoice", "customer", "amount")
    assert port.sample.rows == ((1, "masked", 1.0), (2, "masked", 2.0))
    assert port.sample.masked == ("customer",)
    assert "Ann" not in json.dumps(plain(entry(registry)))
    assert port.current is not None
    assert [c["maximum"] for c in port.current.profile["columns"]] == [2, None, 2.0]


def test_consumers_are_those_who_declare_a_port_and_those_who_read_it(registry: Registry) -> None:
    declare(registry, invoices(), totals())
    counted(
        registry,
        Read(LINES, 3, "build", NOW, "report/totals v1"),
        Read(LINES, 4, "build", NOW + HOUR, "left/long_ago v1"),
        Read(LINES, 4, "python", NOW, "ann", "a report"),
        Read(LINES, 5, "sql", NOW + HOUR, "ann"),
        Read(LINES, 5, "sql", NOW, "bob", columns=("amount",)),
        Read(LINES, 5, "python", NOW, "bob", columns=("at", "amount")),
    )

    later = NOW + HOUR

    report = Consumer(
        address=LINES,
        name="report/totals v1",
        kind="product",
        declared=True,
        purposes=(),
        ways=("build",),
        reads=1,
        first_read_at=NOW,
        last_read_at=NOW,
        last_version=3,
        columns=None,
    )
    ann = replace(report, name="ann", kind="reader", declared=False, reads=2, last_read_at=later)
    assert entry(registry).read_by == (
        report,
        replace(
            report,
            name="left/long_ago v1",
            declared=False,
            first_read_at=later,
            last_read_at=later,
            last_version=4,
        ),
        replace(ann, purposes=("a report",), ways=("python", "sql"), last_version=5),
        replace(
            ann,
            name="bob",
            ways=("python", "sql"),
            last_read_at=NOW,
            last_version=5,
            columns=("amount", "at"),
        ),
    )
    assert entry(registry, "report/totals").reads_from == (
        Upstream("lines", LINES, "team:sales", None, None),
    )


def test_what_ends_is_told_where_it_is_listed_and_where_it_is_read(registry: Registry) -> None:
    declare(registry, invoices(state=LEAVING), totals())

    report, source = headlines(registry, KEYS, NOW)

    assert (source.deprecated, report.deprecated) == ({LINES: LEAVING}, {})
    assert (source.ending, report.ending) == (ENDING, "")
    assert (entry(registry).ending, entry(registry, "report/totals").ending) == (ENDING, "")
    assert entry(registry, "report/totals").reads_from == (
        Upstream("lines", LINES, "team:sales", None, LEAVING),
    )


def test_an_input_that_is_no_longer_declared_is_no_consumer(registry: Registry) -> None:
    report = totals()
    declare(registry, invoices(), report)
    report.inputs.clear()

    declare(registry, report)

    assert entry(registry).read_by == ()


def test_a_product_keeps_the_time_at_which_it_was_first_seen(registry: Registry) -> None:
    declare(registry, invoices())
    declare(registry, invoices(owner="team:store"), at=NOW + HOUR)

    found = entry(registry)

    assert (found.owner, found.registered_at) == ("team:store", NOW)


def test_a_crash_stands_in_the_entry_of_its_port(registry: Registry) -> None:
    declare(registry, invoices())
    crash = Failure(LINES, "", NOW, "run-1", "KeyError")
    note_failures([crash], registry)

    [port] = entry(registry).ports

    assert port.failures == (crash,)


def test_majors_live_side_by_side_and_the_highest_is_shown(registry: Registry) -> None:
    declare(registry, invoices(), invoices("2.1.0"))

    assert [port.address for port in entry(registry).ports] == ["mesh://sales/invoices/v2/lines"]
    assert [port.address for port in entry(registry, major=1).ports] == [LINES]
    assert entry(registry, major=1).majors == (1, 2)


@pytest.mark.parametrize(
    ("key", "asked", "message"),
    [
        (
            "sales/invoice",
            {},
            (
                "No product 'sales/invoice' is registered here. Did you mean 'sales/invoices'? "
                "Check the key and MESH_ROOT, or run the product."
            ),
        ),
        (
            "sales/invoices",
            {"major": 3},
            "Product 'sales/invoices' is not registered as v3, but as 'v1'. Ask for one of these.",
        ),
    ],
)
def test_an_unknown_product_is_refused_with_the_nearest(
    registry: Registry, key: str, asked: dict[str, int], message: str
) -> None:
    declare(registry, invoices())

    with pytest.raises(UnknownProductError) as refused:
        entry(registry, key, **asked)

    assert str(refused.value) == message


def test_a_product_is_described_by_as_many_statements_however_many_ports_it_has(
    registry: Registry,
) -> None:
    def statements(ports: int) -> int:
        declare(registry, wide_invoices(ports))
        entry(registry, "sales/wide")
        asked: list[str] = []

        def note(*given: Any) -> None:  # Any: what SQLAlchemy hands over
            asked.append(str(given[2]))

        sa.event.listen(sa.Engine, "before_cursor_execute", note)
        entry(registry, "sales/wide")
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
        return len(asked)

    assert statements(1) == statements(9)


def test_headlines_tell_the_worst_promise_of_each_product(registry: Registry) -> None:
    declare(registry, invoices(), totals())
    judge(statuses(registry, NOW), registry, NOW)

    found = headlines(registry, KEYS, NOW + 7 * HOUR)

    # Not as it was judged then: that may be long ago.
    assert [(one.key, one.state, one.addresses) for one in found] == [
        ("report/totals", "paused", (TOTALS,)),
        ("sales/invoices", "no_data", (LINES,)),
    ]
    assert headlines(registry, [], NOW) == []


def test_many_headlines_are_judged_in_parts(registry: Registry) -> None:
    declare(registry, wide_invoices(600))

    [found] = headlines(registry, ["sales/wide"], NOW + 7 * HOUR)

    assert (found.state, len(found.addresses)) == ("no_data", 601)


def test_a_withdrawn_port_has_no_headline_and_comes_back_when_it_is_declared(
    registry: Registry,
) -> None:
    declare(registry, invoices())
    watcher = Watcher("here", frozenset({"sales"}))
    take_over([LINES], registry, NOW, watcher=watcher)
    withdraw(set(), registry, NOW + HOUR, watcher=watcher)
    withdrawn = entry(registry).ports[0].withdrawn_at
    listed = headlines(registry, KEYS, NOW)

    declare(registry, invoices())

    assert (withdrawn, listed) == (NOW + HOUR, [])
    assert [one.key for one in headlines(registry, KEYS, NOW)] == ["sales/invoices"]
    assert entry(registry).ports[0].withdrawn_at is None


def test_a_product_whose_ports_are_retired_is_no_consumer(registry: Registry) -> None:
    declare(registry, invoices(), totals())
    counted(registry, Read(LINES, 0, "build", NOW, "report/totals v1"))
    note(Retired(TOTALS, NOW), registry)

    assert entry(registry).read_by == ()


def test_changes_tell_what_differs_from_before(registry: Registry) -> None:
    declare(registry, invoices())
    contract = Line.to_schema().remove_columns(["customer"])
    contract = contract.add_columns({"store": line_schema().columns["artist"]})
    contract = contract.update_column("amount", nullable=False, dtype=int, checks=None)
    declare(registry, invoices("1.1.0", contract, "team:store"), at=NOW + HOUR)
    declare(registry, invoices(), at=NOW + 2 * HOUR)

    found = changes(registry, LINES)

    assert [(one.declared_at, one.version) for one in found] == [
        (NOW + 2 * HOUR, "1.0.0"),
        (NOW + HOUR, "1.1.0"),
        (NOW, "1.0.0"),
    ]
    assert found[1].breaking == (
        "column 'customer' removed: String, not null",
        "type of 'amount': Float64 becomes Int64",
    )
    assert found[1].differences == (
        *found[1].breaking,
        "version: 1.0.0 becomes 1.1.0",
        "owner: team:sales becomes team:store",
        "'amount': may be null becomes not null",
        "column 'store' added: String, not null",
    )
    assert found[2].differences == ()
    assert found[0].contract_digest == found[2].contract_digest


def test_what_was_declared_and_never_published_is_told_as_that(registry: Registry) -> None:
    other = Line.to_schema().update_column("amount", dtype=int, checks=None)
    declare(registry, invoices())
    publish_lines(registry, rows(1), invoices())
    (made,) = registry.publications(LINES)
    registry.record(replace(made, published_at=NOW))
    declare(registry, invoices(contract=other), at=NOW + HOUR)
    declare(registry, invoices(), at=NOW + 2 * HOUR)
    declare(registry, invoices("1.0.1"), at=NOW + 3 * HOUR)
    registry.record(replace(made, version=1, published_at=NOW + 4 * HOUR))

    found = changes(registry, LINES)

    assert [(one.first_version, one.unseen, one.differences) for one in found] == [
        (1, False, ("version: 1.0.0 becomes 1.0.1",)),
        (None, True, ()),
        (None, True, ("type of 'amount': Float64 becomes Int64",)),
        (0, False, ()),
    ]


def test_what_is_published_under_the_same_declaration_again_counts_for_it(
    registry: Registry,
) -> None:
    declare(registry, invoices())
    row = registry.rows(sa.select(declarations))[0]
    with registry.begin() as connection:
        for hours in (1, 3):
            later = {**row, "declared_at": NOW + hours * HOUR, "digest": f"of release {hours}"}
            connection.execute(sa.insert(declarations).values(later))
    publish_lines(registry, rows(1), invoices())
    made = registry.publications(LINES)[0]
    registry.record(replace(made, published_at=NOW + 2 * HOUR))

    found = changes(registry, LINES)

    assert [(one.first_version, one.superseded_at) for one in found] == [(0, None)]


def test_what_is_declared_again_is_no_change(registry: Registry) -> None:
    declare(registry, invoices())
    declare(registry, invoices(), at=NOW + HOUR)

    digest = invoices().ports["lines"].contract.digest

    assert changes(registry, LINES) == (Change(NOW, "1.0.0", digest, None, ()),)


def test_values_become_json_with_spans_in_seconds() -> None:
    found = plain({"a": (timedelta(hours=1), NOW), "b": frozenset({1}), "c": b"x"})

    assert found == {"a": [3600.0, "2026-11-01T06:00:00+00:00"], "b": [1], "c": "b'x'"}
