"""Write new files and extend those that are there, all of them or none.

In:  templates and what fills them, the folder of a mesh repository.
Out: files. A file that is there is never overwritten; one that is extended keeps all it has.
"""

import ast
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mesh_dagster.errors import FileThereError, NoMeshHereError, NotExtendableError

if TYPE_CHECKING:
    from jinja2 import Environment

WORKSPACE = "workspace.yaml"
PACKAGE = "domains"
_DEFINITIONS = "definitions"
_IMPORTS = (ast.Import, ast.ImportFrom)


Fillings = Mapping[str, Any]  # Any: what templates show


@dataclass
class Draft:
    """What will be written in one go."""

    folder: Path
    """The root of the mesh repository."""
    new: dict[Path, str] = field(default_factory=dict)
    changed: dict[Path, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    """What people should know beside the files."""

    def add(self, name: str, template: str, given: Fillings) -> None:
        """Fill a template into a new file, named relative to the folder.

        Raises:
            FileThereError: It is there.
        """
        self.add_text(name, rendered(template, given))

    def add_text(self, name: str, text: str) -> None:
        """Add a new file with a text; raises as `add` does."""
        path = self.folder / name
        if path.exists() or path in self.new:
            raise FileThereError(name)
        self.new[path] = text

    def append(self, name: str, template: str, given: Fillings, *, unlike: str) -> None:
        """Fill a template in behind the text of a file that does not hold `unlike` yet.

        Raises:
            FileThereError: It holds it.
        """
        text = self.text(name)
        if unlike in text:
            raise FileThereError(name, unlike.strip("("))
        self.replace(name, text.rstrip() + "\n" + rendered(template, given))

    def add_empty(self, name: str) -> None:
        """Make an empty file, unless it is there."""
        path = self.folder / name
        if not path.exists():
            self.new[path] = ""

    def text(self, name: str) -> str:
        """Return the text of a file, as it will be.

        Raises:
            NoMeshHereError: There is no such file.
        """
        path = self.folder / name
        if path in self.changed:
            return self.changed[path]
        if path in self.new:
            return self.new[path]
        if not path.is_file():
            raise NoMeshHereError(str(self.folder), name)
        return path.read_text(encoding="utf-8")

    def replace(self, name: str, text: str) -> None:
        """Give a file another text."""
        path = self.folder / name
        (self.new if path in self.new else self.changed)[path] = text

    def write(self) -> list[str]:
        """Write everything; return the files, relative to the folder, in order."""
        for path, text in (self.new | self.changed).items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return sorted(str(path.relative_to(self.folder)) for path in self.new | self.changed)


def rendered(template: str, given: Fillings) -> str:
    """Fill a template."""
    return _environment().get_template(f"{template}.j2").render(given)


def package_of(draft: Draft) -> str:
    """Return the package in which the domains of a repository lie, by its workspace."""
    modules = [
        str(entry["module_name"])
        for one in _entries(draft)
        if isinstance(entry := one.get("python_module"), Mapping) and "module_name" in entry
    ]
    packages = [module.rsplit(".", 2)[0] for module in modules if module.count(".") > 1]
    return packages[0] if packages else PACKAGE


def extend_workspace(draft: Draft, module: str, location: str) -> None:
    """Add a code location to the workspace, unless it is there.

    Raises:
        NotExtendableError: A line at its end would not do so.
    """
    import yaml

    known = _entries(draft)
    entry = {"module_name": module, "location_name": location}
    if {"python_module": entry} in known:
        return
    line = f"  - python_module: {{module_name: {module}, location_name: {location}}}"
    text = draft.text(WORKSPACE).rstrip()
    text = f"{text.removesuffix('[]').rstrip()}\n{line}\n"
    try:
        extended = yaml.safe_load(text)["load_from"]
    except (yaml.YAMLError, TypeError, LookupError):
        extended = None
    if extended != [*known, {"python_module": entry}]:
        raise NotExtendableError(WORKSPACE, line.strip())
    draft.replace(WORKSPACE, text)


def extend_definitions(draft: Draft, name: str, module: str, product: str) -> None:
    """Import a product into a `definitions.py`, and hand it over.

    Raises:
        NotExtendableError: It does not call `md.definitions` in one place.
    """
    text = draft.text(name)
    tree = ast.parse(text)
    calls = [one for one in ast.walk(tree) if isinstance(one, ast.Call) and _is_wanted(one)]
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    if len(calls) != 1 or not imports or any(k.arg is None for k in calls[0].keywords):
        raise NotExtendableError(name, f"from {module} import {product}")
    call = calls[0]
    positional, named = map(ast.unparse, call.args), map(ast.unparse, call.keywords)
    arguments = ", ".join([*positional, product, *named])
    before, after = _around(text.splitlines(keepends=True), call)
    draft.replace(name, f"{before}{ast.unparse(call.func)}({arguments}){after}")
    extend_imports(draft, name, f"from {module} import {product}")


def extend_imports(draft: Draft, name: str, line: str) -> None:
    """Add an import to a Python file where sorted imports have it, unless it is there."""
    text = draft.text(name)
    lines = text.splitlines(keepends=True)
    if f"{line}\n" in lines:
        return
    imports = [node for node in ast.parse(text).body if isinstance(node, _IMPORTS)]
    own = _rank(ast.parse(line).body[0])
    later = [node for node in imports if _rank(node)[0] == own[0] and _rank(node) > own]
    before = [node for node in imports if _rank(node) < own]
    if later:
        lines.insert(later[0].lineno - 1, f"{line}\n")
    else:
        at = (before[-1].end_lineno or before[-1].lineno) if before else 0
        apart = bool(before) and _rank(before[-1])[0] != own[0]
        lines.insert(at, f"\n{line}\n" if apart else f"{line}\n")
    draft.replace(name, "".join(lines))


def _rank(node: ast.stmt) -> tuple[int, bool, str]:
    """Rank an import: the standard library first, then libraries, then the repository's own."""
    module = node.module if isinstance(node, ast.ImportFrom) else None
    if isinstance(node, ast.Import):
        module = node.names[0].name
    top = str(module).partition(".")[0]
    own = isinstance(node, ast.ImportFrom) and top not in sys.stdlib_module_names
    group = 0 if top in sys.stdlib_module_names else 1 + own
    return group, isinstance(node, ast.ImportFrom), str(module)


def _around(lines: list[str], call: ast.Call) -> tuple[str, str]:
    first, last = call.lineno - 1, (call.end_lineno or call.lineno) - 1
    # Columns of the syntax tree count bytes.
    begin = lines[first].encode()[: call.col_offset].decode()
    end = lines[last].encode()[call.end_col_offset or 0 :].decode()
    return "".join(lines[:first]) + begin, end + "".join(lines[last + 1 :])


def _is_wanted(call: ast.Call) -> bool:
    called = call.func
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", None)
    return name == _DEFINITIONS


def _entries(draft: Draft) -> list[Mapping[str, Any]]:  # Any: YAML
    import yaml

    try:
        read = yaml.safe_load(draft.text(WORKSPACE))["load_from"]
        return [one for one in read if isinstance(one, Mapping)]
    except (yaml.YAMLError, TypeError, LookupError):
        return []


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("mesh_dagster", "cli/templates"),
        autoescape=False,  # noqa: S701 - Python and YAML are written, and names are checked
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
