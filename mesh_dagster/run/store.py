"""Own every path of the store.

In:  addresses and names.
Out: where things lie, as URLs that Delta, polars and DuckDB understand.
A name has passed the name rules or is quoted here, so no path can leave the root. What a Delta
table holds is the business of `run/delta.py`.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mesh_dagster.declare.address import SCHEME, Address, require_name
from mesh_dagster.errors import AddressRefusedError, StoreRefusedError, StoreUnknownError

if TYPE_CHECKING:
    from upath import UPath

ROOT_VARIABLE = "MESH_ROOT"
REGISTRY_VARIABLE = "MESH_REGISTRY"
DEFAULT_ROOT = ".mesh"
WHOLE = ""
"""The slice of a port without partitions."""
_UNSAFE = "%?#\\"
"""Delta takes a path for a URL and finds another place for these."""
_LONGEST_FOLDER = 180
"""In bytes; with a hash behind it, it must fit the 255 of file systems."""


@dataclass(frozen=True)
class Store:
    """Where publications lie: Delta tables under one root."""

    root: str
    """A local folder, absolute, or the URL of an object store."""
    storage_options: Mapping[str, str] = field(default_factory=dict)
    """Handed to Delta and polars; object stores read the environment by default."""

    @classmethod
    def at(cls, root: str | Path | None = None) -> "Store":
        """Return the store at `root`, else at MESH_ROOT, else at `.mesh` in the current folder."""
        given = str(root or os.environ.get(ROOT_VARIABLE) or DEFAULT_ROOT)
        if is_remote(given):
            return cls(given.rstrip("/"))
        folder = given.removeprefix("file://")
        return cls(_require_safe(Path(folder).expanduser().resolve().as_posix()))

    @property
    def local(self) -> bool:
        """Whether the root is a folder of this machine, where locks and renames work."""
        return "://" not in self.root

    @property
    def registry_url(self) -> str:
        """The SQLAlchemy URL of the registry: MESH_REGISTRY, else SQLite beside the data."""
        folder = self.root if self.local else str(Path(DEFAULT_ROOT).resolve())
        return os.environ.get(REGISTRY_VARIABLE) or f"sqlite:///{folder}/registry.sqlite"

    def table(self, address: Address) -> str:
        """Return the Delta table of a port."""
        return self._under(*address.parts)

    def quarantine(self, address: Address) -> str:
        """Return the Delta table of a port's rejected rows; `quarantine` is no port's name."""
        domain, product, major, port = address.parts
        return self._under(domain, product, major, "quarantine", port)

    def retired(self, address: Address) -> str:
        """Return the file that ends a port; Delta and its readers pass over the underscore."""
        return self._under(*address.parts, "_retired.json")

    def internal(self, product_key: str, name: str, partition: str) -> str:
        """Return the folder of one partition of an internal; `WHOLE` for one without."""
        domain, product = product_key.split("/")
        folder = _partition_folder(partition) if partition != WHOLE else "whole"
        return self._under(domain, product, "internal", require_name("internal", name), folder)

    def turn(self, location: str) -> str:
        """Return the file at which the writers of a table queue; it lies outside the table."""
        return self._under("_turns", quote(location.removeprefix(f"{self.root}/"), safe=""))

    def addresses(self, *, published: bool = True) -> Iterator[Address]:
        """Yield the address of every port that has a table here, in order.

        Args:
            published: False adds the ports whose publications all failed.
        """
        root = self.path(self.root)
        inside = root.glob("*/*/v*/*/_delta_log" if published else "*/*/v*/*/*")
        tables = [one.parent.parts[-4:] for one in inside]
        if not published:
            # Rejected rows may be all that an object store has of a port, which keeps no folders.
            aside = [one.parent.parts for one in root.glob("*/*/v*/quarantine/*/*")]
            tables += [(*parts[-5:-2], parts[-1]) for parts in aside]
        found = {_address("/".join(parts)) for parts in tables}
        yield from sorted(address for address in found if address is not None)

    def internals(self) -> Iterator[str]:
        """Yield the folder of every stored slice of an internal."""
        for folder in sorted(self.path(self.root).glob("*/*/internal/*/*"), key=str):
            yield str(folder)

    def path(self, location: str) -> "UPath":
        """Return a location of this store as a path that lists, reads and deletes."""
        from upath import UPath  # noqa: PLC0415 - most who look never need it

        if self.local:
            return UPath(location)
        # Other processes write there too, and so do Delta and polars.
        uncached: dict[str, Any] = {"use_listings_cache": False}  # Any: each store has its own
        try:
            return UPath(location, **uncached, **self.storage_options)
        except (ImportError, ValueError) as error:
            raise StoreUnknownError(self.root, str(error)) from error

    def _under(self, *parts: str) -> str:
        return "/".join((self.root, *parts))


def is_remote(root: str) -> bool:
    """Say whether a root is the URL of an object store, and no folder."""
    return "://" in root and not root.startswith("file://")


def _address(folder: str) -> Address | None:
    """Return the address of a folder; `None` for a folder that is none of ours."""
    try:
        return Address.parse(f"{SCHEME}://{folder}")
    except AddressRefusedError:
        return None


def _require_safe(path: str) -> str:
    for character in path:
        if character in _UNSAFE or character < " ":
            raise StoreRefusedError(path, character)
    return path


def _partition_folder(key: str) -> str:
    folder = "partition-" + quote(key, safe="")
    if len(folder) <= _LONGEST_FOLDER:
        return folder
    return f"{folder[:_LONGEST_FOLDER]}-{hashlib.sha256(key.encode()).hexdigest()}"
