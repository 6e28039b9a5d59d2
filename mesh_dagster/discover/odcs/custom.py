"""Write and read custom properties: what ODCS and ODPS have no field for.

In:  names with JSON values; or a node of a document.
Out: the other of the two.
"""

from collections.abc import Mapping

from mesh_dagster.discover.documents import Json


def custom_fields(values: Mapping[str, Json]) -> dict[str, Json]:
    """Return the field with these custom properties, if there are any."""
    written = [{"property": name, "value": value} for name, value in values.items()]
    return {"customProperties": written} if written else {}


def customs_of(node: Json) -> dict[str, Json]:
    """Return the custom properties of a node by name."""
    return {one["property"]: one["value"] for one in node.get("customProperties") or ()}


def merged(ours: Json, theirs: Json) -> dict[str, Json]:
    """Return both nodes in one: fields and custom properties of ours win, others stay.

    What stood there keeps its order, and a custom property its own description.
    """
    whole = {**theirs, **ours}
    if "customProperties" in ours and theirs.get("customProperties"):
        values = customs_of(ours)
        kept = [
            {**one, "value": values.pop(one["property"], one["value"])}
            for one in theirs["customProperties"]
        ]
        whole["customProperties"] = [*kept, *custom_fields(values).get("customProperties", [])]
    return whole
