from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from mesh_dagster.discover.diagram import dot, mermaid
from mesh_dagster.discover.graph import Graph, Level, Link, Node, default_level, find, product_of
from mesh_dagster.discover.lineage import Facts, graph
from mesh_dagster.errors import (
    AddressRefusedError,
    NameRefusedError,
    NotPublishedError,
    UnknownColumnError,
)
from mesh_dagster.run.edges import Edge, Lineage
from tests.discover.scenario import ENDING, LEAVING

LINES = "mesh://sales/invoices/v1/lines"
RAW = "sales/invoices/internal/raw"
TRACKS = "mesh://catalogue/music/v1/tracks"
MONTHLY = "mesh://royalties/royalties/v1/monthly"
JOINED = "royalties/royalties/internal/joined"
REPORT = "mesh://board/report/v1/sums"


def product(key: str, reads: Mapping[str, list[str]], *inputs: str) -> dict[str, Any]:  # Any: JSON
    given = {str(number): address for number, address in enumerate(inputs)}
    return {"key": key, "declaration": {"inputs": given, "reads": dict(reads)}}


def published(
    address: str, version: int, inputs: Mapping[str, int] | None = None
) -> dict[str, Any]:  # Any: JSON
    return {"address": address, "version": version, "inputs": inputs or {}}


def value(source: str, column: str) -> Edge:
    return Edge(source, column, "derived", "value")


def row(source: str, column: str) -> Edge:
    return Edge(source, column, "derived", "row")


FACTS = Facts(
    products=[
        product("sales/invoices", {RAW: [], LINES: [RAW]}),
        product("royalties/royalties", {JOINED: [LINES, TRACKS], MONTHLY: [JOINED]}, LINES, TRACKS),
        product("board/report", {REPORT: [MONTHLY]}, MONTHLY),
    ],
    ports=[LINES, MONTHLY, REPORT],
    newest=[published(LINES, 4), published(MONTHLY, 2, {LINES: 3})],
    lineages={
        LINES: Lineage({"amount": (value(RAW, "Price"),)}, {RAW: Lineage({"Price": ()})}),
        MONTHLY: Lineage(
            {"earned": (value(JOINED, "amount"), row(JOINED, "track"))},
            {JOINED: Lineage({"amount": (value(LINES, "amount"),), "track": ()})},
        ),
    },
)


def links_of(level: Level) -> list[tuple[object, ...]]:
    return [tuple(link) for link in graph(FACTS, level).links]


def test_products_are_linked_by_what_they_declare_and_by_what_was_read() -> None:
    known = graph(FACTS, "product")

    assert links_of("product") == [
        ("mesh://catalogue/music", "mesh://royalties/royalties", "declared", "value", None),
        ("mesh://royalties/royalties", "mesh://board/report", "declared", "value", None),
        ("mesh://sales/invoices", "mesh://royalties/royalties", "recorded", "value", None),
    ]
    assert [node for node in known.nodes.values() if not node.registered] == [
        Node("mesh://catalogue/music", "product", registered=False)
    ]


def test_ports_are_linked_through_the_internals_between_with_the_version_that_was_read() -> None:
    known = graph(FACTS, "port")

    assert links_of("port") == [
        (TRACKS, MONTHLY, "declared", "value", None),
        (MONTHLY, REPORT, "declared", "value", None),
        (LINES, MONTHLY, "recorded", "value", 3),
    ]
    assert known.nodes[LINES] == Node(LINES, "port", registered=True, version=4)
    assert known.nodes[TRACKS] == Node(TRACKS, "port", registered=False)


def test_assets_are_linked_with_their_internals() -> None:
    assert links_of("asset") == [
        (TRACKS, JOINED, "declared", "value", None),
        (MONTHLY, REPORT, "declared", "value", None),
        (LINES, JOINED, "recorded", "value", 3),
        (JOINED, MONTHLY, "recorded", "value", None),
        (RAW, LINES, "recorded", "value", None),
    ]
    assert graph(FACTS, "asset").nodes[JOINED] == Node(JOINED, "internal", registered=True)


def test_what_ends_says_so_as_a_port_in_its_product_and_in_its_columns() -> None:
    facts = replace(FACTS, deprecated={LINES: LEAVING})

    def remarks(level: Level) -> dict[str, str]:
        nodes = graph(facts, level).nodes.values()
        return {node.name: node.remark for node in nodes if node.remark}

    unknown = "not registered here"
    assert remarks("product") == {
        "mesh://catalogue/music": unknown,
        "mesh://sales/invoices": f"v1/lines {ENDING}",
    }
    assert remarks("port") == {TRACKS: unknown, LINES: ENDING}
    assert remarks("column") == {f"{LINES}#amount": ENDING}
    assert f'label="v1/lines ({ENDING})"' in dot(graph(facts, "port"))


def test_what_is_no_longer_declared_but_was_read_last_is_still_linked() -> None:
    facts = Facts(
        [product("board/report", {REPORT: []})], [REPORT], [published(REPORT, 1, {MONTHLY: 2})], {}
    )

    assert [tuple(link) for link in graph(facts, "port").links] == [
        (MONTHLY, REPORT, "recorded", "value", 2)
    ]
    assert graph(facts, "asset").links == graph(facts, "port").links


def test_columns_are_linked_through_internals_across_products() -> None:
    assert links_of("column") == [
        (f"{LINES}#amount", f"{JOINED}#amount", "derived", "value", None),
        (f"{JOINED}#amount", f"{MONTHLY}#earned", "derived", "value", None),
        (f"{JOINED}#track", f"{MONTHLY}#earned", "derived", "row", None),
        (f"{RAW}#Price", f"{LINES}#amount", "derived", "value", None),
    ]


@pytest.mark.parametrize(
    ("up", "down", "depth", "expected"),
    [
        (True, False, None, [JOINED, LINES, MONTHLY, RAW, TRACKS]),
        (True, False, 2, [JOINED, LINES, MONTHLY, TRACKS]),
        (False, True, None, [MONTHLY, REPORT]),
        (True, True, 1, [JOINED, MONTHLY, REPORT]),
    ],
)
def test_the_part_around_a_node_reaches_as_far_as_asked(
    up: bool,  # noqa: FBT001 - pytest passes it by name
    down: bool,  # noqa: FBT001 - as above
    depth: int | None,
    expected: list[str],
) -> None:
    found = graph(FACTS, "asset").around([MONTHLY], up=up, down=down, depth=depth)

    assert sorted(found.nodes) == sorted(expected)


def test_a_circle_ends() -> None:
    """No mesh loads with a circle, but two locations could each register a half of one."""
    nodes = {name: Node(name, "port", registered=True) for name in (LINES, MONTHLY)}
    circle = (Link(LINES, MONTHLY, "declared"), Link(MONTHLY, LINES, "declared"))

    found = Graph("port", nodes, circle).around([LINES], up=True, down=True, depth=None)

    assert found.links == circle


@pytest.mark.parametrize(
    ("name", "level", "nodes"),
    [
        (MONTHLY, "port", [MONTHLY]),
        ("mesh://royalties/royalties", "port", [MONTHLY]),
        (f"{MONTHLY}#earned", "product", ["mesh://royalties/royalties"]),
        (f"{MONTHLY}#earned", "port", [MONTHLY]),
        (f"{MONTHLY}#earned", "column", [f"{MONTHLY}#earned"]),
        (LINES, "column", [f"{LINES}#amount"]),
    ],
)
def test_a_name_stands_for_nodes_of_the_asked_level(
    name: str, level: Level, nodes: list[str]
) -> None:
    assert find(graph(FACTS, level), name) == nodes


@pytest.mark.parametrize(
    ("name", "level"),
    [(MONTHLY, "port"), (f"{MONTHLY}#earned", "column"), ("mesh://sales/invoices", "product")],
)
def test_a_name_has_a_level_of_its_own(name: str, level: Level) -> None:
    assert default_level(name) == level


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("mesh://sales", AddressRefusedError),
        ("mesh://sales/Invoices", NameRefusedError),
        ("mesh://sales/invoices#amount", AddressRefusedError),
        (RAW, AddressRefusedError),
    ],
)
def test_other_texts_are_refused(name: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        default_level(name)


def test_what_is_not_known_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(NotPublishedError) as port:
        find(graph(FACTS, "port"), "mesh://sales/invoices/v1/line")
    with pytest.raises(UnknownColumnError) as column:
        find(graph(FACTS, "column"), f"{MONTHLY}#earnd")

    assert f"Did you mean '{LINES}'?" in str(port.value)
    assert str(column.value) == (
        f"The newest publication of '{MONTHLY}' has no column 'earnd'. Did you mean 'earned'? "
        "Name one of its columns."
    )


def test_everything_has_a_product() -> None:
    names = [LINES, RAW, f"{LINES}#amount", f"{RAW}#Price", "mesh://sales/invoices"]

    assert {product_of(name) for name in names} == {"mesh://sales/invoices"}


ODD = Graph(
    "column",
    {
        name: Node(name, "column", registered=known)
        for name, known in ((f'{LINES}#a"]\n;%%', False), (f"{MONTHLY}#b\\", True))
    },
    (Link(f'{LINES}#a"]\n;%%', f"{MONTHLY}#b\\", "assumed", "row"),),
)


def test_odd_names_end_no_label_of_a_mermaid_chart() -> None:
    assert (
        mermaid(ODD)
        == """\
flowchart LR
  subgraph p0["mesh://royalties/royalties"]
    n1["v1/monthly#35;b#92;"]
  end
  subgraph p1["mesh://sales/invoices"]
    n0["v1/lines#35;a#34;#93;#10;#59;#37;#37; (not registered here)"]
  end
  n0 -.->|"assumed"| n1
  style n0 stroke-dasharray: 4"""
    )


def test_odd_names_end_no_label_of_a_graphviz_graph() -> None:
    assert (
        dot(ODD)
        == """\
digraph mesh {
  rankdir=LR;
  node [shape=box];
  subgraph cluster_0 {
    label="mesh://royalties/royalties";
    n1 [label="v1/monthly#b\\\\"];
  }
  subgraph cluster_1 {
    label="mesh://sales/invoices";
    n0 [label="v1/lines#a\\"]\\n;%% (not registered here)", style=dashed];
  }
  n0 -> n1 [style=dashed, label="assumed"];
}"""
    )


def test_products_are_drawn_without_boxes() -> None:
    known = graph(FACTS, "product")

    assert (
        mermaid(known)
        == """\
flowchart LR
  n0["mesh://board/report"]
  n1["mesh://catalogue/music (not registered here)"]
  n2["mesh://royalties/royalties"]
  n3["mesh://sales/invoices"]
  n1 -->|"declared"| n2
  n2 -->|"declared"| n0
  n3 --> n2
  style n1 stroke-dasharray: 4"""
    )
    assert (
        dot(known)
        == """\
digraph mesh {
  rankdir=LR;
  node [shape=box];
  n0 [label="mesh://board/report"];
  n1 [label="mesh://catalogue/music (not registered here)", style=dashed];
  n2 [label="mesh://royalties/royalties"];
  n3 [label="mesh://sales/invoices"];
  n1 -> n2 [label="declared"];
  n2 -> n0 [label="declared"];
  n3 -> n2;
}"""
    )
