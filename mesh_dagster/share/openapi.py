"""Describe the interface for programs.

Out: an OpenAPI 3.1 document.

Source:
    OpenAPI Specification 3.1.
"""

from typing import Any

from mesh_dagster import __version__

Json = dict[str, Any]  # Any: JSON
_PART = r"[a-z][a-z0-9]*(_[a-z0-9]+)*_?"
_MAJOR = r"v(0|[1-9][0-9]{0,5})"
_TRACED = rf"^mesh://{_PART}/{_PART}(/{_MAJOR}/{_PART}(#[!-~]{{1,200}})?)?$"
"""A product, a port or one of its columns."""
_DEPRECATED: Json = {"$ref": "#/components/schemas/Deprecated"}
_BY_ADDRESS: Json = {"type": "object", "additionalProperties": _DEPRECATED}
"""The deprecated ones among the ports of something."""


def document() -> Json:
    """Return the document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "mesh_dagster catalogue",
            "version": __version__,
            "description": "Data products, their ports, promises and lineage. Nothing is changed.",
        },
        "paths": {**_product_paths(), **_other_paths()},
        "components": {"schemas": {"Problem": _problem(), "Deprecated": _deprecated()}},
    }


def _product_paths() -> Json:
    return {
        "/api/v1/dataproducts": _get(
            "List products.",
            _page(_object("key", "major", "addresses", "state", deprecated=_BY_ADDRESS)),
            _query("domain", _text(63)),
            *_paging(),
        ),
        "/api/v1/dataproducts/{guid}": _get(
            "Show a product.",
            _object(
                *("dataProductGUID", "createDate", "owner", "displayname", "description"),
                ports=_list(_port()),
                reads_from=_list(_object("name", "address", deprecated=_perhaps(_DEPRECATED))),
            ),
            _path("guid", {"type": "string", "format": "uuid"}),
            _query("major", _whole(0, 999_999)),
        ),
        "/api/v1/search": _get(
            "Find products.",
            _object(
                *("words", "meant", "partial", "more"),
                hits=_list(_object("key", "major", "addresses", "state", deprecated=_BY_ADDRESS)),
            ),
            _query("q", _text(500)),
            _query("limit", _whole(1, 500)),
        ),
        "/api/v1/ports/{domain}/{product}/{version}/{port}": _get(
            "Show a port.",
            _port(),
            *(_path(name, _named(f"^{_PART}$", 63)) for name in ("domain", "product")),
            _path("version", _named(f"^{_MAJOR}$")),
            _path("port", _named(f"^{_PART}$", 63)),
        ),
    }


def _other_paths() -> Json:
    return {
        "/api/v1/lineage": _get(
            "Show what is made from what.",
            _object(
                *("roots", "level", "links"),
                nodes=_list(_object("name", "kind", "registered", deprecated=_BY_ADDRESS)),
            ),
            {**_query("address", _named(_TRACED)), "required": True},
            _query("direction", {"type": "string", "enum": ["both", "up", "down"]}),
            _query("level", {"type": "string", "enum": ["product", "port", "asset", "column"]}),
            _query("depth", _whole(0, 100)),
        ),
        "/api/v1/slo": _get(
            "Show how promises stand.",
            _page(_object("address", "objective", "state")),
            _query("address", _text(500)),
            *_paging(),
        ),
        "/api/v1/kpi": _get("Show lead times.", _object("products", "published")),
        "/api/v1/openapi.json": _get("Describe this interface.", _object("openapi", "paths")),
    }


def _get(summary: str, schema: Json, *parameters: Json) -> Json:
    refused = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    problems = {
        "400": "The question cannot be understood.",
        "401": "Nobody said who asks.",
        "404": "There is no such thing.",
        "503": "The registry cannot be reached.",
    }
    return {
        "get": {
            "summary": summary,
            "parameters": list(parameters),
            "responses": {
                "200": {"description": "It.", "content": {"application/json": {"schema": schema}}},
                "304": {"description": "Nothing has changed; ages went on with the clock."},
                **{
                    status: {"description": about, "content": refused}
                    for status, about in problems.items()
                },
            },
        }
    }


def _object(*required: str, **properties: Json) -> Json:
    """Describe an object that has all of these, some of them described further."""
    described = {"properties": properties} if properties else {}
    return {"type": "object", "required": [*required, *properties], **described}


def _list(item: Json) -> Json:
    return {"type": "array", "items": item}


def _perhaps(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}]}


def _page(item: Json) -> Json:
    total, following = {"type": "integer", "minimum": 0}, {"type": ["string", "null"]}
    return _object(items=_list(item), total=total, next=following)


def _port() -> Json:
    known = ("address", "state", "contract", "promises", "publications", "reading")
    return _object(*known, deprecated=_perhaps(_DEPRECATED))


def _paging() -> tuple[Json, Json]:
    return _query("limit", _whole(1, 500)), _query("offset", _whole(0, 999_999_999))


def _query(name: str, schema: Json) -> Json:
    return {"name": name, "in": "query", "schema": schema}


def _path(name: str, schema: Json) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _text(longest: int) -> Json:
    return {"type": "string", "maxLength": longest}


def _named(pattern: str, longest: int = 500) -> Json:
    return {**_text(longest), "pattern": pattern}


def _whole(least: int, most: int) -> Json:
    return {"type": "integer", "minimum": least, "maximum": most}


def _problem() -> Json:
    text = {"type": "string"}
    return _object(type=text, title=text, status={"type": "integer"}, detail=text)


def _deprecated() -> Json:
    """Describe since when readers are told, the last day of the promise, and what to read then."""
    day = {"type": "string", "format": "date"}
    return _object(since=day, until=day, successor={"type": ["string", "null"]})
