"""Write pages from templates; every value is escaped.

In:  the name of a template, plain values.
Out: HTML.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from mesh_dagster.declare.lifecycle import ending_text
from mesh_dagster.discover.graph import Link
from mesh_dagster.share.wording import (
    asked,
    budget,
    cell_text,
    column_type,
    moment,
    notes,
    share,
    silence,
    size,
    span,
    to_publish,
    to_use,
)

_OF_PRODUCT = len(("domain", "product"))
_NUMERIC = ("Int", "UInt", "Float", "Decimal")
"""How the types of numbers begin."""
SIGNS: Mapping[str, str] = {
    "ok": "✓",
    "warn": "!",
    "breached": "✕",
    "no_data": "∅",
    "paused": "‖",
    "not_judged": "?",
}
"""A state is told by its word and its sign, never by its colour alone."""
LINK_STYLES: Mapping[str, str] = {
    "recorded": "recorded by a publication, or derived from the code",
    "declared": "declared by its team",
    "assumed": "assumed, since the names are equal",
    "row": "only chooses rows",
}
"""How the links of lineage are drawn, with what each style means."""
_ADDRESS = re.compile(r"mesh://[a-z0-9_/]+")


def html(template: str, **given: Any) -> bytes:
    """Fill a template; half a surrogate pair, which UTF-8 cannot write, becomes a question mark."""
    return _environment().get_template(template).render(**given).encode(errors="replace")


def product_path(key: str, major: int) -> str:
    """Return the path of a product's page."""
    return f"/products/{quote(key)}/v{major}"


def address_path(address: str) -> str:
    """Return the path of the page that shows a port, a product or one of its columns."""
    home, _, _ = address.removeprefix("mesh://").partition("#")
    parts = home.split("/")
    if len(parts) <= _OF_PRODUCT:
        return "/lineage?" + urlencode({"address": address, "level": "product"})
    return f"/products/{'/'.join(map(quote, parts[:3]))}#{quote(parts[3])}"


def lineage_path(name: str, level: str) -> str:
    """Return the path of the page that shows the lineage of something."""
    return "/lineage?" + urlencode({"address": name, "level": level})


def label_of(name: str) -> tuple[str, str]:
    """Return how a node of lineage is called, and where it stands."""
    home, _, column = name.removeprefix("mesh://").partition("#")
    parts = home.split("/")
    if column:
        return column, " ".join(parts[:2]) + " · " + parts[-1]
    return parts[-1], "/".join(parts[:-2]) + f" {parts[-2]}" if len(parts) > _OF_PRODUCT else parts[
        0
    ]


def link_style(link: Link) -> str:
    """Return the style in which a link is drawn."""
    if link.kind == "row":
        return "row"
    return link.how if link.how in LINK_STYLES else "recorded"


def linked(text: str) -> Markup:
    """Escape a text, and lead from each address in it to its page."""
    # An address holds nothing that is escaped, and what stands around it is.
    return Markup(_ADDRESS.sub(_link, str(escape(text))))  # noqa: S704 - see above


def _link(found: re.Match[str]) -> str:
    return f'<a class="address" href="{address_path(found[0])}">{found[0]}</a>'


def ago(time: datetime | None, now: datetime) -> str:
    """Say how long ago something happened."""
    return f"{span(now - time)} ago" if time else "never"


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("mesh_dagster", "share/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        span=span,
        moment=moment,
        notes=notes,
        asked=asked,
        share=share,
        size=size,
        budget=budget,
        cell_text=cell_text,
        to_publish=to_publish,
        to_use=to_use,
        path=address_path,
        zip=zip,
        link_style=link_style,
        linked=linked,
        ending=ending_text,
        column_type=column_type,
    )
    made.tests["numeric"] = lambda name: bool(name) and name.startswith(_NUMERIC)
    made.globals.update(
        signs=SIGNS,
        link_styles=LINK_STYLES,
        label_of=label_of,
        product_path=product_path,
        lineage_path=lineage_path,
        ago=ago,
        silence=silence,
    )
    return made
