import json
import subprocess
import sys
from contextlib import closing
from datetime import datetime, timezone

import pytest

from mesh_dagster.run.edges import Edge, Lineage
from mesh_dagster.run.registry import Publication, Registry
from mesh_dagster.run.store import Store
from tests.cli.scenario import ENDING, ORDERS, TOTALS, declare, deprecate, mesh

ARTISTS = "mesh://crm/artists/v1/names"
RAW = "sales/orders/internal/raw"
AT = datetime(2026, 11, 1, tzinfo=timezone.utc)


def record(address: str, version: int, lineage: Lineage, **inputs: int) -> None:
    """Write a publication into the registry alone, which is all that the command reads."""
    made = Publication(
        address, version, f"{address}{version}", AT, "1.0.0", "c", "v", "", 1, 1,
        inputs={ORDERS if name == "orders" else ARTISTS: read for name, read in inputs.items()},
        lineage=lineage.record(),
    )  # fmt: skip
    with closing(Registry(Store.at().registry_url)) as registry:
        registry.record(made)


@pytest.fixture
def told() -> None:
    declare()
    price = Lineage(
        {
            "order": (Edge(RAW, "id", "derived", "value"),),
            "artist": (Edge(RAW, "who", "declared", "value"),),
            "amount": (Edge(RAW, "id", "derived", "row"), Edge(RAW, "price", "derived", "value")),
        },
        {RAW: Lineage({"id": (), "who": (), "price": ()})},
    )
    record(ORDERS, 5, price)
    total = Lineage(
        {
            "amount": (
                Edge(ARTISTS, "name", "assumed", "row"),
                Edge(ORDERS, "amount", "derived", "value"),
                Edge(ORDERS, "artist", "derived", "row"),
                Edge(ORDERS, "order", "derived", "row"),
            )
        }
    )
    record(TOTALS, 1, total, orders=4, artists=7)


def shown(*arguments: str) -> str:
    result = mesh("lineage", *arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


@pytest.mark.usefixtures("told")
def test_a_port_is_shown_between_what_it_reads_and_what_reads_it() -> None:
    assert (
        shown(TOTALS)
        == """\
mesh://report/totals/v1/daily
made from
  ├─ mesh://crm/artists/v1/names (not registered here)  version 7
  └─ mesh://sales/orders/v1/lines                       version 4, newest 5
used by
  nothing that is registered here
"""
    )


@pytest.mark.usefixtures("told")
def test_what_is_made_from_a_deprecated_port_says_so() -> None:
    deprecate()

    assert f"─ {ORDERS}                       version 4, newest 5; {ENDING}\n" in shown(TOTALS)
    assert shown(ORDERS).startswith(f"{ORDERS}  {ENDING}\nmade from\n")
    assert f"rows by {ORDERS}: artist, order  derived; {ENDING}\n" in shown(f"{TOTALS}#amount")
    assert f" {ORDERS}, version 4; {ENDING}\n" in mesh("show", TOTALS).stdout


@pytest.mark.usefixtures("told")
def test_a_column_is_shown_with_how_each_edge_is_known_and_what_chooses_its_rows() -> None:
    assert (
        shown(f"{TOTALS}#amount", "--up")
        == """\
mesh://report/totals/v1/daily#amount
made from
  ├─ mesh://sales/orders/v1/lines#amount                  derived
  │  ├─ sales/orders/internal/raw#price                   derived
  │  └─ rows by sales/orders/internal/raw: id             derived
  ├─ rows by mesh://crm/artists/v1/names: name            assumed
  └─ rows by mesh://sales/orders/v1/lines: artist, order  derived
"""
    )


@pytest.mark.usefixtures("told")
def test_a_column_that_went_is_marked_and_offered_to_nobody() -> None:
    record(ORDERS, 6, Lineage({"order": (), "artist": ()}))

    offered = mesh("lineage", f"{ORDERS}#amont").stderr

    made_from = shown(f"{TOTALS}#amount", "--up")
    assert f"─ {ORDERS}#amount                  derived; removed\n" in made_from
    assert "Known: 'artist', 'order'." in offered


@pytest.mark.usefixtures("told")
def test_every_column_of_a_port_is_shown_on_demand() -> None:
    assert (
        shown(ORDERS, "--level", "column", "--down")
        == """\
mesh://sales/orders/v1/lines#amount
used by
  └─ mesh://report/totals/v1/daily#amount  derived

mesh://sales/orders/v1/lines#artist
used by
  └─ rows of mesh://report/totals/v1/daily: amount  derived

mesh://sales/orders/v1/lines#order
used by
  └─ rows of mesh://report/totals/v1/daily: amount  derived
"""
    )


@pytest.mark.usefixtures("told")
def test_depth_cuts_and_products_have_a_level_of_their_own() -> None:
    assert (
        shown("mesh://report/totals", "--up", "--depth", "1")
        == """\
mesh://report/totals
made from
  ├─ mesh://crm/artists (not registered here)  recorded
  └─ mesh://sales/orders                       recorded
"""
    )


@pytest.mark.usefixtures("told")
def test_the_same_part_is_written_as_json_and_as_diagrams() -> None:
    known = json.loads(shown(TOTALS, "--json"))

    assert known["roots"] == [TOTALS]
    assert [node["name"] for node in known["nodes"]] == [ARTISTS, TOTALS, ORDERS]
    assert known["links"][1] == {
        "source": ORDERS,
        "target": TOTALS,
        "how": "recorded",
        "kind": "value",
        "version": 4,
    }
    assert shown(TOTALS, "--format", "json") == shown(TOTALS, "--json")
    assert shown(TOTALS, "--format", "mermaid").startswith("flowchart LR\n")
    assert shown(TOTALS, "--format", "dot").startswith("digraph mesh {\n")


@pytest.mark.usefixtures("told")
def test_openlineage_gets_a_line_for_each_port_with_a_publication() -> None:
    events = [json.loads(line) for line in shown(TOTALS, "--format", "openlineage").splitlines()]

    assert [(event["eventType"], event["job"]["name"]) for event in events] == [
        ("COMPLETE", "totals/v1/daily"),
        ("COMPLETE", "orders/v1/lines"),
    ]
    assert [one["name"] for one in events[0]["inputs"]] == ["artists/v1/names", "orders/v1/lines"]
    assert events[1]["outputs"][0]["facets"]["ownership"]["owners"] == [{"name": "team:sales"}]


@pytest.mark.usefixtures("told")
def test_openlineage_needs_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mesh_dagster.discover.openlineage", None)

    result = mesh("lineage", TOTALS, "--format", "openlineage")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "'--format openlineage' needs the extra 'openlineage', which is not installed. "
        "Install mesh-dagster[openlineage]. Nothing was written.\n"
    )


@pytest.mark.usefixtures("told")
def test_what_stands_in_two_places_is_shown_whole_once() -> None:
    again = Edge(ORDERS, "amount", "derived", "value")
    both = (again, Edge(ARTISTS, "name", "derived", "value"))
    record(TOTALS, 2, Lineage({"amount": both}), orders=5, artists=1)
    record(ARTISTS, 1, Lineage({"name": (again,)}), orders=5)

    assert (
        shown(f"{TOTALS}#amount", "--up")
        == """\
mesh://report/totals/v1/daily#amount
made from
  ├─ mesh://crm/artists/v1/names#name             derived
  │  └─ mesh://sales/orders/v1/lines#amount       derived
  │     ├─ sales/orders/internal/raw#price        derived
  │     └─ rows by sales/orders/internal/raw: id  derived
  └─ mesh://sales/orders/v1/lines#amount          derived, as above
"""
    )


@pytest.mark.parametrize(
    ("address", "message"),
    [
        (
            "mesh://report/totals/v1/dayly",
            (
                "'mesh://report/totals/v1/dayly' has never been published here. "
                "Did you mean 'mesh://report/totals/v1/daily'? Check the address and MESH_ROOT, "
                "or run its product. Nothing was read."
            ),
        ),
        (
            f"{TOTALS}#amont",
            (
                f"The newest publication of '{TOTALS}' has no column 'amont'. Did you mean "
                "'amount'? Name one of its columns."
            ),
        ),
    ],
)
@pytest.mark.usefixtures("told")
def test_what_is_not_known_is_refused(address: str, message: str) -> None:
    result = mesh("lineage", address)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"{message}\n"


def test_looking_needs_no_dagster() -> None:
    declare()
    code = (
        "import sys; from mesh_dagster.cli.main import main; "
        f"main(['lineage', '{TOTALS}'], standalone_mode=False); sys.exit('dagster' in sys.modules)"
    )

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)

    assert (result.returncode, result.stderr) == (0, b"")
