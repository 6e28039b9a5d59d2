"""Write a contract as an ODCS schema object, such as a table, and read it.

In:  a `WrittenContract`; or a schema object.
Out: the other of the two.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mesh_dagster.declare.contract import Contract
from mesh_dagster.declare.transcribe import schema_of, written
from mesh_dagster.declare.written import WrittenContract
from mesh_dagster.discover.documents import Json, PlaceError, at
from mesh_dagster.discover.odcs.columns import ReadColumn, property_of, read_property
from mesh_dagster.discover.odcs.custom import custom_fields, customs_of, merged
from mesh_dagster.discover.odcs.rules import custom_check, is_metric, of_custom_check

SOURCE = "odcs"
"""Under this name a contract's metadata holds the document that it was read from."""
FLAGS = "meshContract"
"""What pandera demands of a frame and ODCS has no word for."""
_FLAGS = ("ordered", "coerce", "add_missing_columns", "drop_invalid_rows")
_TWICE = "duplicateValues"
_KEYED = "properties"
Range = tuple[int, int | None]
Key = tuple[str, ...]


@dataclass(frozen=True)
class ReadTable:
    """A schema object as it was read."""

    node: Json
    contract: WrittenContract
    columns: Mapping[str, ReadColumn]
    unread: tuple[Json, ...]
    """The checks of the whole table that no rule can say."""
    rows: Range | None = None
    """The fewest and the most rows, where a check says so."""

    @property
    def all_unread(self) -> tuple[tuple[str, Json], ...]:
        """The checks that nobody carries out, each with the name of what it is about."""
        whole = tuple((self.contract.name, check) for check in self.unread)
        return whole + tuple(
            (name, check) for name, read in self.columns.items() for check in read.unread
        )


def table_of(
    contract: WrittenContract, name: str, read: ReadTable | None = None, rows: Range | None = None
) -> dict[str, Json]:
    """Write a contract.

    Args:
        contract: What is promised.
        name: The name of the table.
        read: The schema object that it was read from, if any.
        rows: The fewest and the most rows of the table, if that is promised too.
    """
    columns = read.columns if read else {}
    primary = _primary(contract)
    properties = [
        property_of(
            column,
            columns.get(column.name),
            primary.index(column.name) + 1 if column.name in primary else None,
        )
        for column in contract.columns
    ]
    quality = [*_key_checks(contract), *_row_checks(rows), *map(custom_check, contract.rules)]
    if read is not None:
        if _same_whole(contract, rows, read):
            return {**read.node, **({"properties": properties} if properties else {})}
        quality += read.unread
    described = {"businessName": contract.title, "description": contract.description}
    ours = {
        "name": name,
        "physicalType": "table",
        **{field: text for field, text in described.items() if text is not None},
        **({"quality": quality} if quality else {}),
        "properties": properties,
        **custom_fields(_customs(contract, name)),
    }
    return ours if read is None else merged(ours, {**read.node, "quality": quality})


def read_table(node: Json) -> ReadTable:
    """Read a schema object.

    Raises:
        PlaceError: It asks for what no contract can promise.
    """
    columns = _columns(node.get("properties") or ())
    customs = customs_of(node)
    flags = customs.pop(FLAGS, {})
    if not isinstance(flags, dict):
        raise PlaceError(f"has a custom property '{FLAGS}' that is no mapping")
    keys, rows, rules, unread = _read_checks(node.get("quality") or ())
    strict = flags.get("strict", False)
    primary = _primary_key(columns)
    if len(primary) > 1:
        keys.append(primary)
    promised = [read.column for read in columns.values()]
    if len(primary) == 1 and primary not in keys:
        promised = [replace(c, unique=c.unique or c.name in primary) for c in promised]
    draft = WrittenContract(
        name=str(flags.get("name", node["name"])),
        digest="",
        columns=tuple(promised),
        rules=tuple(rules),
        keys=tuple(dict.fromkeys(keys)),
        strict="filter" if strict == "filter" else strict is True,
        title=node.get("businessName"),
        description=node.get("description"),
        metadata=customs,
        **{name: flags.get(name) is True for name in _FLAGS},
    )
    settled = _settled(draft)
    taken = {
        read.column.name: replace(read, column=column)
        for read, column in zip(columns.values(), settled.columns, strict=True)
    }
    return ReadTable(node, settled, taken, tuple(unread), rows)


def _columns(properties: Sequence[Json]) -> dict[str, ReadColumn]:
    names = Counter(node["name"] for node in properties)
    columns = {}
    for number, node in enumerate(properties):
        with at("properties", number):
            if names[node["name"]] > 1:
                raise PlaceError("names a column twice")
            columns[node["name"]] = read_property(node)
    return columns


def _primary_key(columns: Mapping[str, ReadColumn]) -> Key:
    placed = [(read.primary, name) for name, read in columns.items() if read.primary is not None]
    return tuple(name for _, name in sorted(placed))


def _primary(contract: WrittenContract) -> Key:
    """Return the first key whose columns hold no nulls."""
    filled = {column.name for column in contract.columns if not column.nullable}
    single = [(column.name,) for column in contract.columns if column.unique]
    return next((key for key in (*single, *contract.keys) if filled.issuperset(key)), ())


def _settled(draft: WrittenContract) -> WrittenContract:
    """Return a contract as pandera takes it, with the texts and digests of its rules."""
    try:
        return written(Contract.of(schema_of(draft)))
    except Exception as error:  # pandera raises anything from arguments that cannot be
        raise PlaceError("asks for a check with arguments that pandera does not take") from error


def _same_whole(contract: WrittenContract, rows: Range | None, read: ReadTable) -> bool:
    """Say whether all but the columns is as it was read."""
    metadata = {n: value for n, value in contract.metadata.items() if n != SOURCE}
    bare = replace(contract, columns=(), digest="", metadata=metadata)
    return bare == replace(read.contract, columns=(), digest="") and rows == read.rows


def _key_checks(contract: WrittenContract) -> list[Json]:
    return [
        {"type": "library", "metric": _TWICE, "arguments": {_KEYED: list(key)}, "mustBe": 0}
        for key in contract.keys
    ]


def _row_checks(rows: Range | None) -> list[Json]:
    if rows is None:
        return []
    fewest, most = rows
    operator: dict[str, Json] = {"mustBeBetween": [fewest, most]}
    if most is None:
        operator = {"mustBeGreaterOrEqualTo": fewest}
    elif fewest == most:
        operator = {"mustBe": fewest}
    return [{"type": "library", "metric": "rowCount", **operator}]


def _customs(contract: WrittenContract, name: str) -> dict[str, Json]:
    flags: dict[str, Json] = {name: True for name in _FLAGS if getattr(contract, name)}
    if contract.strict:
        flags["strict"] = contract.strict
    if contract.name != name:
        flags["name"] = contract.name
    customs = {n: value for n, value in contract.metadata.items() if n != SOURCE}
    return {**customs, FLAGS: flags} if flags else customs


def _read_checks(
    quality: Sequence[Json],
) -> tuple[list[Key], Range | None, list[Json], list[Json]]:
    keys: list[Key] = []
    rows: Range | None = None
    rules, unread = [], []
    for number, check in enumerate(quality):
        with at("quality", number):
            rule = of_custom_check(check) if check.get("type") == "custom" else None
        counted = _range(check)
        key = _key(check)
        if rule is not None:
            rules.append(rule)
        elif key:
            keys.append(key)
        elif counted is not None and rows is None:
            rows = counted
        else:
            unread.append(check)
    return keys, rows, rules, unread


def _key(check: Json) -> Key:
    named = (check.get("arguments") or {}).get(_KEYED)
    if not is_metric(check, _TWICE) or not isinstance(named, list):
        return ()
    return tuple(dict.fromkeys(map(str, named)))


def _range(check: Json) -> Range | None:
    """Return the fewest and the most rows that a check allows; both are allowed."""
    if check.get("metric") != "rowCount" or "unit" in check:
        return None
    fewest, most = 0, None
    match {name: value for name, value in check.items() if name.startswith("must")}:
        case {"mustBe": int(exact)}:
            fewest, most = exact, exact
        case {"mustBeGreaterThan": int(below)}:
            fewest = below + 1
        case {"mustBeGreaterOrEqualTo": int(least)}:
            fewest = least
        case {"mustBeLessThan": int(above)}:
            most = above - 1
        case {"mustBeLessOrEqualTo": int(largest)}:
            most = largest
        case {"mustBeBetween": [int(least), int(largest)]}:
            fewest, most = least, largest
        case _:
            return None
    return (fewest, most) if fewest >= 0 and (most is None or fewest <= most) else None
