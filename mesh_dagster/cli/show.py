"""Show everything that is known of one port; `show_product.py` shows the address of a product.

In:  an address, the registry.
Out: owner, purpose, contract, promises and how they stand, publications, refusals, lineage, and
how to read it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import click

from mesh_dagster.cli.output import (
    as_json_option,
    console,
    grid,
    moment,
    print_all,
    span,
    write_json,
)
from mesh_dagster.declare.address import Address
from mesh_dagster.declare.lifecycle import ending_text, state_of, state_text
from mesh_dagster.share.wording import column_type, standing

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

    from mesh_dagster.discover.entries import ColumnEntry, Consumer, ContractEntry, SampleEntry
    from mesh_dagster.observe.status import SloStatus
    from mesh_dagster.run.portrait import Declaration, Portrait


@click.command()
@click.argument("address")
@as_json_option
def show(*, address: str, as_json: bool) -> None:
    """Show what is known of the port, or of the product, at ADDRESS."""
    from mesh_dagster.cli.registry import open_registry
    from mesh_dagster.cli.show_product import product_named, show_product
    from mesh_dagster.cli.slo import plain
    from mesh_dagster.discover.consumers import consumers
    from mesh_dagster.observe.judgement import statuses
    from mesh_dagster.run.count import who_reads
    from mesh_dagster.run.portrait import portrait
    from mesh_dagster.run.visits import visit

    if named := product_named(address):
        show_product(*named, as_json=as_json)
        return
    parsed, now = Address.parse(address), datetime.now(timezone.utc)
    with open_registry() as registry:
        known = _without_values(portrait(registry, parsed))
        visit(registry, who_reads(), "view", [parsed.key], now)
        judged = statuses(registry, now, only=[str(parsed)])
        around = _Around(consumers(registry, [str(parsed)]), _sample(known), judged)
    if as_json:
        write_json({**vars(known), **vars(around), "promises": [*map(plain, judged)]})
        return
    _print(console(), parsed, known, around, now)


@dataclass(frozen=True)
class _Around:
    """What is known of a port beside what its registration says."""

    consumers: Sequence["Consumer"]
    sample: "SampleEntry | None"
    promises: Sequence["SloStatus"]
    """How each stands now."""


def _without_values(known: "Portrait") -> "Portrait":
    from mesh_dagster.discover.contracts import contract_entry, without_values

    if not known.declaration:
        return known
    contract = contract_entry(known.declaration["contract"])
    return replace(known, publications=[without_values(contract, p) for p in known.publications])


def _sample(known: "Portrait") -> "SampleEntry | None":
    if not known.declaration or not known.publications:
        return None
    from mesh_dagster.discover.contracts import contract_entry
    from mesh_dagster.discover.samples import sample_entry
    from mesh_dagster.run.store import Store

    contract = contract_entry(known.declaration["contract"])
    return sample_entry(Store.at(), contract, known.publications[0])


def _print(
    screen: "Console", address: Address, known: "Portrait", around: _Around, now: datetime
) -> None:
    from mesh_dagster.cli.consumers import consumers_table, sample_table
    from mesh_dagster.discover.contracts import contract_entry

    print_all(screen, _title(str(address)), *([known.description] if known.description else []), "")
    print_all(screen, _pairs(_about(known, around.promises, now)))
    if known.declaration:
        contract = contract_entry(known.declaration["contract"])
        _section(screen, f"Contract {contract.name}", _contract(contract), *contract.rules)
    if known.relied_on:
        _section(screen, "Relied on", _relied_on(known))
    if known.publications:
        _section(screen, "Last publications", _publications(known, now))
    if known.refusals:
        _section(screen, "Last refusals", _refusals(known, now))
    if around.consumers:
        _section(screen, "Consumers", consumers_table(around.consumers, now))
    if around.sample:
        title = f"Sample of version {around.sample.version}"
        _section(screen, title, sample_table(around.sample))
    _section(screen, "Read it", _pairs(_ways_to_read(address)))


def _section(screen: "Console", title: str, *content: "RenderableType") -> None:
    print_all(screen, "", _title(title), *content)


def _title(text: str) -> "Text":
    from rich.text import Text

    return Text(text, "bold")


def _pairs(pairs: list[tuple[str, str]]) -> "Table":
    from rich.table import Table

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs:
        table.add_row(name, value)
    return table


def _about(
    known: "Portrait", promises: Sequence["SloStatus"], now: datetime
) -> list[tuple[str, str]]:
    status = known.status
    age = f", {span(now - status.published_at)} ago" if status.published_at else ""
    rows = f"version {status.version}{age}, {status.rows:,} rows" if status.rows is not None else ""
    pairs = [
        ("state", _state(known)),
        ("purpose", status.purpose or ""),
        ("product", f"{known.status.product_version or 'not declared in this registry'}"),
        ("owner", status.owner or ""),
        ("alignment", status.alignment or ""),
        ("current", rows or "never published"),
        ("failed", "\n".join(_failures(known, now))),
        ("data until", moment(status.data_time)),
        ("promises", "; ".join(_promises(known)) if known.declaration else ""),
        *((one.objective, standing(one, now)) for one in promises),
        ("partitions", _partitions(known.declaration) if known.declaration else ""),
        ("made from", "\n".join(_inputs(known))),
        ("read by", ", ".join(known.read_by)),
    ]
    return [(name, value) for name, value in pairs if value]


def _failures(known: "Portrait", now: datetime) -> Iterator[str]:
    """Say what crashed since the last publication, the newest first."""
    for one in known.failures:
        of = f"{one.slice}: " if one.slice else ""
        yield f"{of}{one.error} {span(now - one.failed_at)} ago, in run {one.run_id} of Dagster"


def _state(known: "Portrait") -> str:
    """Say where the port stands in its life, unless it is active."""
    if known.retired:
        ended = known.retired
        instead = f"; read {ended.successor} instead" if ended.successor else ""
        return f"retired since {moment(ended.retired_at)}{instead}"
    state = state_of(known.declaration.get("state") if known.declaration else None)
    return "" if state == "active" else state_text(state)


def _promises(known: "Portrait") -> Iterator[str]:
    if known.withdrawn_at:
        yield f"none: no code location declares it since {moment(known.withdrawn_at)}"
    elif known.declaration:
        yield from _promised(known.declaration)


def _promised(declaration: "Declaration") -> Iterator[str]:
    freshness, quality = declaration["freshness"], declaration["quality"]
    if freshness:
        what = f"newest '{freshness['by']}'" if freshness["by"] else "newest publication"
        within = span(timedelta(seconds=freshness["within_seconds"]))
        yield f"{what} at most {within} old, {freshness['target'] * 100:.4g} % of the time"
    if quality["otherwise"] == "quarantine":
        share = f"{quality['valid_rows'] * 100:.4g} %"
        yield f"at least {share} valid rows, the others in quarantine"
    else:
        yield "every row valid, or the batch is refused"
    if declaration["honours"] == "refuse":
        yield "what consumers rely on is kept, or the batch is refused"
    if declaration["cadence"]:
        yield f"built at '{declaration['cadence']}' (cron, UTC)"


def _partitions(declaration: "Declaration") -> str:
    if not declaration["partitioned"]:
        return ""
    columns = [
        f"{dimension} by '{column}'".strip()
        for dimension, column in declaration["partition_columns"].items()
    ]
    return ", ".join(columns) or "yes"


def _inputs(known: "Portrait") -> Iterator[str]:
    for address, version in known.made_from.items():
        told = "" if version is None else f", version {version}"
        state = known.deprecated_inputs.get(address)
        yield f"{address}{told}; {ending_text(state)}" if state else f"{address}{told}"


def _contract(contract: "ContractEntry") -> "Table":
    table = grid("column", "type", "null", "rules", "description")
    for column in contract.columns:
        table.add_row(
            column.name,
            column_type(column.type or "any"),
            "yes" if column.nullable else "no",
            "; ".join([*column.rules, *(["unique"] if column.unique else [])]),
            "; ".join(_meaning(column)),
        )
    return table


def _meaning(column: "ColumnEntry") -> Iterator[str]:
    if column.description:
        yield " ".join(column.description.split())
    for name in ("unit", "entity", "sensitivity", "example"):
        value = getattr(column, name)
        if value is not None:
            yield f"{name} {value}"


def _relied_on(known: "Portrait") -> "Table":
    table = grid("consumer", "column", "relies on")
    for stated in known.relied_on:
        for column, demands in stated["columns"].items():
            table.add_row(stated["consumer"], column, column_type("; ".join(demands)))
        for rule in stated["rules"]:
            table.add_row(stated["consumer"], "", rule)
    return table


def _publications(known: "Portrait", now: datetime) -> "Table":
    right = ("version", "rows", "of port", "rejected")
    table = grid("version", "time", "slice", "rows", "of port", "rejected", "run", right=right)
    for made in known.publications:
        table.add_row(
            str(made.version),
            f"{moment(made.published_at)}, {span(now - made.published_at)} ago",
            made.slice or "whole",
            f"{made.rows:,}",
            f"{made.port_rows:,}",
            f"{made.rejected_rows:,}",
            (made.run_id or "")[:8],
        )
    return table


def _refusals(known: "Portrait", now: datetime) -> "Table":
    table = grid("time", "slice", "rows", "broken rules", "run", right=("rows",))
    for refusal in known.refusals:
        table.add_row(
            f"{moment(refusal.refused_at)}, {span(now - refusal.refused_at)} ago",
            refusal.slice or "whole",
            f"{refusal.rows:,}",
            "; ".join(_broken(rule, rows) for rule, rows in refusal.broken.items()),
            (refusal.run_id or "")[:8],
        )
    return table


def _broken(rule: str, rows: int | None) -> str:
    return rule if rows is None else f"{rule} on {rows:,}"


def _ways_to_read(address: Address) -> list[tuple[str, str]]:
    view = f"{address.domain}.{address.product}_v{address.major}_{address.port}"
    return [
        ("Python", f'md.read("{address}")'),
        ("SQL", f'mesh sql "SELECT * FROM {view}"'),  # noqa: S608 - shown, not run
        ("command", f"mesh read {address}"),
    ]
