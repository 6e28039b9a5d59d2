"""Whatever a file holds, reading it ends soon: in a document, or in one plain message."""

import random
import time
from pathlib import Path

import pytest
import yaml

from mesh_dagster.discover.documents import Json, check_odcs, read_document, write_documents
from mesh_dagster.discover.odcs.files import read_contract
from mesh_dagster.discover.odps import read_product
from mesh_dagster.errors import DocumentRefusedError, MeshError, UnknownTableError
from tests.discover.odcs import exported
from tests.discover.scenario import invoices

HEAD = (
    "apiVersion: v3.1.0\nkind: DataContract\nid: a\nversion: 1.0.0\nstatus: active\n"
    "schema:\n- name: lines\n  properties:\n"
)
LAUGHS = "a: &a [x, x]\n" + "".join(
    f"{name}: &{name} [*{before}, *{before}]\n"
    for before, name in zip("abcdefghijklmnopqrst", "bcdefghijklmnopqrstu", strict=True)
)


def nested_columns(depth: int) -> str:
    lines = []
    for level in range(depth):
        pad = "  " * level
        lines += [f"{pad}  - name: a", f"{pad}    logicalType: object", f"{pad}    properties:"]
    return HEAD + "\n".join([*lines, "  " * depth + "  - name: a\n"])


HOSTILE = {
    "many of the same": LAUGHS.encode(),
    "an alias of itself": b"a: &a [*a]",
    "deep brackets": b"[" * 30_000,
    "deep braces": b"{a: " * 30_000,
    "deep dashes": b"- " * 30_000,
    "deep questions": b"? " * 30_000,
    "a long number": b"version: " + b"9" * 200_000,
    "a long exponent": HEAD.encode() + b"  - name: a\n    logicalTypeOptions: {minimum: 1e999999}",
    "too long": b"a: " + b"x" * 300_000,
    "too many": b"[" + b"a," * 30_000 + b"]",
    "a tag": b"!!python/object/apply:os.system ['true']",
    "a merge": b"a: &a {b: c}\nd: {<<: *a}",
    "a repeated key": b"kind: DataContract\nkind: DataContract\n",
    "two documents": b"a: b\n---\nc: d\n",
    "no text": b"\xff\xfe\x00\x01",
    "a null byte": b"a: \x00",
    "nothing": b"",
    "a list": b"[1, 2]",
    "a number": b"5",
    "nested columns": nested_columns(13).encode(),
    "a key that is a list": b"? [a, b]\n: c\n",
    "many patterns": HEAD.encode()
    + b"".join(
        b"  - {name: c%d, logicalType: string, logicalTypeOptions: {pattern: '%d\\w{90}'}}\n"
        % (number, number)
        for number in range(1_000)
    ),
    "a bomb of a pattern": HEAD.encode() + b"  - name: a\n    logicalType: string\n"
    b"    logicalTypeOptions: {pattern: '((((a{99}){99}){99}){99}){99}'}\n",
}


def outcome(path: Path, content: bytes) -> str:
    """Read a file, and return the message if it is refused; anything else is raised."""
    path.write_bytes(content)
    try:
        read_contract(path)
    except MeshError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_at_once(name: str, tmp_path: Path) -> None:
    begun = time.process_time()

    said = outcome(tmp_path / "c.yaml", HOSTILE[name])

    assert time.process_time() - begun < 5
    assert said.startswith(f"The file '{tmp_path / 'c.yaml'}' ") or name == "nested columns"
    assert said.endswith("Nothing was read from it.") or name == "nested columns"


def test_a_file_that_was_changed_at_random_is_read_or_refused(tmp_path: Path) -> None:
    chance = random.Random(7)  # noqa: S311 - the same each time
    whole = write_documents([exported(invoices())]).encode()
    parts = [b"[", b"]", b"{", b": ", b"- ", b"&a ", b"*a", b"!!x ", b"null", b"1e9", b"\n", b"'"]
    refused = 0

    for _ in range(200):
        changed = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            begin = chance.randrange(len(changed))
            end = min(begin + chance.choice([0, 0, 1, 3, 30]), len(changed))
            changed[begin:end] = chance.choice([*parts, bytes([chance.randrange(256)]), b""])
        refused += bool(outcome(tmp_path / "c.yaml", bytes(changed)))

    assert 30 < refused < 200


def test_every_value_of_a_document_may_be_of_another_kind(tmp_path: Path) -> None:
    document = exported(invoices())
    odd: list[Json] = [None, "", 0, -1, 1.5, True, [], {}, [None], {"a": None}, "x" * 99, 10**30]
    chance = random.Random(7)  # noqa: S311 - the same each time
    cases = [(place, chance.choice(odd)) for place in places(document)]

    refused = [
        bool(outcome(tmp_path / "c.yaml", write_documents([other]).encode()))
        for other in (exchanged(document, place, kind) for place, kind in cases)
    ]

    assert 40 < sum(refused) < len(refused)


def places(document: Json, here: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return the places of all values, outermost first."""
    inside = document.items() if isinstance(document, dict) else enumerate(document)
    found = []
    for step, value in inside:
        found.append((*here, step))
        if isinstance(value, dict | list):
            found += places(value, (*here, step))
    return found


def exchanged(document: Json, place: tuple[str | int, ...], value: Json) -> Json:
    """Return a copy with another value in one place."""
    copy: Json = list(document) if isinstance(document, list) else dict(document)
    step, *rest = place
    copy[step] = exchanged(copy[step], tuple(rest), value) if rest else value
    return copy


PART = "{name: b, physicalType: int}"
PANDERA = "type: custom, engine: pandera, implementation"
ODD_COLUMNS = [
    (
        "logicalType: timestamp, logicalTypeOptions: {timezone: true, defaultTimezone: Berlin}",
        "names a time zone that nobody knows",
        ".logicalTypeOptions.defaultTimezone",
    ),
    (
        f"logicalType: object, properties: [{PART}, {PART}]",
        "names a column twice",
        ".properties.1",
    ),
    (
        "logicalType: boolean, logicalTypeOptions: {pattern: a}",
        "has an option that its type does not have",
        ".logicalTypeOptions.pattern",
    ),
    (
        f"quality: [{{{PANDERA}: {{check: [a], arguments: {{}}}}}}]",
        "names no check of pandera with its arguments",
        ".quality.0.implementation",
    ),
    (
        f"quality: [{{{PANDERA}: {{check: isin, arguments: {{allowed_values: {{date: May}}}}}}}}]",
        "compares with a value that cannot be read",
        ".quality.0.implementation",
    ),
    (
        f"quality: [{{{PANDERA}: {{check: str_matches, arguments: {{pattern: [a]}}}}}}]",
        "has a pattern that polars cannot follow, such as one that looks ahead",
        ".quality.0.implementation",
    ),
    (
        "customProperties: [{property: meshType, value: {Text: 5}}]",
        "has a custom property 'meshType' that is no type",
        "",
    ),
    (
        "customProperties: [{property: meshColumn, value: 5}]",
        "has a custom property 'meshColumn' that is no mapping",
        "",
    ),
    (
        "customProperties: [{property: meshColumn, value: {default: {date: May}}}]",
        "has a custom property 'meshColumn' with a default that is no value",
        "",
    ),
    *(
        (
            (
                f"logicalType: {logical}, quality: [{{metric: invalidValues, mustBe: 0, "
                f"arguments: {{validValues: [{value}]}}}}]"
            ),
            "compares a column with what its type cannot be",
            ".quality.0.arguments.validValues",
        )
        for logical, value in (
            ("string", "5"),
            ("boolean", "yes"),
            ("integer", "true"),
            ("timestamp", "'2026-01-01T00:00:00+01:00'"),
            ("timestamp, logicalTypeOptions: {timezone: true}", "'2026-01-01 00:00:00'"),
            ("array, items: {logicalType: string}", "a"),
        )
    ),
]
ODD_PROMISES = [
    ("meshQuality", "{valid_rows: 5}", "quality"),
    ("meshQuality", "{rows: [1]}", "quality"),
    ("meshQuality", "5", "quality"),
]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("kind: DataContract\n", 'is no ODCS document: "version" is a required property in line 1'),
        (
            HEAD + "  - name: a\n    logicalType: text\n",
            (
                'is no ODCS document: what stands there is not one of "string", "date" or 9 other '
                "candidates at 'schema.0.properties.0.logicalType' in line 10"
            ),
        ),
        (
            HEAD + "  - name: a\n    colour: red\n",
            (
                "is no ODCS document: Unevaluated properties are not allowed "
                "('colour' was unexpected) at 'schema.0.properties.0' in line 9"
            ),
        ),
        (
            HEAD + "  - name: a\n  - name: a\n",
            "names a column twice at 'schema.0.properties.0' in line 9",
        ),
        (
            HEAD + "  - name: a\n    logicalType: date\n    logicalTypeOptions: {minimum: May}\n",
            (
                "compares a column with what its type cannot be at "
                "'schema.0.properties.0.logicalTypeOptions.minimum' in line 11"
            ),
        ),
        (
            HEAD + "  - name: a\n    logicalType: string\n    logicalTypeOptions:\n"
            "      pattern: a(?=b)\n",
            (
                "has a pattern that polars cannot follow, such as one that looks ahead at "
                "'schema.0.properties.0.logicalTypeOptions.pattern' in line 12"
            ),
        ),
        *(
            (
                HEAD + f"  - {{name: a, {fields}}}\n",
                f"{problem} at 'schema.0.properties.0{place}' in line 9",
            )
            for fields, problem, place in ODD_COLUMNS
        ),
        *(
            (
                HEAD + f"  - name: a\ncustomProperties:\n- {{property: {name}, value: {value}}}\n",
                f"promises a {what} that no port can keep at 'customProperties' in line 10",
            )
            for name, value, what in ODD_PROMISES
        ),
        ("a: [1\nb: 2\n", "is no YAML in line 2"),
        ("a: &x 1\n", "has an anchor or alias in line 1"),
    ],
)
def test_a_message_says_what_stands_where(text: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    remedy = (
        "Write plain YAML."
        if problem.startswith(("is no YAML", "has an anchor"))
        else ("Correct it there.")
    )

    assert outcome(path, text.encode()) == (
        f"The file '{path}' {problem}. {remedy} Nothing was read from it."
    )


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DocumentRefusedError) as refused:
        read_contract(tmp_path / "none.yaml")

    assert str(refused.value) == (
        f"The file '{tmp_path / 'none.yaml'}' cannot be read. Correct its path. "
        "Nothing was read from it."
    )


def test_a_table_must_be_named_where_there_are_several(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(HEAD + "  - name: a\n- name: totals\n", encoding="utf-8")
    read = read_contract(path)

    with pytest.raises(UnknownTableError) as several:
        read.table()
    with pytest.raises(UnknownTableError) as unknown:
        read.table("total")

    assert str(several.value) == (
        f"The file '{path}' describes no single table. Known: 'lines', 'totals'. "
        "Say which by schema='name', in a command by FILE#name. Nothing was read from it."
    )
    assert str(unknown.value) == (
        f"The file '{path}' has no table 'total'. Did you mean 'totals'? "
        "Say which by schema='name', in a command by FILE#name. Nothing was read from it."
    )


def test_a_product_document_is_checked_too(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("apiVersion: v1.0.0\nkind: DataProduct\nid: a\n", encoding="utf-8")

    with pytest.raises(DocumentRefusedError) as refused:
        read_product(path)

    assert str(refused.value) == (
        f"The file '{path}' is no ODPS document: \"status\" is a required property in line 1. "
        "Correct it there. Nothing was read from it."
    )


TEXTS = [
    "NO", "yes", "~", "", "null", "1e3", "0o17", "0x1F", "12:30:00", "2026-01-01", "1_000", "1.",
    ".inf", " a ", "- a", "a: b", "#a", "=", "é", "\x85", "\u2028", "a\nb", "'", '"', "\t",
]  # fmt: skip
VALUES: list[Json] = [*TEXTS, 1, -0.0, 1.5, 1e300, True, None, 10**30, {}, [], [[1], {"a": {}}]]


def test_every_value_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(write_documents([{"values": VALUES}]), encoding="utf-8")

    again = read_document(path, lambda _: None)["values"]

    assert list(map(repr, again)) == list(map(repr, VALUES))
    # The readers of others know YAML 1.1.
    assert yaml.safe_load(path.read_text("utf-8"))["values"] == VALUES


def test_scalars_are_those_of_yaml_1_2(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("[NO, 12:30:00, 2026-01-01, 1.0.0, 5, 1e3, true, ~, '5']", encoding="utf-8")

    read = read_document(path, lambda _: None)

    assert read == ["NO", "12:30:00", "2026-01-01", "1.0.0", 5, 1000.0, True, None, "5"]


def test_a_property_without_a_logical_type_is_allowed() -> None:
    column = {"name": "a", "physicalType": "int"}
    document = {
        "apiVersion": "v3.2.0",
        "kind": "DataContract",
        "id": "a",
        "version": "1",
        "schema": [{"name": "lines", "properties": [column]}],
    }

    check_odcs(document)
