"""Draw lineage for Mermaid and Graphviz.

In:  a `Graph`.
Out: the text of a diagram. Names are quoted, so that none of them can end a label or a line.
"""

from collections.abc import Iterator

from mesh_dagster.discover.graph import Graph, Link, Node, product_of


def mermaid(graph: Graph) -> str:
    """Write a Mermaid flowchart, products as boxes around their parts."""
    ids = _ids(graph)
    lines = ["flowchart LR"]
    for number, (product, nodes) in enumerate(_grouped(graph)):
        inside = [f'{ids[node.name]}["{_mermaid_text(_label(node))}"]' for node in nodes]
        if graph.level == "product":
            lines += [f"  {line}" for line in inside]
            continue
        title = _mermaid_text(product)
        lines += [f'  subgraph p{number}["{title}"]', *(f"    {line}" for line in inside), "  end"]
    for link in graph.links:
        arrow = "-.->" if link.kind == "row" else "-->"
        note = f'|"{_note(link)}"|' if _note(link) else ""
        lines.append(f"  {ids[link.source]} {arrow}{note} {ids[link.target]}")
    unknown = ",".join(ids[node.name] for node in graph.nodes.values() if not node.registered)
    lines += [f"  style {unknown} stroke-dasharray: 4"] if unknown else []
    return "\n".join(lines)


def dot(graph: Graph) -> str:
    """Write a Graphviz digraph, likewise."""
    ids = _ids(graph)
    lines = ["digraph mesh {", "  rankdir=LR;", "  node [shape=box];"]
    for number, (product, nodes) in enumerate(_grouped(graph)):
        inside = [f"{ids[node.name]} [{_dot_style(node)}];" for node in nodes]
        if graph.level == "product":
            lines += [f"  {line}" for line in inside]
            continue
        head = [f"  subgraph cluster_{number} {{", f"    label={_dot_text(product)};"]
        lines += [*head, *(f"    {line}" for line in inside), "  }"]
    for link in graph.links:
        style = [*(["style=dashed"] if link.kind == "row" else [])]
        style += [f"label={_dot_text(_note(link))}"] if _note(link) else []
        end = f" [{', '.join(style)}]" if style else ""
        lines.append(f"  {ids[link.source]} -> {ids[link.target]}{end};")
    return "\n".join([*lines, "}"])


def _ids(graph: Graph) -> dict[str, str]:
    return {name: f"n{number}" for number, name in enumerate(graph.nodes)}


def _grouped(graph: Graph) -> Iterator[tuple[str, list[Node]]]:
    products = {name: product_of(name) for name in graph.nodes}
    for product in sorted(set(products.values())):
        yield product, [node for name, node in graph.nodes.items() if products[name] == product]


def _label(node: Node) -> str:
    inside = node.name.removeprefix(f"{product_of(node.name)}/")
    inside = inside.removeprefix(f"{product_of(node.name).removeprefix('mesh://')}/")
    return f"{inside} ({node.remark})" if node.remark else inside


def _note(link: Link) -> str:
    if link.version is not None:
        return f"version {link.version}"
    return link.how if link.how in ("declared", "assumed") else ""


def _mermaid_text(text: str) -> str:
    """Write every character that means something as its code."""
    plain = (" ", "_", "/", ":", ".", "-", "(", ")")
    return "".join(sign if sign.isalnum() or sign in plain else f"#{ord(sign)};" for sign in text)


def _dot_text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _dot_style(node: Node) -> str:
    label = f"label={_dot_text(_label(node))}"
    return label if node.registered else f"{label}, style=dashed"
