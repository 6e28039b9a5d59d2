"""Keep what was released in a file that is committed, so that a plan needs no registry.

In:  declarations, and the products elsewhere that read them.
Out: JSON in which two releases differ only where a declaration does; and the same, read back.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from mesh_dagster.declare.notation import NotWritableError
from mesh_dagster.errors import SnapshotRefusedError
from mesh_dagster.govern.declared import Declared, Identity, Json

_FORMAT = 1
_READ_FAILED = (KeyError, TypeError, ValueError, AttributeError, NotWritableError)


@dataclass(frozen=True)
class Snapshot:
    """What a file says was released."""

    products: tuple[Declared, ...] = ()
    consumers: tuple[Declared, ...] = ()
    """Products of other domains that read them, with what they expect."""
    released_at: "dict[Identity, str] | None" = None
    """When each product last changed; ISO 8601."""


def read_snapshot(path: Path) -> Snapshot:
    """Read a snapshot.

    Raises:
        SnapshotRefusedError: The file is not there, or is none.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SnapshotRefusedError(str(path), "cannot be read") from error
    try:
        return _parsed(json.loads(text))
    except _READ_FAILED as error:
        raise SnapshotRefusedError(str(path), "is no snapshot of a release") from error


def write_snapshot(
    path: Path, tree: Sequence[Declared], consumers: Iterable[Declared], now: datetime
) -> list[Declared]:
    """Write a working tree as released, whole or not at all.

    Args:
        path: The file; what it said before of unchanged products, and when, is kept.
        tree: Every product of the working tree.
        consumers: Products elsewhere; only what they read of the tree is kept.
        now: Aware UTC.

    Returns:
        The products that differ from what the file said before, those that end included.

    Raises:
        SnapshotRefusedError: The file is there, but is no snapshot.
    """
    known = read_snapshot(path) if path.exists() else Snapshot()
    before = {product.identity: product for product in known.products}
    current = {product.identity: product for product in tree}
    changed = [one for one in tree if before.get(one.identity) != one]
    times = {**(known.released_at or {}), **{one.identity: now.isoformat() for one in changed}}
    addresses = {address for product in tree for address in product.ports}
    written = {
        "snapshot": _FORMAT,
        "products": [
            {**product.as_json(), "released_at": times[identity]}
            for identity, product in sorted(current.items())
        ],
        "consumers": [one.as_json() for one in _reading(consumers, addresses)],
    }
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps(written, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    part.replace(path)
    return [*changed, *(one for identity, one in before.items() if identity not in current)]


def _reading(consumers: Iterable[Declared], addresses: Collection[str]) -> list[Declared]:
    """Keep what is read of these addresses, and nothing else of a consumer."""
    kept = []
    for consumer in sorted(consumers, key=lambda one: one.identity):
        inputs = consumer.declaration["inputs"]
        expects = consumer.declaration.get("expects") or {}
        read = {name: address for name, address in inputs.items() if address in addresses}
        stated = {name: expects[name] for name in read if name in expects}
        if read:
            declaration = {"inputs": read, "expects": stated}
            if "columns_read" in consumer.declaration:
                proved = consumer.declaration["columns_read"]
                declaration["columns_read"] = {a: proved[a] for a in read.values() if a in proved}
            kept.append(replace(consumer, declaration=declaration, ports={}))
    return kept


def _parsed(written: Json) -> Snapshot:
    if written["snapshot"] != _FORMAT:
        raise ValueError(written["snapshot"])
    products = tuple(map(Declared.from_json, written["products"]))
    for port in (port for product in products for port in product.ports.values()):
        _ = port.contract  # reads it, so that what is no contract is refused here
    return Snapshot(
        products,
        tuple(map(Declared.from_json, written["consumers"])),
        {(one["key"], one["major"]): one["released_at"] for one in written["products"]},
    )
