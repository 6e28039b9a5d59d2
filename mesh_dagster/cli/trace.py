"""Show what a publication was made from, down to the sources.

In:  an address, with a version or a time if wanted.
Out: a tree of publications. Internals do not show: what they were made from is recorded with the
ports behind them.
"""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from mesh_dagster.cli.output import as_json_option, console, moment, print_all, write_json
from mesh_dagster.declare.address import Reference

if TYPE_CHECKING:
    from rich.tree import Tree

    from mesh_dagster.run.trace import Part, Trace, Version

_SHOWN_SLICES = 3
_HEX = 8


@click.command()
@click.argument("address")
@as_json_option
def trace(*, address: str, as_json: bool) -> None:
    """Show what publications one was made from, down to the sources.

    ADDRESS takes ?version=12 or ?as_of=2026-11-01T00:00:00Z; the newest publication by default. A
    version of a port with partitions consists of the newest publication of each partition.
    """
    from mesh_dagster.cli.registry import open_registry
    from mesh_dagster.run.store import Store
    from mesh_dagster.run.trace import trace as followed

    store = Store.at()
    with open_registry(store) as registry:
        found = followed(Reference.parse(address), registry, store)
    if as_json:
        write_json(_plain(found))
        return
    print_all(console(), _tree(found))


def _tree(found: "Trace") -> "Tree":
    from rich.text import Text
    from rich.tree import Tree

    shown: set[Version] = set()
    root = Tree("", hide_root=True)
    pending = [(root, found.root)]
    while pending:
        above, version = pending.pop()
        title = Text(f"{version[0]} version {version[1]}", "bold")
        parts = found.versions[version].parts
        if version in shown or not parts:
            why = "made as above" if parts else "known to neither the registry nor the store"
            above.add(title.append(f"\n{why}", "not bold"))
            continue
        shown.add(version)
        only = len(parts) == 1
        branch = above if only else above.add(title)
        below = []
        for part in parts:
            about = Text("\n".join(_about(part)), "not bold")
            node = branch.add(Text("\n").join([title, about]) if only else about)
            below += [(node, read) for read in sorted(part.inputs.items())]
        pending += reversed(below)
    return root


def _about(part: "Part") -> Iterator[str]:
    newest = part.publications[-1]
    if len(part.slices) > 1:
        names = sorted(part.slices)
        shown = ", ".join(names) if len(names) <= _SHOWN_SLICES else f"{names[0]} to {names[-1]}"
        yield f"{len(names):,} partitions: {shown}"
    elif newest.slice:
        yield f"partition {newest.slice}"
    first = part.publications[0].published_at
    since = f"{moment(first)} to " if first != newest.published_at else ""
    yield f"{part.rows:,} rows, published {since}{moment(newest.published_at)}"
    runs = sorted({(one.run_id or "")[:_HEX] for one in part.publications} - {""})
    known = {
        "contract": newest.contract_version,
        "code": newest.code_version,
        "revision": newest.revision,
        "run": " and ".join(runs) if len(runs) <= _SHOWN_SLICES else "",
    }
    more = [] if known["run"] or not runs else [f"{len(runs):,} runs"]
    yield ", ".join([*(f"{name} {value}" for name, value in known.items() if value), *more])


def _plain(found: "Trace") -> dict[str, object]:
    """Write every version once, with what it was made from by name."""
    skipped = ("profile", "checks", "groups", "inputs")
    return {
        "root": {"address": found.root[0], "version": found.root[1]},
        "versions": [
            {
                "address": traced.address,
                "version": traced.version,
                "parts": [
                    {
                        "inputs": part.inputs,
                        "publications": [
                            {n: v for n, v in asdict(one).items() if n not in skipped}
                            for one in part.publications
                        ],
                    }
                    for part in traced.parts
                ],
            }
            for traced in found.versions.values()
        ],
    }
