import re
from itertools import combinations

from mesh_dagster.discover.graph import Graph, Link, Node
from mesh_dagster.share.layers import BOX_PX, HEAD_PX, Drawing, laid_out


def graph(*links: str) -> Graph:
    """Return a graph of links such as `a>b`."""
    pairs = [link.partition(">")[::2] for link in links]
    names = sorted({name for pair in pairs for name in pair})
    nodes = {name: Node(name, "product", registered=True) for name in names}
    return Graph(
        "product", nodes, tuple(Link(source, target, "recorded") for source, target in pairs)
    )


def places(drawn: Drawing) -> dict[str, tuple[float, float]]:
    return {box.node.name: (box.x, box.y) for box in drawn.boxes}


def columns(drawn: Drawing) -> list[str]:
    """Return the names from left to right, those of one layer together."""
    found: dict[float, str] = {}
    for name, (x, _) in sorted(places(drawn).items()):
        found[x] = found.get(x, "") + name
    return [found[x] for x in sorted(found)]


def test_what_something_is_made_from_stands_left_of_it() -> None:
    assert columns(laid_out(graph("a>c", "b>c", "c>d", "a>d"))) == ["ab", "c", "d"]


def test_what_is_made_from_nothing_stands_beside_what_is_first_made_from_it() -> None:
    assert columns(laid_out(graph("a>b", "b>c", "c>d", "z>d"))) == ["a", "b", "cz", "d"]


def test_a_circle_is_drawn_and_ends() -> None:
    drawn = laid_out(graph("a>b", "b>c", "c>a", "c>c"))

    assert len(drawn.boxes) == 3
    assert [curve.path == "" for curve in drawn.curves] == [False, False, False, True]


def test_an_arrow_ends_to_the_right_before_the_box_that_it_leads_to() -> None:
    drawn = laid_out(graph("a>b", "b>a", "b>c", "a>c"))

    at = places(drawn)
    for curve in drawn.curves:
        *_, bend, _, end, y = map(float, re.split("[MCH ]", curve.path)[1:])
        left, top = at[curve.link.target]
        assert (end, y) == (left - HEAD_PX, top + BOX_PX[1] / 2)
        assert bend < end


def test_boxes_overlap_nowhere_and_lie_within_the_drawing() -> None:
    links = [f"{a}>{b}" for a, b in combinations("abcdefgh", 2)]
    drawn = laid_out(graph(*links))

    width, height = BOX_PX
    for (ax, ay), (bx, by) in combinations(places(drawn).values(), 2):
        assert abs(ax - bx) >= width or abs(ay - by) >= height
    for x, y in places(drawn).values():
        assert 0 <= x <= drawn.width - width
        assert 0 <= y <= drawn.height - height


def test_a_link_that_passes_a_layer_goes_around_its_boxes() -> None:
    drawn = laid_out(graph("a>b", "b>c", "a>c"))

    at = places(drawn)
    (path,) = [one.path for one in drawn.curves if one.link[:2] == ("a", "c")]
    passing = float(path.split("C")[1].split(" ")[-1].partition("H")[0])
    assert not at["b"][1] <= passing <= at["b"][1] + BOX_PX[1]
    assert path.startswith("M")
    assert "H" in path


def test_links_between_two_layers_cross_as_little_as_they_can() -> None:
    drawn = laid_out(graph("a>z", "b>y", "c>x"))

    at = places(drawn)
    sources = sorted("abc", key=lambda name: at[name][1])
    targets = sorted("xyz", key=lambda name: at[name][1])
    assert [{"a": "z", "b": "y", "c": "x"}[name] for name in sources] == targets


def test_nothing_is_drawn_as_nothing() -> None:
    drawn = laid_out(Graph("product", {}, ()))

    assert (drawn.boxes, drawn.curves) == ((), ())
