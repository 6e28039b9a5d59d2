"""Hold a product and its ports as they were declared, without their code.

In:  rows, as `run/declared.py` makes them; or JSON that was written here.
Out: `Declared` products, and JSON that differs only where a declaration does.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mesh_dagster.declare.written import WrittenContract

Json = dict[str, Any]  # Any: JSON
Row = Mapping[str, Any]  # Any: a row of the registry
Identity = tuple[str, int]
_OF_THE_PRODUCT = ("key", "major", "version", "owner", "alignment", "purpose", "declaration")
_INSIDE = ("origin", "reads")
"""Parts of a declaration that say how a product is made, and matter to nobody else."""


@dataclass(frozen=True)
class DeclaredPort:
    """One output port."""

    address: str
    description: str | None
    declaration: Json
    """The contract and the promises, as in the registry."""

    @property
    def contract(self) -> WrittenContract:
        """The contract, read back."""
        return WrittenContract.from_json(self.declaration["contract"])


@dataclass(frozen=True)
class Declared:
    """One major version of a product."""

    key: str
    """`domain/name`."""
    major: int
    version: str
    owner: str
    alignment: str
    purpose: str
    declaration: Json
    """Inputs, internals, tags, retention, as in the registry."""
    ports: Mapping[str, DeclaredPort]
    """By address."""

    @property
    def identity(self) -> Identity:
        """What no other product has: its key and its major version."""
        return self.key, self.major

    @property
    def domain(self) -> str:
        """The domain that owns it."""
        return self.key.partition("/")[0]

    @classmethod
    def of(cls, product: Row, ports: Iterable[Row]) -> "Declared":
        """Put rows of the registry together."""
        made = (
            DeclaredPort(row["address"], row["description"], row["declaration"])
            for row in sorted(ports, key=lambda row: str(row["address"]))
        )
        own = {name: product[name] for name in _OF_THE_PRODUCT}
        seen = {n: part for n, part in product["declaration"].items() if n not in _INSIDE}
        return cls(**{**own, "declaration": seen}, ports={port.address: port for port in made})

    @classmethod
    def from_json(cls, written: Json) -> "Declared":
        """Read what `as_json` wrote.

        Raises:
            KeyError: It is none.
            TypeError: The same.
        """
        ports = [{"address": address, **port} for address, port in dict(written["ports"]).items()]
        return cls.of(written, ports)

    def as_json(self) -> Json:
        """Write the product and its ports as JSON."""
        return {
            **{name: getattr(self, name) for name in _OF_THE_PRODUCT},
            "ports": {
                address: {"description": port.description, "declaration": port.declaration}
                for address, port in self.ports.items()
            },
        }
