"""Say what a policy is: a convention of the mesh, which declarations keep or break.

In:  the products of a working tree, what reads what, and what ports elsewhere promise.
Out: `Fault`s, each with its subject and the line of the declaration.
The policies themselves stand in `govern/policies.py`; an organisation may hand over its own.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from mesh_dagster.declare.lifecycle import Deprecated
from mesh_dagster.declare.port import OutputPort
from mesh_dagster.declare.product import DataProduct
from mesh_dagster.declare.written import WrittenContract
from mesh_dagster.govern.place import Place

PolicyLevel = Literal["error", "warning", "note", "off"]
AssetPath = tuple[str, ...]
"""The parts of a Dagster asset key."""


@dataclass(frozen=True)
class Landscape:
    """What policies look at."""

    products: tuple[DataProduct, ...]
    today: date
    reads: Mapping[AssetPath, Iterable[AssetPath]] = field(default_factory=dict)
    """Every asset of the code locations to the assets that it reads, as Dagster knows them."""

    registered: Mapping[str, WrittenContract] = field(default_factory=dict)
    """The contracts of ports outside the working tree of which something is expected."""

    addresses: Collection[str] = ()
    """Every registered port that somebody declares."""

    deprecated: Mapping[str, Deprecated] = field(default_factory=dict)
    """Those of them that are deprecated, as they are registered."""

    @property
    def ports(self) -> Iterator[tuple[DataProduct, OutputPort]]:
        """Yield every port with its product."""
        for product in self.products:
            yield from ((product, port) for port in product.ports.values())


@dataclass(frozen=True)
class Fault:
    """One break of a convention."""

    subject: str
    """A product's key, or an address, with `#column` where one is meant."""
    problem: str
    """What is wrong, as a clause that follows the subject; no data value."""
    remedy: str
    place: Place | None = None
    """`None` where the source is not at hand."""


@dataclass(frozen=True)
class Policy:
    """One convention."""

    name: str
    """By which it is waived, such as `column-description`."""
    level: PolicyLevel
    about: str
    """What it asks for, in one sentence."""
    faults: Callable[[Landscape], Iterable[Fault]] = field(repr=False)
