"""Read and write the YAML documents of public standards.

In:  a file that may be hostile; or documents as JSON.
Out: its content as JSON; or text. Scalars are those of YAML 1.2, so `NO` is a text and a date too.
What the standard says of its form is checked in bounded time before anything is made of it.

Source:
    YAML 1.2, core schema.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from mesh_dagster.errors import DocumentRefusedError, StandardsMissingError
from mesh_dagster.observe.plain_yaml import PlainYamlError, load_plain

Json = Any  # Any: JSON
Place = Sequence[str | int]
_LONGEST_NUMBER = 40
_WIDTH = 100
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_LINE_ENDS = re.compile("[\x85\u2028\u2029]")
"""Only escaped do they come back as they were."""
_WORDS: dict[str, Json] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


class PlaceError(ValueError):
    """Something in a document cannot stand; the text says why, as a clause."""

    def __init__(self, problem: str, place: Place = ()) -> None:
        super().__init__(problem)
        self.place = tuple(place)


@contextmanager
def at(*place: str | int) -> Iterator[None]:
    """Let whatever cannot stand within be found under this place."""
    try:
        yield
    except PlaceError as error:
        raise PlaceError(str(error), (*place, *error.place)) from error


def read_document(path: Path, check: Callable[[Json], None]) -> Json:
    """Read one document.

    Args:
        path: The file.
        check: Raises a `PlaceError` for a document that breaks its standard.

    Raises:
        DocumentRefusedError: It cannot be read, is no plain YAML or breaks its standard.
    """
    try:
        content = path.read_bytes()
        document = load_plain(content, _scalar)
    except OSError as error:
        raise DocumentRefusedError(str(path), "cannot be read", "Correct its path.") from error
    except PlainYamlError as error:
        raise DocumentRefusedError(str(path), str(error), "Write plain YAML.") from error
    try:
        check(document)
    except PlaceError as error:
        raise refused(path, error) from error
    return document


def refused(path: Path, error: PlaceError) -> DocumentRefusedError:
    """Name the line of the file where something cannot stand."""
    where = f" in line {_line_of(path.read_bytes(), error.place)}"
    inside = f" at '{'.'.join(map(str, error.place))}'" if error.place else ""
    return DocumentRefusedError(str(path), f"{error}{inside}{where}", "Correct it there.")


def write_documents(documents: Iterable[Json]) -> str:
    """Write documents as YAML that version 1.1 and 1.2 of it read alike."""
    return yaml.dump_all(
        documents, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH
    )


def check_odcs(document: Json) -> None:
    """Check a document against the JSON Schema of the Open Data Contract Standard.

    Raises:
        PlaceError: It breaks the schema.
        StandardsMissingError: The schema is not installed.
    """
    check_form(document, _odcs_form(), "ODCS")


def check_form(document: Json, form: Json, standard: str) -> None:
    """Check a document against a form that `form_of` made.

    Raises:
        PlaceError: It breaks the form.
    """
    # The innermost finding says most; those around it only say that something inside is wrong.
    found = max(form.iter_errors(document), key=_depth, default=None)
    if found is not None:
        problem = re.sub(r"\s+", " ", f"is no {standard} document: {found.message}")
        raise PlaceError(problem.rstrip("."), found.instance_path)


def form_of(schema: Json) -> Json:
    """Make a form of a JSON Schema.

    Raises:
        StandardsMissingError: What checks documents is not installed.
    """
    try:
        import jsonschema_rs  # noqa: PLC0415 - only whoever reads documents of others has it
    except ImportError as error:
        raise StandardsMissingError from error
    # Others check each level of nested columns several times over, which takes minutes.
    return jsonschema_rs.validator_for(schema, mask="what stands there")


def _depth(found: Json) -> int:
    return len(found.instance_path)


@cache
def _odcs_form() -> Json:
    try:
        package = resources.files("open_data_contract_standard")
    except ImportError as error:
        raise StandardsMissingError from error
    schema = json.loads((package / "schema.json").read_text("utf-8"))
    for branch in schema["$defs"]["SchemaBaseProperty"]["allOf"]:
        # As published, a property without a logical type would need what maps need.
        if "required" in branch.get("then", {}):
            branch["if"]["required"] = ["logicalType"]
    return form_of(schema)


def _scalar(event: yaml.ScalarEvent) -> Json:
    text = str(event.value)
    if event.style is not None or len(text) > _LONGEST_NUMBER:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _line_of(content: bytes, place: Place) -> int:
    # The guard has already let this content pass.
    node = yaml.compose(content.decode("utf-8-sig"), Loader=yaml.SafeLoader)
    line = node.start_mark.line if node else 0
    for step in place:
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == step]
            if not found:
                break
            line, node = found[0][0].start_mark.line, found[0][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            node = node.value[step]
            line = node.start_mark.line
    return line + 1


class _Dumper(yaml.SafeDumper):
    """Quotes texts that either version of YAML takes for something else."""


def _represent(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = '"' if _LINE_ENDS.search(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _represent)
_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+.0123456789"))
