"""State what a consumer relies on in an input port: columns, types and rules.

In:  a `pandera.polars` model or schema, or the names of columns.
Out: a `Contract`, of which the mesh judges whether the port keeps it; nothing is parsed for it, so
`coerce`, defaults and the like of the model do nothing here.
"""

from collections.abc import Sequence

import pandera.polars as pa

from mesh_dagster.declare.contract import Contract, PanderaContract
from mesh_dagster.errors import DeclarationError, nearest


def stated_by(
    address: str, expects: PanderaContract | None, columns: Sequence[str] | None
) -> Contract | None:
    """Read what an input port states of the columns, types and rules that it needs.

    Args:
        address: The port that is read.
        expects: A model or schema.
        columns: Names alone; instead of `expects`.

    Raises:
        ContractRefusedError: `expects` is no model or schema.
        DeclarationError: Both are given, or no column is named, or one by a pattern.
    """
    if expects is None:
        return None if columns is None else _of_names(f"The input port '{address}'", columns)
    if columns is not None:
        raise DeclarationError(
            f"The input port '{address}'",
            "has both 'expects' and 'columns'",
            "Give one of them; 'expects' names its columns itself.",
        )
    return expectation_of(address, expects)


def expectation_of(address: str, expects: PanderaContract) -> Contract:
    """Read a model or schema as what is expected of a port; raises as `stated_by` does."""
    expected = Contract.of(expects, f"the input port '{address}'")
    _require_names(f"The input port '{address}'", expected)
    return expected


def _of_names(who: str, columns: Sequence[str]) -> Contract:
    if isinstance(columns, str) or not all(isinstance(name, str) for name in columns):
        raise DeclarationError(who, "has 'columns' that are no names", "Give a list of names.")
    named = {name: pa.Column(nullable=True) for name in columns}
    expected = Contract.of(pa.DataFrameSchema(named, name="columns"))
    _require_names(who, expected)
    return expected


def _require_names(who: str, expected: Contract) -> None:
    if not expected.columns:
        raise DeclarationError(
            who, "expects no column", "Name the columns that are needed, or expect nothing."
        )
    for column in expected.schema.columns.values():
        if column.regex:
            raise DeclarationError(
                who,
                f"expects columns by the pattern '{column.name}'",
                "Name each column that is needed.",
            )
    for name in (name for key in expected.keys for name in key):
        if name not in expected.column_names:
            raise DeclarationError(
                who,
                f"expects a key with the column '{name}', which it does not name",
                f"Name it, or correct 'unique'.{nearest(name, expected.column_names)}",
            )
