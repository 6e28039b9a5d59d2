"""Describe contracts, and keep the values of sensitive columns back.

In:  contracts, as `declare/written.py` wrote them into the registry; publications.
Out: entries of the catalogue; publications without the values that a profile holds.
"""

from collections.abc import Mapping
from dataclasses import replace

from mesh_dagster.declare.notation import type_text
from mesh_dagster.declare.written import is_sensitive
from mesh_dagster.discover.entries import ColumnEntry, ContractEntry, Json
from mesh_dagster.run.registry import Publication

_VALUES = ("minimum", "maximum", "mean")
"""What a profile says of the values of a column."""


def contract_entry(declared: Mapping[str, Json]) -> ContractEntry:
    """Describe a contract, as `declare/written.py` wrote it into the registry."""
    columns = tuple(map(_column_entry, declared["columns"]))
    whole = [f"({', '.join(key)}) unique" for key in declared["keys"]]
    rules = (*whole, *(rule["text"] for rule in declared["rules"]))
    return ContractEntry(declared["name"], declared["digest"], columns, rules)


def _column_entry(column: Mapping[str, Json]) -> ColumnEntry:
    known = column["metadata"]
    return ColumnEntry(
        name=column["name"],
        type=None if column["dtype"] is None else type_text(column["dtype"]),
        nullable=column["nullable"],
        unique=column["unique"],
        description=column["description"] or column["title"],
        unit=known.get("unit"),
        entity=known.get("entity"),
        sensitivity=known.get("sensitivity"),
        example=known.get("example"),
        rules=tuple(rule["text"].removeprefix(f"{column['name']} ") for rule in column["rules"]),
        sensitive=is_sensitive(known),
    )


def without_values(contract: ContractEntry, made: Publication) -> Publication:
    """Leave out of a profile what it says of the values of sensitive columns."""
    hidden = {column.name for column in contract.columns if column.sensitive}
    columns = [
        {**column, **(dict.fromkeys(_VALUES) if column["column"] in hidden else {})}
        for column in made.profile.get("columns", ())
    ]
    return replace(made, profile={**made.profile, "columns": columns})
