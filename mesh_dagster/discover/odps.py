"""Write products in the Bitol Open Data Product Standard, and read them.

In:  what the registry holds of products; or a document, which may be hostile.
Out: documents whose ports name the contracts that `odcs/` writes; or the document, checked.

Source:
    ODPS v1.0.0 of Bitol.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mesh_dagster.declare.address import Address
from mesh_dagster.discover.documents import (
    Json,
    check_form,
    check_odcs,
    form_of,
    read_document,
)
from mesh_dagster.discover.odcs.custom import custom_fields, customs_of, merged
from mesh_dagster.discover.odcs.ports import ADDRESS, ALIGNMENT, Port, contract_id, ports_of
from mesh_dagster.discover.people import team_of
from mesh_dagster.errors import DocumentRefusedError
from mesh_dagster.run.registry import Registry

_COLUMNS = ("key", "guid", "version", "owner", "alignment", "purpose")
_BY_USE = ("active", "deprecated", "draft", "retired")
_NAMED = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}
_TEXT = {"type": "string"}
_CUSTOM = {"type": "array", "items": {"type": "object", "required": ["property", "value"],
                                      "properties": {"property": _TEXT}}}  # fmt: skip
_PORT = {**_NAMED, "properties": {"name": _TEXT, "version": _TEXT, "contractId": _TEXT,
                                  "description": _TEXT, "customProperties": _CUSTOM}}  # fmt: skip
_MEMBER = {"type": "object", "required": ["username"], "properties": {"username": _TEXT}}
_FORM = {
    "type": "object",
    "required": ["apiVersion", "kind", "id", "status"],
    "properties": {
        "apiVersion": {"enum": ["v0.9.0", "v1.0.0"]},
        "kind": {"const": "DataProduct"},
        **dict.fromkeys(("id", "status", "name", "version", "domain"), _TEXT),
        "tags": {"type": "array", "items": _TEXT},
        "description": {"type": "object", "properties": {"purpose": _TEXT}},
        "team": {
            "type": "object",
            "properties": {
                "name": _TEXT,
                "members": {"type": "array", "items": _MEMBER},
            },
        },
        "customProperties": _CUSTOM,
        "inputPorts": {"type": "array", "items": _PORT},
        "outputPorts": {"type": "array", "items": _PORT},
    },
}
"""What is relied on when a document is read; the rest is kept as it is."""


@dataclass(frozen=True)
class Product:
    """What the registry holds of one major version of a product."""

    key: str
    guid: str
    version: str
    owner: str
    alignment: str
    purpose: str
    tags: Mapping[str, str]
    inputs: Mapping[str, str]
    """Parameter name to the address that it reads."""
    ports: tuple[Port, ...]
    reads: Mapping[str, tuple[str, ...]]
    """Address of a port to the addresses that it is made from."""


def products_of(registry: Registry) -> list[Product]:
    """Return every registered product, by key and major version."""
    ports: dict[tuple[str, int], list[Port]] = {}
    for port in ports_of(registry):
        ports.setdefault((port.address.key, port.address.major), []).append(port)
    made = registry.latest()
    products = []
    for row in registry.products():
        own = ports.get((row["key"], row["major"]), [])
        inputs = row["declaration"]["inputs"]
        reads = {
            address: tuple(sorted(made[address].inputs if address in made else inputs.values()))
            for address in (str(port.address) for port in own)
        }
        given = {name: row[name] for name in _COLUMNS}
        tags = row["declaration"]["tags"]
        products.append(Product(**given, tags=tags, inputs=inputs, ports=tuple(own), reads=reads))
    return products


def product_document(product: Product, known: Mapping[str, Port]) -> dict[str, Json]:
    """Write a product.

    Args:
        product: What is declared.
        known: The ports of all products, by address.
    """
    domain, name = product.key.split("/")
    statuses = {port.status for port in product.ports}
    whole = {
        "apiVersion": "v1.0.0",
        "kind": "DataProduct",
        "id": product.guid,
        "name": name,
        "version": product.version,
        "status": next((s for s in _BY_USE if s in statuses), "draft"),
        "domain": domain,
        "description": {"purpose": product.purpose},
        "tags": [f"{tag}={value}" if value else tag for tag, value in product.tags.items()],
        "team": team_of(product.owner),
        "inputPorts": [_input(name, at, known) for name, at in product.inputs.items()],
        "outputPorts": [_output(port, product, known) for port in product.ports],
        **custom_fields({ALIGNMENT: product.alignment}),
    }
    return {name: field for name, field in whole.items() if field}


def kept(ours: Json, theirs: Json) -> dict[str, Json]:
    """Return a document with what only an older one of the same product says.

    Ports that were written from here and are declared no longer are dropped.
    """
    whole = merged(ours, theirs)
    for side in ("inputPorts", "outputPorts"):
        before = {port["name"]: port for port in theirs.get(side) or ()}
        now = {port["name"]: port for port in ours.get(side) or ()}
        others = [p for n, p in before.items() if n not in now and ADDRESS not in customs_of(p)]
        ports = [merged(port, before.get(name, {})) for name, port in now.items()] + others
        whole[side] = ports
    return {name: field for name, field in whole.items() if field or name in ours}


def read_product(path: Path) -> Json:
    """Read a file.

    Raises:
        DocumentRefusedError: It is no ODPS document.
        StandardsMissingError: What checks documents is not installed.
    """
    return read_document(path, _check)


def contracts_beside(path: Path) -> dict[str, str]:
    """Return the names of the ODCS files beside a document, by contract id and by port address."""
    names: dict[str, str] = {}
    for file in sorted(path.parent.glob("*.odcs.yaml")):
        try:
            document = read_document(file, check_odcs)
        except DocumentRefusedError:  # whoever declares a port with it is told
            continue
        names[document["id"]] = file.name
        names[str(customs_of(document).get(ADDRESS))] = file.name
    return names


def _check(document: Json) -> None:
    check_form(document, _form(), "ODPS")


@cache
def _form() -> Json:
    return form_of(_FORM)


def _contract(address: str, known: Mapping[str, Port]) -> tuple[str, str]:
    """Return the id and version of a port's contract; if not known here, what its name says."""
    if address in known:
        return known[address].contract_id, known[address].version
    parsed = Address.parse(address)
    return contract_id(parsed), f"{parsed.major}"


def _input(name: str, address: str, known: Mapping[str, Port]) -> dict[str, Json]:
    contract, version = _contract(address, known)
    named = {"name": name, "version": version, "contractId": contract}
    return {**named, **custom_fields({ADDRESS: address})}


def _output(port: Port, product: Product, known: Mapping[str, Port]) -> dict[str, Json]:
    read = [_contract(address, known) for address in product.reads[str(port.address)]]
    whole = {
        "name": port.address.port,
        "description": port.description,
        "type": "table",
        "version": port.version,
        "contractId": port.contract_id,
        "inputContracts": [{"id": contract, "version": version} for contract, version in read],
        **custom_fields({ADDRESS: str(port.address)}),
    }
    return {name: field for name, field in whole.items() if field}
