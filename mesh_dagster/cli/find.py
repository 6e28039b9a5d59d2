"""Find products, and say how long it takes until they are published and used.

In:  words, or nothing; the registry.
Out: one line for each product.
"""

from datetime import datetime, timezone
from typing import TYPE_CHECKING

import click

from mesh_dagster.cli.output import as_json_option, columns, moment, span, write_json
from mesh_dagster.errors import NothingFoundError
from mesh_dagster.share.wording import to_publish, to_use

if TYPE_CHECKING:
    from mesh_dagster.discover.kpi import Kpi
    from mesh_dagster.discover.search import Found, Hit

_FOUND = ("PRODUCT", "OWNER", "PROMISES", "READS", "PURPOSE", "COLUMNS")
_LEAD_TIMES = ("PRODUCT", "DECLARED", "TO PUBLISH", "NEW READERS", "TO USE")
_LONGEST_PURPOSE = 60
_LIMIT = 20


@click.command()
@click.argument("words", nargs=-1, required=True)
@click.option(
    "--limit", type=click.IntRange(min=1, max=200), default=_LIMIT, show_default=True,
    help="The most products to list.",
)  # fmt: skip
@as_json_option
def find(*, words: tuple[str, ...], limit: int, as_json: bool) -> None:
    """Find products by name, purpose, columns, tags or owner.

    A product has to match all WORDS; the beginning of a word is enough. PROMISES are judged now,
    READS counts 28 days.
    """
    from mesh_dagster.cli.registry import open_registry, whereabouts
    from mesh_dagster.discover.search import search
    from mesh_dagster.run.consumers import declared_ports
    from mesh_dagster.run.count import who_reads
    from mesh_dagster.run.visits import visit

    text, now = " ".join(words), datetime.now(timezone.utc)
    with open_registry() as registry:
        found = search(registry, text, now, limit=limit)
        empty = not found.hits and not declared_ports(registry)
        visit(registry, who_reads(), "search", [hit.key for hit in found.hits], now)
    if as_json:
        write_json(found)
        return
    if not found.hits:
        raise NothingFoundError(text, whereabouts(), empty=empty)
    _note(found, text)
    header, lines = list(_FOUND), [_line(hit) for hit in found.hits]
    if any(hit.ending for hit in found.hits):
        header.append("STATE")
        lines = [(*line, hit.ending) for line, hit in zip(lines, found.hits, strict=True)]
    click.echo(columns(header, lines, right=(3,)))
    if found.more:
        click.echo(f"These are the best {limit}; there are more.", err=True)


@click.command()
@as_json_option
def kpi(*, as_json: bool) -> None:
    """Show how long products take to be published and to be used."""
    from mesh_dagster.cli.registry import nothing_registered, open_registry
    from mesh_dagster.discover.kpi import kpi as measure
    from mesh_dagster.discover.plain import plain

    with open_registry() as registry:
        found = measure(registry)
    if as_json:
        write_json(plain(found))
        return
    if not found.products:
        click.echo(nothing_registered(), err=True)
        return
    rows = [
        (
            one.key,
            moment(one.declared_at),
            to_publish(one.to_publish, one.published_at is not None),
            f"{one.new_readers:,}",
            to_use(one.to_use),
        )
        for one in found.products
    ]
    click.echo(columns(_LEAD_TIMES, rows, right=(2, 3, 4)))
    click.echo(_summary(found))


def _note(found: "Found", text: str) -> None:
    if found.meant:
        click.echo(
            f"No product matches '{text}'. Did you mean '{' '.join(found.meant)}'?", err=True
        )
    elif found.partial:
        click.echo(f"No product matches all of '{text}'; these match a part.", err=True)


def _line(hit: "Hit") -> tuple[str, ...]:
    short = len(hit.purpose) <= _LONGEST_PURPOSE
    return (
        f"{hit.key} v{hit.major}",
        hit.owner,
        hit.state or "not judged",
        f"{hit.reads:,}",
        " ".join((hit.purpose if short else f"{hit.purpose[:_LONGEST_PURPOSE]}...").split()),
        ", ".join(hit.columns),
    )


def _summary(found: "Kpi") -> str:
    published = f"{found.published:,} of {len(found.products):,} products are published"
    if found.to_publish is not None:
        published += f", {span(found.to_publish)} after they were declared (median)"
    if found.to_use is None:
        return f"{published}; no new reader yet."
    readers = f"{found.new_readers:,} new reader{'s' * (found.new_readers > 1)}"
    return f"{published}; {readers}, {span(found.to_use)} after they met the product (median)."
