"""Keep store and registry in order.

In:  the store, the registry.
Out: what was freed, or rebuilt.
"""

from contextlib import closing
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import click

from mesh_dagster.cli.output import as_json_option, columns, write_json

if TYPE_CHECKING:
    from mesh_dagster.declare.address import Address
    from mesh_dagster.run.registry import Registry

_UNDECLARED = timedelta(days=30)
"""The retention of a port whose product is not in the registry, as `DataProduct` has it."""
_KILO = 1024


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@as_json_option
def vacuum(*, dry_run: bool, as_json: bool) -> None:
    """Delete files that no reader needs any more.

    They are those of failed publications, and versions older than their product's retention.
    The current version, and every version within the retention, stays readable. Rejected rows are
    deleted once they are older than their port's quarantine retention. Alerts that have
    been over for 400 days are forgotten, and who read what before that.
    """
    from mesh_dagster.cli.registry import open_registry
    from mesh_dagster.observe.prune import RETENTION, Pruned, prune
    from mesh_dagster.run.store import Store
    from mesh_dagster.run.vacuum import vacuum as free

    store, now = Store.at(), datetime.now(timezone.utc)
    with open_registry(store) as registry:
        spans, aside = _retention(registry), _quarantine_retention(registry)
        forgotten = prune(registry, now, dry_run=dry_run)
        if not dry_run:
            _forget_reads(registry, now - RETENTION)

    def kept(address: "Address") -> timedelta:
        return spans.get((address.key, address.major), _UNDECLARED)

    found = free(
        store,
        kept,
        now,
        quarantine=lambda address: aside.get(str(address)) or kept(address),
        dry_run=dry_run,
    )
    if as_json:
        write_json({"files": [asdict(one) for one in found], "alerts": asdict(forgotten)})
        return
    if found:
        header = ("PLACE", "ORPHANS", "EXPIRED", "SIZE")
        rows = [(f.place, f"{f.orphans:,}", f"{f.expired:,}", _size(f.bytes)) for f in found]
        click.echo(columns(header, rows, right=(1, 2, 3)))
    count = sum(one.orphans + one.expired for one in found)
    done = "would be deleted" if dry_run else "deleted"
    click.echo(f"{count:,} files of {_size(sum(one.bytes for one in found))} {done}.")
    if forgotten != Pruned():
        over = f"{forgotten.breaches:,} breaches and {forgotten.notices:,} notices"
        click.echo(f"{over} that are long over {done}.")


@click.command()
@as_json_option
def reindex(*, as_json: bool) -> None:
    """Rebuild the registry's publications from the store.

    The logs of the store are the truth. Products stay as they are declared: each run writes them
    anew.
    """
    from mesh_dagster.run.registry import Registry
    from mesh_dagster.run.reindex import reindex as rebuild
    from mesh_dagster.run.store import Store

    store = Store.at()
    with closing(Registry(store.registry_url)) as registry:
        found = rebuild(store, registry, datetime.now(timezone.utc))
    if as_json:
        write_json(found)
        return
    if found:
        header = ("ADDRESS", "PUBLICATIONS", "DROPPED")
        rows = [(f.address, f"{f.publications:,}", f"{f.dropped:,}") for f in found]
        click.echo(columns(header, rows, right=(1, 2)))
    count = sum(one.publications for one in found)
    click.echo(f"{count:,} publications of {len(found):,} ports are registered.")


def _forget_reads(registry: "Registry", before: datetime) -> None:
    from mesh_dagster.run import reads, visits

    reads.prune(registry, before)
    visits.prune(registry, before)


def _retention(registry: "Registry") -> dict[tuple[str, int], timedelta]:
    return {
        (row["key"], row["major"]): timedelta(seconds=row["declaration"]["retention_seconds"])
        for row in registry.products()
    }


def _quarantine_retention(registry: "Registry") -> dict[str, timedelta | None]:
    from mesh_dagster.run.promises import quality_of

    return {
        row["address"]: quality_of(row["declaration"]["quality"]).quarantine_retention
        for row in registry.ports()
    }


def _size(count: float) -> str:
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count < _KILO:
            return f"{count:,.0f} {unit}" if unit == "bytes" else f"{count:,.1f} {unit}"
        count /= _KILO
    return f"{count:,.1f} TiB"
