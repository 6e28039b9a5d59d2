"""Hold a contract as plain data: what the registry keeps of it, and what other code locations know.

In:  values, as `declare/transcribe.py` takes them from a contract; or JSON.
Out: JSON; or the same values, read back equal.
A rule that somebody wrote as a function stays behind: its text and digest are known, but not what
it says. It is `opaque`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

from mesh_dagster.declare.notation import Json, NotWritableError, value_json, value_of

if TYPE_CHECKING:
    import polars as pl

Level = Literal["error", "warn"]
Arguments = Mapping[str, Any]  # Any: what a check compares with


def is_sensitive(metadata: Mapping[str, object]) -> bool:
    """Say whether a column's metadata classifies it as anything but public."""
    return metadata.get("sensitivity") not in (None, "public")


@dataclass(frozen=True)
class WrittenRule:
    """One check of a column or of the whole frame."""

    text: str
    """As `declare/contract.rule_text` writes it, with its column."""
    check: str | None
    """pandera's name of a built-in check, such as `in_range`; `None` for an opaque rule."""
    arguments: Arguments
    """What the built-in check compares with, as Python values; empty for an opaque rule."""
    level: Level
    ignore_na: bool
    error: str | None
    """The message that the team gave it."""
    digest: str
    """Hex; equal for equal rules, opaque ones included."""

    @property
    def opaque(self) -> bool:
        """Whether only the code location that declared it can judge it."""
        return self.check is None


@dataclass(frozen=True)
class WrittenColumn:
    """One column of a contract."""

    name: str
    dtype: "pl.DataType | None"
    """`None` when the contract leaves the type open."""
    nullable: bool
    unique: bool
    required: bool
    coerce: bool
    regex: bool
    drop_invalid_rows: bool
    default: Any  # Any: a value of the column
    title: str | None
    description: str | None
    metadata: Mapping[str, Any]  # Any: JSON; what is none stays behind
    rules: tuple[WrittenRule, ...]

    @property
    def sensitive(self) -> bool:
        """Whether its values may be shown to nobody but readers of the port itself."""
        return is_sensitive(self.metadata)


@dataclass(frozen=True)
class WrittenContract:
    """A contract without its code."""

    name: str
    digest: str
    """The contract's own."""
    columns: tuple[WrittenColumn, ...]
    """In the contract's order."""
    rules: tuple[WrittenRule, ...] = ()
    """The checks of the whole frame."""
    keys: tuple[tuple[str, ...], ...] = ()
    """The composite keys; single columns say so themselves."""
    strict: bool | Literal["filter"] = False
    ordered: bool = False
    coerce: bool = False
    add_missing_columns: bool = False
    drop_invalid_rows: bool = False
    title: str | None = None
    description: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)  # Any: JSON

    @classmethod
    def from_json(cls, written: Json) -> "WrittenContract":
        """Read a contract that `as_json` wrote.

        Raises:
            NotWritableError: It is none.
        """
        try:
            known = {part.name: written[part.name] for part in fields(cls)}
            known["columns"] = tuple(_read_column(column) for column in written["columns"])
            known["rules"] = tuple(map(_read_rule, written["rules"]))
            known["keys"] = tuple(map(tuple, written["keys"]))
            return cls(**known)
        except (KeyError, TypeError, AttributeError) as error:
            raise NotWritableError("a contract") from error

    def as_json(self) -> dict[str, Json]:
        """Write the contract as JSON."""
        return {
            **{part.name: getattr(self, part.name) for part in fields(self)},
            "columns": [_column_json(column) for column in self.columns],
            "rules": [_rule_json(rule) for rule in self.rules],
            "keys": [list(key) for key in self.keys],
            "metadata": dict(self.metadata),
        }

    @property
    def opaque(self) -> tuple[str, ...]:
        """The texts of the rules that cannot be read back, in the contract's order."""
        return tuple(rule.text for rule in self._all_rules() if rule.opaque)

    def column(self, name: str) -> WrittenColumn | None:
        """Return one column, if the contract names it."""
        return next((column for column in self.columns if column.name == name), None)

    def _all_rules(self) -> Iterator[WrittenRule]:
        yield from (rule for column in self.columns for rule in column.rules)
        yield from self.rules


def _column_json(column: WrittenColumn) -> Json:
    from mesh_dagster.declare.dtypes import type_json  # noqa: PLC0415 - brings polars

    return {
        **{part.name: getattr(column, part.name) for part in fields(column)},
        "dtype": None if column.dtype is None else type_json(column.dtype),
        "default": _default_json(column.default),
        "metadata": dict(column.metadata),
        "rules": [_rule_json(rule) for rule in column.rules],
    }


def _default_json(default: object) -> Json:
    try:
        return value_json(default)
    except NotWritableError:
        return None


def _rule_json(rule: WrittenRule) -> Json:
    arguments = {name: value_json(value) for name, value in rule.arguments.items()}
    return {
        **{part.name: getattr(rule, part.name) for part in fields(rule)},
        "arguments": arguments,
    }


def _read_column(written: Json) -> WrittenColumn:
    from mesh_dagster.declare.dtypes import type_of  # noqa: PLC0415 - brings polars

    known = {part.name: written[part.name] for part in fields(WrittenColumn)}
    known["dtype"] = None if written["dtype"] is None else type_of(written["dtype"])
    known["default"] = value_of(written["default"])
    known["rules"] = tuple(map(_read_rule, written["rules"]))
    return WrittenColumn(**known)


def _read_rule(written: Json) -> WrittenRule:
    known = {part.name: written[part.name] for part in fields(WrittenRule)}
    known["arguments"] = {name: value_of(value) for name, value in written["arguments"].items()}
    return WrittenRule(**known)
