import json
from contextlib import closing
from copy import copy
from datetime import datetime, timedelta, timezone

import pandera.polars as pa
import polars as pl
import pytest

import mesh_dagster as md
from mesh_dagster.observe.watch import Watcher, take_over, withdraw
from mesh_dagster.run.declared import register
from mesh_dagster.run.failures import Failure, note_failures
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.store import Store
from tests.cli.scenario import (
    ORDERS,
    TOTALS,
    declare,
    mesh,
    now,
    publish_lines,
    rows,
    totals,
    words,
)

WHOLE = """\
mesh://sales/orders/v1/lines
Every line of an order.

purpose    What was sold.
product    1.0.0
owner      team:sales
alignment  source
current    version 0, SPAN ago, 2 rows
promises   newest publication at most 6 h old, 99 % of the time; at least 50 % valid rows, the \
others in quarantine; built at '0 * * * *' (cron, UTC)
freshness  ok; newest data SPAN old, at most 6 h promised
quality    breached for SPAN
made from  mesh://crm/artists/v1/names, version 7
read by    report/totals 1.0.0

Contract Line
column  type     null  rules   description
order   Int64    no    unique  The number of the order.
artist  String   no
amount  Float64  yes   >= 0    unit EUR

Last publications
version  time             slice  rows  of port  rejected  run
      0  TIME, SPAN ago  whole     2        2         1  run-1

Last refusals
time             slice  rows  broken rules      run
TIME, SPAN ago  whole     2  amount >= 0 on 2  run-1

Consumers
who               how             reads  last      version  columns    purpose
report/totals v1  declared input      0  never
ann               python              1  SPAN ago        0  not known  a report

Sample of version 0
order  artist  amount
1      Ann     1.0
2      Ann     1.0

Read it
Python   md.read("mesh://sales/orders/v1/lines")
SQL      mesh sql "SELECT * FROM sales.orders_v1_lines"
command  mesh read mesh://sales/orders/v1/lines
"""


def test_show_tells_everything_that_is_known_of_a_port(monkeypatch: pytest.MonkeyPatch) -> None:
    declare()
    publish_lines(rows(1, 2).vstack(rows(3, amount=-1.0)), {"mesh://crm/artists/v1/names": 7})
    publish_lines(rows(4, 5, amount=-1.0))
    monkeypatch.setenv("MESH_READER", "ann")
    md.read(ORDERS, purpose="a report")

    result = mesh("show", ORDERS)

    assert (result.exit_code, result.stderr) == (0, "")
    assert words(result.stdout) == words(WHOLE)


def test_show_and_ls_say_what_crashed_until_it_is_published() -> None:
    declare()
    crash = Failure(ORDERS, "", now(), "run-2", "RuntimeError")
    earlier = Failure(ORDERS, "east", now() - timedelta(seconds=1), "run-2", "TypeError")
    with closing(Registry(Store.at().registry_url)) as registry:
        note_failures([crash, earlier], registry)

    crashed, listed = mesh("show", ORDERS), mesh("ls", ORDERS)
    publish_lines(rows(1, 2))
    mended = mesh("show", ORDERS)

    assert [" ".join(line) for line in words(crashed.stdout) if "run-2" in line] == [
        "failed RuntimeError SPAN ago, in run run-2 of Dagster",
        "east: TypeError SPAN ago, in run run-2 of Dagster",
    ]
    assert words(listed.stdout)[1][-2:] == ["never", "SPAN"]
    assert "RuntimeError" not in mended.stdout


def test_show_of_a_declared_port_says_that_it_was_never_published() -> None:
    declare()

    result = mesh("show", TOTALS)

    assert "current    never published\n" in result.stdout
    assert f"made from  {ORDERS}\n" in result.stdout


def test_show_of_a_port_that_nobody_declares_any_more_says_that_it_promises_nothing() -> None:
    declare()
    gone, there = ORDERS.partition("?")[0], Watcher("sales.py", frozenset({"sales"}))
    with closing(Registry(Store.at().registry_url)) as registry:
        take_over([gone], registry, now(), watcher=there)
        withdraw([], registry, datetime(2026, 3, 1, tzinfo=timezone.utc), watcher=there)

    shown, drawn = mesh("show", gone), mesh("slo", "history", gone)

    assert "promises   none: no code location declares it since 2026-03-01 00:00:00 UTC\n" in (
        shown.stdout
    )
    assert "\nfreshness" not in shown.stdout
    assert drawn.stderr.startswith(f"'{gone}' promises no freshness, so it has no history of it.")


def test_show_tells_what_consumers_rely_on() -> None:
    expects = pa.DataFrameSchema(
        {
            "order": pa.Column(int, unique=True),
            "amount": pa.Column(pl.Float64, pa.Check.ge(0), nullable=True),
            "artist": pa.Column(nullable=True),
        },
        checks=pa.Check(lambda data: data.lazyframe, error="adds up"),
        unique=["order", "artist"],
    )
    declare()
    consumer = copy(totals)
    consumer.inputs = {"lines": md.InputPort(ORDERS, expects=expects)}
    with closing(Registry(Store.at().registry_url)) as registry:
        register(consumer, registry, now)

    shown = mesh("show", ORDERS)

    assert words(shown.stdout.partition("Relied on\n")[2].partition("\nConsumers")[0]) == words(
        """\
consumer          column  relies on
report/totals v1  order   Int64; not null; unique
report/totals v1  amount  Float64; >= 0
report/totals v1  artist
report/totals v1          (order, artist) unique
report/totals v1          adds up
"""
    )


def test_show_for_scripts_holds_the_whole_declaration() -> None:
    declare()
    publish_lines(rows(1, 2))

    result = mesh("show", ORDERS, "--json")

    known = json.loads(result.stdout)
    assert sorted(known) == [
        "consumers",
        "declaration",
        "deprecated_inputs",
        "description",
        "failures",
        "made_from",
        "product",
        "promises",
        "publications",
        "read_by",
        "refusals",
        "relied_on",
        "retired",
        "sample",
        "status",
        "withdrawn_at",
    ]
    assert known["product"]["retention_seconds"] == 3600
    assert [
        (one["objective"], one["state"], one["limit_seconds"]) for one in known["promises"]
    ] == [
        ("freshness", "ok", 21600.0),
        ("quality", "ok", None),
    ]
    assert [made["version"] for made in known["publications"]] == [0]


def test_show_of_a_product_tells_how_its_ports_stand_and_how_to_see_more() -> None:
    declare()
    publish_lines(rows(1, 2))

    whole, major = mesh("show", "mesh://sales/orders"), mesh("show", "mesh://sales/orders/v1/")
    plain = mesh("show", "mesh://sales/orders", "--json")

    assert (whole.exit_code, whole.stderr) == (0, "")
    assert words(whole.stdout) == words(
        f"""\
mesh://sales/orders
What was sold.

ADDRESS   OWNER       ALIGNMENT  VERSION  ROWS   AGE  REFUSED OR FAILED SINCE
{ORDERS}  team:sales  source           0     2  SPAN

More of a port: mesh show {ORDERS}
"""
    )
    assert words(major.stdout) == words(whole.stdout)
    assert [port["address"] for port in json.loads(plain.stdout)["ports"]] == [ORDERS]


def test_show_of_a_product_that_is_not_there_offers_what_is() -> None:
    declare()

    other, unknown = mesh("show", "mesh://sales/orders/v2"), mesh("show", "mesh://sales/order")

    assert (other.exit_code, unknown.exit_code) == (1, 1)
    assert other.stderr == (
        "Product 'sales/orders' is not registered as v2, but as 'v1'. Ask for one of these.\n"
    )
    assert unknown.stderr == (
        "No product 'sales/order' is registered here. Did you mean 'sales/orders'? Check the key "
        "and MESH_ROOT, or run the product.\n"
    )


def test_show_of_an_unknown_address_offers_the_nearest() -> None:
    declare()

    result = mesh("show", "mesh://sales/order/v1/lines")

    assert (result.exit_code, result.stdout, result.stderr) == (
        1,
        "",
        (
            "'mesh://sales/order/v1/lines' has never been published here. Did you mean "
            f"'{ORDERS}'? Check the address and MESH_ROOT, or run its product. Nothing was read.\n"
        ),
    )


def test_show_of_what_is_no_address_says_how_one_is_written() -> None:
    result = mesh("show", "sales/orders")

    assert (result.exit_code, result.stderr) == (
        1,
        (
            "The address 'sales/orders' does not begin with mesh://. Write "
            "mesh://domain/product/v1/port, if wanted with ?version=12, "
            "?as_of=2026-11-01T00:00:00Z or ?quarantine. Nothing was read.\n"
        ),
    )
