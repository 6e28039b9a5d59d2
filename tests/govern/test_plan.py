from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import click
import pandera.polars as pa

import mesh_dagster as md
from mesh_dagster.cli.plan_markdown import plan_json, plan_markdown
from mesh_dagster.cli.plan_text import plan_text
from mesh_dagster.govern.change import Change
from mesh_dagster.govern.compatibility import product_changes
from mesh_dagster.govern.consumers import counted_readers
from mesh_dagster.govern.declared import Declared
from mesh_dagster.govern.plan import Plan, Problem, plan
from mesh_dagster.govern.wording import advice, sentence, versions
from mesh_dagster.run.count import Way
from mesh_dagster.run.reads import Reader
from tests.govern.scenario import (
    INT,
    NOW,
    ORDERS,
    TODAY,
    columns,
    declared,
    orders,
    reader,
    schema,
)

VAT = declared(reader("billing/vat", columns=["amount"]))
ENDED = md.Deprecated(since=TODAY - timedelta(days=90), until=TODAY - timedelta(days=1))
ENDING = md.Deprecated(since=TODAY - timedelta(days=90), until=TODAY)


PLACES = declared(reader("report/places", columns=["amount", "region"]))


def breaking(version: str = "1.2.0", **more: Any) -> Declared:
    own = {name: column for name, column in columns().items() if name != "amount"}
    return declared(orders(schema(own), version, **more))


def compared(tree: list[Declared], released: list[Declared], **more: Any) -> Plan:
    return plan(tree, released, [VAT], TODAY, **more)


def test_nothing_is_compared_before_the_first_release() -> None:
    made = compared([declared(orders())], [])

    assert made.first
    assert made.problems == ()
    assert [product.state for product in made.products] == ["added"]


def test_the_same_declaration_changes_nothing() -> None:
    made = compared([declared(orders())], [declared(orders())])

    assert [(p.state, p.step, p.changes) for p in made.products] == [("unchanged", None, ())]
    assert [port.state for port in made.products[0].ports] == ["unchanged"]


def test_a_breaking_change_stands_in_the_way_whatever_minor_version_is_declared() -> None:
    made = compared([breaking("1.9.0")], [declared(orders())])

    [product] = made.products
    assert (product.step, product.demanded, product.stepped) == ("major", "2.0.0", False)
    assert made.problems == (Problem(ORDERS, "breaking", "breaks what 1.2.0 promised"),)


def test_a_breaking_change_may_go_out_as_a_new_major_version_beside_the_old_one() -> None:
    made = compared([declared(orders()), breaking("2.0.0")], [declared(orders())])

    assert made.problems == ()
    assert [(p.major, p.state) for p in made.products] == [(1, "unchanged"), (2, "added")]


def test_a_new_major_version_in_place_of_the_old_one_leaves_its_readers_behind() -> None:
    made = compared([breaking("2.0.0")], [declared(orders())])

    assert made.problems == (Problem(ORDERS, "removed", "is gone, 1 consumer still reads it"),)
    [old, _] = made.products
    assert [one.consumer.name for one in old.ports[0].breaks] == ["billing/vat"]
    [line] = advice(made)
    assert line == (
        "shop/orders: keep 1.2.0 declared, with state=md.Deprecated(since=..., until=..., "
        "successor='mesh://shop/orders/v2/lines'), until its readers have moved."
    )


def test_a_port_may_go_when_its_deprecation_has_run_out() -> None:
    released = declared(orders(state=ENDED))

    made = compared([VAT], [released, VAT])

    assert made.problems == ()


def test_a_port_may_not_go_before_its_last_promised_day_is_over() -> None:
    released = declared(orders(state=ENDING))

    made = compared([VAT], [released, VAT])

    assert [problem.reason for problem in made.problems] == ["removed"]


def test_a_port_that_was_retired_may_go() -> None:
    made = compared([VAT], [declared(orders()), VAT], retired={ORDERS})

    assert made.problems == ()


def test_a_port_that_nobody_reads_may_go() -> None:
    made = plan([VAT], [declared(orders(version="2.0.0")), VAT], [], TODAY)

    assert made.problems == ()


def test_a_draft_may_change_in_any_way_and_its_readers_are_named() -> None:
    made = compared([breaking("1.3.0", state="draft")], [declared(orders(state="draft"))])

    [product] = made.products
    assert (made.problems, product.step, product.stepped) == ((), "minor", True)
    assert [one.consumer.name for one in product.ports[0].breaks] == ["billing/vat"]


def test_what_changes_of_a_product_breaks_only_ports_that_are_no_drafts() -> None:
    def kept(days: int, **port: Any) -> Declared:
        return declared(orders(product={"retention": timedelta(days=days)}, **port))

    draft = compared([kept(3, state="draft")], [kept(30, state="draft")])
    active = compared([kept(3)], [kept(30)])

    assert (draft.problems, draft.products[0].step) == ((), "minor")
    assert [problem.reason for problem in active.problems] == ["breaking"]


def test_before_version_1_a_minor_step_announces_a_breaking_change() -> None:
    released = [declared(orders(version="0.3.0"))]

    assert compared([breaking("0.4.0")], released).problems == ()
    assert [p.reason for p in compared([breaking("0.3.1")], released).problems] == ["breaking"]


def test_a_version_does_not_go_back() -> None:
    made = compared([declared(orders(version="1.1.0"))], [declared(orders())])

    assert made.problems == (
        Problem("shop/orders v1", "version", "declares 1.1.0, after 1.2.0 was released"),
    )
    assert versions(made.products[0]) == "1.2.0 -> 1.1.0, needs 1.2.0"


def test_a_missing_minor_step_is_told_and_breaks_nothing() -> None:
    wider = schema({**columns(), "tax": columns()["amount"]})

    made = compared([declared(orders(wider))], [declared(orders())])

    [product] = made.products
    assert (product.step, product.demanded, product.stepped) == ("minor", "1.3.0", False)
    assert made.problems == ()


def test_a_consumer_is_held_to_what_its_own_working_tree_expects() -> None:
    """So that a consumer that moves along in the same change does not count as broken."""
    moved_along = declared(reader("billing/vat", columns=["customer"]))

    made = plan([breaking(), moved_along], [declared(orders()), VAT], [VAT], TODAY)

    assert made.products[-1].key == "shop/orders"
    assert made.products[-1].ports[0].breaks == ()


def test_the_consumers_of_a_port_are_known_though_it_does_not_change() -> None:
    made = compared([declared(orders())], [declared(orders())])

    [port] = made.products[0].ports
    assert [(one.name, one.owner) for one in port.consumers] == [("billing/vat", "team:billing")]


def test_deprecating_a_port_is_a_minor_step_and_shortening_it_a_major_one() -> None:
    until = date(2026, 12, 31)
    deprecated = orders(state=md.Deprecated(since=TODAY, until=until))
    shortened = orders(state=md.Deprecated(since=TODAY, until=until - timedelta(days=30)))

    announced = compared([declared(deprecated)], [declared(orders())])
    hurried = compared([declared(shortened)], [declared(deprecated)])

    assert [announced.products[0].step, hurried.products[0].step] == ["minor", "major"]


def test_what_is_expected_in_vain_stands_in_the_way_even_of_a_first_release() -> None:
    vain = Problem(
        "report/places v1",
        "expectation",
        f"expects by its input 'lines' what '{ORDERS}' does not promise: 'region' any type, "
        "promised no such column",
    )

    unknown = compared([PLACES], [])
    registered = plan([PLACES], [], [declared(orders())], TODAY)
    loaded = compared([PLACES, declared(orders())], [PLACES])

    assert [one.problems for one in (unknown, registered, loaded)] == [(), (vain,), (vain,)]


def test_a_tightened_rule_that_a_consumer_elsewhere_can_never_go_with_is_told() -> None:
    few = pa.DataFrameSchema({"quantity": pa.Column(INT, pa.Check.le(10))})
    consumer = declared(reader("shelf/space", expects=few))
    own = {**columns(), "quantity": pa.Column(INT, pa.Check.in_range(50, 100))}
    tightened = declared(orders(schema(own), "1.3.0"))

    made, again = (
        plan([tightened], [before], [consumer], TODAY) for before in (declared(orders()), tightened)
    )

    [problem] = made.problems
    assert (problem.subject, problem.reason) == ("shelf/space v1", "expectation")
    assert problem.text.endswith("'quantity' <= 10, promised in_range(50, 100)")
    assert again.problems == ()


def test_a_consumer_that_a_change_breaks_is_not_told_so_twice() -> None:
    made = compared([VAT, breaking()], [VAT, declared(orders())])

    assert [problem.reason for problem in made.problems] == ["breaking"]
    assert [one.consumer.name for one in made.products[1].ports[0].breaks] == ["billing/vat"]


def test_readers_who_declare_nothing_are_named_by_what_they_read() -> None:
    def read(reader: str, way: Way, day: int, *columns: str) -> Reader:
        at = NOW - timedelta(days=day)
        return Reader(ORDERS, reader, way, "", 1, at, at, 3, columns or None)

    counted = counted_readers(
        [
            read("ann", "sql", 1, "amount"),
            read("ann", "python", 2, "city"),
            read("bob", "sql", 3, "city"),
            read("cyd", "python", 4),
            read("cyd", "sql", 5, "city"),
            read("billing/vat v1", "build", 1),
        ]
    )

    changed = compared([breaking()], [declared(orders())], readers=counted)
    removed = plan([], [declared(orders())], [], TODAY, readers=counted)

    assert told(changed) == [
        ("billing/vat v1", "team:billing", True),
        ("ann", "declares nothing, read it on 2026-02-28", True),
        ("cyd", "declares nothing, read it on 2026-02-25", False),
    ]
    assert [who for who, _, certain in told(removed) if certain] == ["ann", "bob", "cyd"]
    assert removed.problems == (Problem(ORDERS, "removed", "is gone, 3 consumers still read it"),)


def told(made: Plan) -> list[tuple[str, str, bool]]:
    [port] = made.products[0].ports
    return [(one.consumer.label, one.consumer.whose, one.certain) for one in port.breaks]


def test_who_reads_what_ends_is_told_on_both_sides() -> None:
    ending = declared(orders(state=ENDING))
    elsewhere, here = plan([ending], [], [VAT, PLACES], TODAY), plan([VAT], [], [ending], TODAY)

    told = [
        [(one.address, one.until, [reader.name for reader in one.readers]) for one in made.endings]
        for made in (elsewhere, here, compared([VAT], [VAT]))
    ]

    assert told == [
        [(ORDERS, TODAY, ["billing/vat", "report/places"])],
        [(ORDERS, TODAY, ["billing/vat"])],
        [],
    ]


def test_what_ends_is_told_in_text_and_markdown() -> None:
    successor = "mesh://shop/orders/v2/lines"
    state = md.Deprecated(since=TODAY - timedelta(days=9), until=TODAY, successor=successor)
    made = plan([declared(orders(state=state))], [], [VAT], TODAY)
    line = f"ends on {TODAY}, read {successor} then; still read by billing/vat v1 (team:billing)"

    text, marked = (
        click.unstyle(plan_text(made, "the registry")),
        plan_markdown(made, "the registry"),
    )

    assert f"{ORDERS} {line}." in text.splitlines()
    assert f"- `{ORDERS}` `{line}`." in marked.splitlines()
    assert plan_json(made)["endings"] == [
        {
            "address": ORDERS,
            "until": TODAY.isoformat(),
            "successor": successor,
            "readers": ["billing/vat"],
        }
    ]


def test_a_successor_that_nobody_declares_stands_in_the_way() -> None:
    later = "mesh://shop/orders/v2/lines"
    state = md.Deprecated(since=TODAY, until=TODAY + timedelta(days=9), successor=later)
    leaving, next_major = declared(orders(state=state)), declared(orders(version="2.0.0"))

    def reasons(tree: list[Declared], released: list[Declared], *registered: str) -> list[str]:
        made = compared(tree, released, registered=registered)
        return [problem.reason for problem in made.problems]

    made = compared([leaving], [leaving])

    told = f"has the successor '{later}', which nobody declares"
    assert made.problems == (Problem(ORDERS, "successor", told),)
    assert list(advice(made)) == [f"{ORDERS}: declare the successor, or name a port that is there."]
    assert reasons([leaving, next_major], [leaving]) == []
    assert reasons([leaving], [leaving], ORDERS, later) == []
    # What goes is no successor, though it is still registered.
    assert reasons([leaving], [leaving, next_major], ORDERS, later) == ["successor"]


def test_a_changed_expectation_is_told_by_its_columns() -> None:
    more = declared(reader("billing/vat", columns=["amount", "country"]))
    rules = pa.DataFrameSchema({"amount": pa.Column(float, pa.Check.ge(0))})
    stricter = declared(reader("billing/vat", expects=rules))

    told = [
        [sentence(change) for change in product_changes(before, after)]
        for before, after in ((VAT, more), (VAT, stricter))
    ]

    assert told == [
        ["what is expected by input 'lines': amount becomes amount, country"],
        ["what is expected by input 'lines': other rules on amount"],
    ]


def test_a_text_is_told_as_added_reworded_or_removed_and_never_shown() -> None:
    texts = [None, "What was paid.", "What was paid, with tax.", ""]

    told = [
        sentence(Change("description", "amount description", before, after))
        for before, after in pairwise(texts)
    ]

    assert told == [
        "amount description added",
        "amount description reworded",
        "amount description removed",
    ]


def test_a_retired_address_is_never_declared_again() -> None:
    gone = Problem(ORDERS, "retired", "was retired, and is never used again")
    tree = [declared(orders())]

    anew = plan(tree, [], [], TODAY, retired=[ORDERS])
    still = plan(tree, tree, [], TODAY, retired=[ORDERS])

    assert (anew.problems, still.problems) == ((gone,), (gone,))
    assert list(advice(anew)) == [f"{ORDERS}: remove it, or give its product a new major version."]
