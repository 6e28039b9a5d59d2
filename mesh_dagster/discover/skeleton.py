"""Write Python in which a product is declared as documents of others describe it.

In:  an ODCS or ODPS document that was read.
Out: the text of a module. Its contracts and promises are whole; what builds the frames is left to
the team.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from mesh_dagster.declare.address import Address, require_name
from mesh_dagster.declare.arguments import require_owner, require_tags, require_version
from mesh_dagster.declare.lifecycle import state_of
from mesh_dagster.declare.product import Alignment
from mesh_dagster.declare.slo import Quality
from mesh_dagster.discover.contract_code import promise_code, schema_code
from mesh_dagster.discover.documents import Json
from mesh_dagster.discover.odcs.custom import customs_of
from mesh_dagster.discover.odcs.files import ContractFile
from mesh_dagster.discover.odcs.ports import ADDRESS, ALIGNMENT, DEPRECATED, PURPOSE
from mesh_dagster.discover.odcs.promises import Promises
from mesh_dagster.discover.people import owner_of
from mesh_dagster.discover.source_code import Call, Code, Name, laid_out, value_code
from mesh_dagster.errors import AddressRefusedError, DeclarationError, NameRefusedError

_BUILD = 'raise NotImplementedError("Build the frame that the contract promises.")'
_OWNER = "team:unknown"
_TAKEN = ("data_product", "datetime", "md", "pa", "pl")
"""Names that the written module uses itself."""


@dataclass(frozen=True)
class _Port:
    name: str
    contract: Code
    named: dict[str, Code]
    constant: tuple[str, Code] | None = None
    """The name and the source of its schema, where the module holds it."""


def contract_module(file: ContractFile) -> str:
    """Write a product with a port for each table of an ODCS document."""
    document, customs = file.document, customs_of(file.document)
    address = _address(customs.get(ADDRESS))
    described = (document.get("description") or {}).get("purpose")
    title = document.get("dataProduct") or document.get("name") or document["id"]
    product: dict[str, Code] = {
        "domain": address.domain if address else _named(document.get("domain"), "domain"),
        "name": address.product if address else _named(title, "product"),
        "purpose": customs.get(PURPOSE) or described or f"{title}.",
    }
    ports: list[_Port] = []
    for table in file.tables.values():
        promises = file.promises(table)
        known = address.port if address and len(file.tables) == 1 else None
        name = _unused(known or _named(table.node["name"], "port"), [port.name for port in ports])
        constant = name.upper()
        named: dict[str, Code] = {
            **_promised(promises),
            **_state(document),
            **({"description": described} if PURPOSE in customs else {}),
        }
        schema = schema_code(table.contract)
        ports.append(_Port(name, Name(constant), named, (constant, schema)))
        if promises.retention is not None:
            product["retention"] = value_code(promises.retention)
    return _module(document, product, ports, str(file.path.name))


def product_module(document: Json, source: str, contracts: Mapping[str, str]) -> str:
    """Write a product as an ODPS document describes it.

    Args:
        document: As it was read.
        source: The name of its file.
        contracts: The names of contract files, by contract id and by port address; a contract
            that is none of them is expected beside the module, under the name of its port.
    """
    name = _named(document.get("name") or document["id"], "product")
    purpose = (document.get("description") or {}).get("purpose")
    inputs: dict[str, Code] = {}
    for port in document.get("inputPorts") or ():
        address = _address(customs_of(port).get(ADDRESS))
        own = _unused(_named(port["name"], "source"), inputs)
        inputs[own] = Call("md.InputPort", [str(address or f"mesh://unknown/{own}/v1/{own}")])
    tags = dict(tag.partition("=")[::2] for tag in document.get("tags") or ())
    given = {tag: value for tag, value in tags.items() if _stands(require_tags, {tag: value})}
    product: dict[str, Code] = {
        "domain": _named(document.get("domain"), "domain"),
        "name": name,
        "purpose": purpose or f"{name}.",
        **({"inputs": inputs} if inputs else {}),
        **({"tags": given} if given else {}),
    }
    ports: list[_Port] = []
    for port in document.get("outputPorts") or ():
        own = _unused(_named(port["name"], "port"), [*inputs, *(one.name for one in ports)])
        known = contracts.get(str(customs_of(port).get(ADDRESS)))
        file = known or contracts.get(port.get("contractId", "")) or f"{own}.odcs.yaml"
        contract = Call("md.odcs", [file])
        said: dict[str, Code] = (
            {"description": port["description"]} if "description" in port else {}
        )
        ports.append(_Port(own, contract, said))
    return _module(document, product, ports, source)


def _module(document: Json, product: dict[str, Code], ports: Sequence[_Port], source: str) -> str:
    alignment = customs_of(document).get(ALIGNMENT)
    owner, version = owner_of(document), str(document.get("version", "")).removeprefix("v")
    named: dict[str, Code] = {
        **{name: product[name] for name in ("domain", "name")},
        "version": version if _stands(require_version, version) else "1.0.0",
        "owner": owner if _stands(require_owner, owner) else _OWNER,
        "alignment": alignment if alignment in get_args(Alignment) else "source",
        **{name: code for name, code in product.items() if name not in ("domain", "name")},
    }
    constants = [
        f"{name} = {laid_out(code, 0, len(name) + 3)}"
        for name, code in (port.constant for port in ports if port.constant)
    ]
    declared = f"data_product = {laid_out(Call('md.DataProduct', [], named), 0, 15)}"
    builds = [_build(port) for port in ports]
    body = "\n\n".join([*constants, declared]) + "".join(f"\n\n\n{build}" for build in builds)
    return f"{_head(source, body)}\n\n{body}\n"


def _head(source: str, body: str) -> str:
    doc = f"Declare what {source!r} describes.".encode("unicode_escape").decode()
    quoted = doc.replace('"', "'")
    imports = [
        *(["import datetime"] if "datetime." in body else []),
        *(["from decimal import Decimal"] if "Decimal(" in body else []),
    ]
    own = ["import pandera.polars as pa"] if "pa." in body else []
    groups = [imports, [*own, "import polars as pl"], ["import mesh_dagster as md"]]
    return "\n\n".join([f'"""{quoted}"""', *("\n".join(group) for group in groups if group)])


def _build(port: _Port) -> str:
    call = Call("@data_product.port", [], {"contract": port.contract, **port.named})
    return f"{laid_out(call)}\ndef {port.name}() -> pl.LazyFrame:\n    {_BUILD}"


def _promised(promises: Promises) -> dict[str, Code]:
    named: dict[str, Code] = {}
    if promises.freshness is not None:
        named["freshness"] = promise_code(promises.freshness)
    if promises.quality != Quality():
        named["quality"] = promise_code(promises.quality)
    return {**named, **({"cadence": promises.cadence} if promises.cadence else {})}


def _state(document: Json) -> dict[str, Code]:
    row = customs_of(document).get(DEPRECATED)
    if document.get("status") == "draft":
        return {"state": "draft"}
    if not isinstance(row, dict):
        return {}
    try:
        state = state_of({**row, "name": "deprecated"})
    except (AddressRefusedError, DeclarationError, KeyError, TypeError, ValueError):
        return {}
    return {"state": Call("md.Deprecated", [], {n: value_code(v) for n, v in vars(state).items()})}


def _address(text: object) -> Address | None:
    try:
        return Address.parse(text) if isinstance(text, str) else None
    except (AddressRefusedError, NameRefusedError):
        return None


def _named(text: object, otherwise: str) -> str:
    """Return a name as near to a text as the name rules allow."""
    made = (
        re.sub(r"[^a-z0-9]+", "_", str(text or "").lower()).lstrip("_0123456789")[:63].rstrip("_")
    )
    return made if _stands_alone(made) else otherwise


def _stands_alone(name: str) -> bool:
    try:
        return bool(require_name("port", name)) and name not in _TAKEN
    except NameRefusedError:
        return False


def _unused(name: str, taken: Iterable[str]) -> str:
    used, number, free = set(taken), 2, name
    while free in used:
        free, number = f"{name[:58]}_{number}", number + 1
    return free


def _stands(require: Callable[[str, Any], object], value: object) -> bool:  # Any: what it checks
    try:
        require("", value)
    except DeclarationError:
        return False
    return True
