"""Put together the files of a new domain, product or port.

In:  names, and the data from which a contract is proposed.
Out: a `Draft` with more files in it; nothing is written yet.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mesh_dagster.cli.scaffold import (
    Draft,
    extend_definitions,
    extend_imports,
    extend_workspace,
)
from mesh_dagster.declare.address import Address, require_name
from mesh_dagster.errors import NameRefusedError, NoRawRowsError

if TYPE_CHECKING:
    import polars as pl

    from mesh_dagster.declare.written import WrittenColumn
    from mesh_dagster.discover.propose import Proposal
    from mesh_dagster.discover.rows_of import RowsOf

_SAMPLE = 'return pl.LazyFrame({"id": [1, 2], "text": ["first", "second"]})'
_EXTRA = "The contract needs mesh-dagster[standards]; name the extra in pyproject.toml."
_TAKEN = ("defs", "duckdb", "md", "pa", "pl", "timedelta")
"""Names that the written modules use themselves."""
_STANDS_FOR = "two rows that stand for your own."
Fillings = dict[str, Any]  # Any: what templates show
_USUAL: Fillings = {
    "rows": None, "path": "", "odcs": "", "duckdb": False, "reads": "", "imports": [], "frame": "",
    "columns": [], "source": [], "cadence": None, "fresh": False,
}  # fmt: skip


def add_domain(draft: Draft, package: str, domain: str) -> None:
    """Add a domain: a folder with definitions, and its code location in the workspace."""
    require_name("domain", domain)
    folder = package.replace(".", "/")
    for name in (f"{folder}/__init__.py", f"{folder}/{domain}/__init__.py"):
        draft.add_empty(name)
    draft.add(f"{folder}/{domain}/definitions.py", "definitions.py", {"domain": domain})
    extend_workspace(draft, f"{package}.{domain}.definitions", domain)


def add_product(
    draft: Draft,
    package: str,
    key: tuple[str, str],
    port: str,
    rows: "RowsOf | None",
    *,
    odcs: str | None = None,
    reads: str | None = None,
) -> None:
    """Add a product with its test; its domain too, where there is none yet.

    Args:
        draft: What will be written.
        package: The package of the domains.
        key: Domain and name.
        port: The name of its port.
        rows: The data from which its contract is proposed; two rows of no meaning without it.
        odcs: A contract that is written already, copied beside the product: the file, and `#` with
            the name of a table where it describes several.
        reads: The address of a published port that it is made from, instead of a source.
    """
    domain, name = require_name("domain", key[0]), _require_free("product", key[1])
    _require_free("port", port, name)
    folder = f"{package.replace('.', '/')}/{domain}"
    if not (draft.folder / folder / "definitions.py").is_file():
        add_domain(draft, package, domain)
    given: Fillings = {"domain": domain, "name": name, "package": package, "port": port}
    given |= {"model": _model(name), "taken": f"raw_{name}", **_USUAL}
    if reads is not None:
        given |= _from_port(reads, name, port)
    elif odcs is not None:
        given |= _from_odcs(draft, f"{folder}/{name}.odcs.yaml", name, odcs)
    else:
        given |= _from_rows(draft, package, name, rows)
    draft.add(f"{folder}/{name}.py", "product.py", given)
    draft.add(f"tests/test_{domain}_{name}.py", "test_product.py", given)
    module = f"{package}.{domain}.{name}"
    extend_definitions(draft, f"{folder}/definitions.py", module, name)


def _require_free(kind: str, name: str, *others: str) -> str:
    if require_name(kind, name) in (*_TAKEN, *others):
        raise NameRefusedError(kind, name, "is one that its module uses for something else")
    return name


def add_port(
    draft: Draft, package: str, key: tuple[str, str], port: str, rows: "RowsOf | None"
) -> None:
    """Add a port to the file of a product, with a contract proposed from the rows.

    Without rows, those are looked at that the product reads already.

    Raises:
        NoMeshHereError: The product has no file.
        NoRawRowsError: What it reads cannot be looked at.
    """
    domain, name = require_name("domain", key[0]), require_name("product", key[1])
    _require_free("port", port, name)
    path = f"{package.replace('.', '/')}/{domain}/{name}.py"
    draft.text(path)
    raw = f"raw_{port}" if rows else f"raw_{name}"
    found = _proposed(rows or _raw_rows(f"{package}.{domain}.{name}", raw))
    given = {
        "name": name,
        "port": port,
        "model": _model(f"{name}_{port}"),
        "taken": raw,
        "constant": f"SOURCE_OF_{port.upper()}",
        "path": _path_code(draft, package, rows.path) if rows else "",
        "source": _with_constant(rows.code, port) if rows else [],
        "columns": list(_columns(found)),
        "build": list(_build(found, raw)),
    }
    draft.append(path, "port.py", given, unlike=f"def {port}(")
    if rows and rows.imports_duckdb:
        extend_imports(draft, path, "import duckdb")
    if rows:
        extend_imports(draft, path, "from pathlib import Path")


def _with_constant(lines: Iterable[str], port: str) -> list[str]:
    return "\n".join(lines).replace("SOURCE", f"SOURCE_OF_{port.upper()}", 1).splitlines()


def _raw_rows(module: str, raw: str) -> "pl.LazyFrame":
    """Return the rows that the first internal of a product reads.

    Raises:
        NoRawRowsError: It cannot be called by itself.
    """
    from mesh_dagster.run.frames import as_plan

    sys.path.insert(0, str(Path.cwd()))
    try:
        return as_plan(getattr(import_module(module), raw)(), raw)
    except Exception as error:  # the user's module may raise anything
        raise NoRawRowsError(module, raw) from error
    finally:
        sys.path.pop(0)
        sys.modules.pop(module, None)  # it is about to change


def _from_rows(draft: Draft, package: str, name: str, rows: "RowsOf | None") -> Fillings:
    found = _proposed(rows)
    about = f"the rows of {rows.path.name}." if rows else _STANDS_FOR
    return {
        "about": about,
        "purpose": f"{_title(name)}: {about}",
        "rows": found.rows if rows else None,
        "path": _path_code(draft, package, rows.path) if rows else "",
        "duckdb": bool(rows and rows.imports_duckdb),
        "columns": list(_columns(found)),
        "source": rows.code if rows else [f"{_SAMPLE}  # review: read your source"],
        "build": list(_build(found, f"raw_{name}")),
    }


def _from_port(reads: str, name: str, port: str) -> Fillings:
    from mesh_dagster.discover.propose import propose
    from mesh_dagster.discover.source_code import laid_out
    from mesh_dagster.discover.stand_ins import imports_of, stand_ins
    from mesh_dagster.run.read import read

    plan, product = read(reads), Address.parse(reads).product
    taken = f"{product}_read" if product in (name, port) else product
    found = propose(plan, _told_of(reads))
    frame = laid_out(stand_ins(found, plan.collect_schema()), 4, len(f"{taken} = "))
    return {
        "about": f"what is made from {reads}.",
        "purpose": f"{_title(name)}: what is made from {reads}.",
        "rows": found.rows,
        "reads": reads,
        "taken": taken,
        "imports": list(imports_of(frame)),
        "frame": frame,
        "columns": list(_columns(found)),
        "build": list(_build(found, taken)),
    }


def _told_of(address: str) -> "dict[str, WrittenColumn]":
    """Return what the contract of a port says of its columns, as far as it is registered."""
    from mesh_dagster.cli.registry import open_registry
    from mesh_dagster.run.stated import contract_of

    with open_registry() as registry:
        rows = registry.ports(address)
    contracts = [contract_of(row["declaration"]["contract"]) for row in rows]
    return {column.name: column for contract in contracts for column in contract.columns}


def _from_odcs(draft: Draft, copy: str, name: str, odcs: str) -> Fillings:
    """Copy a contract, and declare what it does not promise itself.

    Raises:
        DocumentRefusedError: It is no ODCS document.
        UnknownTableError: No table is meant, or none has the name.
        StandardsMissingError: The rules of the standard are not installed.
    """
    from mesh_dagster.cli.imports import not_kept
    from mesh_dagster.discover.odcs.files import read_contract

    path, _, asked = odcs.partition("#")
    file = read_contract(Path(path))
    table = file.table(asked or None)
    promises, own = file.promises(table), Path(copy).name
    draft.add_text(copy, file.path.read_text(encoding="utf-8"))
    draft.notes += [*not_kept(file, [table]), _EXTRA]
    described = (file.document.get("description") or {}).get("purpose")
    return {
        "about": f"what {own} promises.",
        "purpose": described or f"{_title(name)}: what {own} promises.",
        "odcs": ", ".join([_quoted(own), *([f"schema={_quoted(asked)}"] if asked else [])]),
        "cadence": promises.cadence,
        "fresh": promises.freshness is not None,
        "source": [
            f"types = {{column.name: column.dtype for column in {_model(name)}.columns}}",
            "return pl.LazyFrame(schema=types)  # review: read your source",
        ],
        "build": [f"return raw_{name}"],
    }


def _proposed(rows: "RowsOf | pl.LazyFrame | None") -> "Proposal":
    import polars as pl

    from mesh_dagster.discover.propose import propose

    if rows is None:
        rows = pl.LazyFrame({"id": [1, 2], "text": ["first", "second"]})
    if isinstance(rows, pl.LazyFrame):
        return propose(rows)
    return propose(rows.plan, remarks=rows.remarks)


def _columns(found: "Proposal") -> Iterator[str]:
    from mesh_dagster.discover.model_code import field_lines

    for column in found.columns:
        yield from field_lines(column)


def _build(found: "Proposal", taken: str) -> Iterator[str]:
    """Yield the body of a port: other names and types than those of the source."""
    from mesh_dagster.discover.model_code import polars_code

    renamed = {c.source: json.dumps(c.name) for c in found.columns if c.source != c.name}
    cast = {c.name: polars_code(c.dtype) for c in found.columns if c.cast}
    steps = [(name, given) for name, given in (("rename", renamed), ("cast", cast)) if given]
    line = f"return {taken}"
    for method, given in steps:
        yield f"{line}.{method}("
        yield "    {"
        for key, value in given.items():
            yield f"        {_quoted(key)}: {value},"
        yield "    }"
        line = ")"
    yield line


def _path_code(draft: Draft, package: str, path: Path) -> str:
    whole, root = path.resolve(), draft.folder.resolve()
    if not whole.is_relative_to(root):
        return f"Path({_quoted(str(whole))})"
    up = package.count(".") + 2
    inner = _quoted(whole.relative_to(root).as_posix())
    return f"Path(__file__).resolve().parents[{up}] / {inner}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _model(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()
