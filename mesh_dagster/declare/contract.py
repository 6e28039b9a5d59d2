"""Read a pandera model as the contract of a port: its columns, rules and keys.

In:  a `pandera.polars` `DataFrameModel` or `DataFrameSchema`.
Out: a `Contract`, plain values beside the schema itself.
Whether a frame keeps the contract is judged by `run/audit.py`; here nothing is executed. This file
and `run/fuse.py` are the only ones that know pandera's internals.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import pandera.polars as pa
import polars as pl

from mesh_dagster.declare.digest import schema_digest
from mesh_dagster.declare.slo import Freshness, Quality
from mesh_dagster.declare.written import Level, is_sensitive
from mesh_dagster.errors import ContractRefusedError

CheckName = Literal["schema", "values", "keys", "expectations"]
RuleKind = Literal[
    "closed", "ordered", "type", "every_type", "not_null", "check", "frame_check", "unique", "keys"
]
PanderaContract = pa.DataFrameSchema | type[pa.DataFrameModel]

_SIGNS = {
    "equal_to": ("value", "== {}"),
    "not_equal_to": ("value", "!= {}"),
    "greater_than": ("min_value", "> {}"),
    "greater_than_or_equal_to": ("min_value", ">= {}"),
    "less_than": ("max_value", "< {}"),
    "less_than_or_equal_to": ("max_value", "<= {}"),
}


@dataclass(frozen=True)
class Rule:
    """One thing that a contract demands; the order in a contract never changes for one schema."""

    text: str
    """How people read it, such as `amount >= 0`; unique within the contract."""
    check: CheckName
    """The Dagster check under which it is reported."""
    column: str | None = None
    """The column it speaks of; `None` for a rule over several columns."""
    level: Level = "error"
    """`warn` for a pandera check with `raise_warning`."""
    kind: RuleKind = "check"
    """What pandera calls on; with `column` and `number` it names one demand of the schema."""
    number: int = 0
    """Which check of the column or frame, or which composite key, counted from 0."""


@dataclass(frozen=True)
class Column:
    """What a contract promises of one column."""

    name: str
    dtype: pl.DataType | None
    """`None` when the contract leaves the type open."""
    nullable: bool
    unique: bool
    required: bool
    description: str | None
    metadata: dict[str, Any]  # Any: pandera lets people put anything there
    rules: tuple[str, ...]
    """The texts of its value rules."""

    @property
    def sensitive(self) -> bool:
        """Whether its values may be shown to nobody but readers of the port itself."""
        return is_sensitive(self.metadata)


@dataclass(frozen=True)
class Contract:
    """A pandera schema, read once."""

    schema: pa.DataFrameSchema = field(repr=False, compare=False)
    name: str
    columns: tuple[Column, ...]
    """In the contract's order; regex columns stand under their pattern."""
    rules: tuple[Rule, ...]
    keys: tuple[tuple[str, ...], ...]
    """Column sets whose values are unique: single columns first, then the composite key."""
    digest: str
    """Hex; equal for equal demands, whatever the descriptions say."""
    freshness: Freshness | None = None
    """What the contract itself promises, where it was read from a document."""
    quality: Quality | None = None
    """Likewise."""
    model: type[pa.DataFrameModel] | None = field(default=None, repr=False, compare=False)
    """The class that it was read from, if it was one."""

    @classmethod
    def of(cls, contract: "PanderaContract | Contract", who: str = "an audit") -> "Contract":
        """Read a pandera model or schema.

        Raises:
            ContractRefusedError: It is no `pandera.polars` model or schema, or cannot be built.
        """
        if isinstance(contract, Contract):
            return contract
        schema = _schema(contract, who)
        columns = tuple(_column(column, schema, who) for column in schema.columns.values())
        rules = tuple(_distinct(_rules(schema)))
        keys: list[tuple[str, ...]] = [(column.name,) for column in columns if column.unique]
        keys += [tuple(names) for names in composite_keys(schema)]
        name = schema.name or getattr(contract, "__name__", "contract")
        digest = schema_digest(schema, composite_keys(schema))
        model = contract if isinstance(contract, type) else None
        return cls(schema, name, columns, rules, tuple(keys), digest, model=model)

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names in the contract's order."""
        return tuple(column.name for column in self.columns)

    @property
    def sensitive_columns(self) -> frozenset[str]:
        """The names of the columns whose values may be shown to nobody but readers of the port."""
        return frozenset(column.name for column in self.columns if column.sensitive)

    @property
    def parses(self) -> bool:
        """Whether pandera may hand back another frame than it was given."""
        schema = self.schema
        columns = schema.columns.values()
        return bool(
            schema.coerce
            or schema.dtype is not None
            or schema.parsers
            or schema.strict == "filter"
            or schema.add_missing_columns
            or schema.drop_invalid_rows
            or any(
                column.coerce
                or column.parsers
                or column.default is not None
                or column.drop_invalid_rows
                for column in columns
            )
        )


def _schema(contract: object, who: str) -> pa.DataFrameSchema:
    if isinstance(contract, pa.DataFrameSchema):
        return contract
    if isinstance(contract, type) and issubclass(contract, pa.DataFrameModel):
        try:
            return contract.to_schema()
        except Exception as error:  # pandera raises anything from a faulty model
            raise ContractRefusedError(
                who,
                f"is the model '{contract.__name__}', from which pandera can make no schema",
                f"Call {contract.__name__}.to_schema() to see why.",
            ) from error
    kind = contract if isinstance(contract, type) else type(contract)
    raise ContractRefusedError(
        who,
        f"is {'the class' if contract is kind else 'of type'} '{kind.__module__}.{kind.__name__}'",
        "Give a DataFrameModel or DataFrameSchema of pandera.polars.",
    )


def _column(column: pa.Column, schema: pa.DataFrameSchema, who: str) -> Column:
    return Column(
        name=str(column.name),
        dtype=_dtype(column, schema, who),
        nullable=column.nullable,
        unique=column.unique,
        required=column.required,
        description=column.description,
        metadata=dict(column.metadata or {}),
        rules=tuple(rule_text(None, check) for check in column.checks),
    )


def _dtype(column: pa.Column, schema: pa.DataFrameSchema, who: str) -> pl.DataType | None:
    demanded = schema.dtype or column.dtype
    dtype = demanded.type if demanded is not None else None
    try:
        return dtype() if isinstance(dtype, type) else dtype
    except TypeError as error:  # a list, struct or enum whose parts are not named
        raise ContractRefusedError(
            who,
            f"has the column '{column.name}' of type {dtype}, but not of what",
            "Write it whole, such as pl.List(pl.String).",
        ) from error


def _rules(schema: pa.DataFrameSchema) -> Iterator[Rule]:
    yield from _shape_rules(schema)
    for name, column in schema.columns.items():
        yield from _column_rules(name, column)
    for number, check in enumerate(schema.checks):
        text = rule_text(None, check)
        yield Rule(text, "values", None, level_of(check), "frame_check", number)
    for name, column in schema.columns.items():
        if column.unique:
            yield Rule(unique_text([name]), "keys", name, kind="unique")
    for number, names in enumerate(composite_keys(schema)):
        yield Rule(unique_text(names), "keys", kind="keys", number=number)


def _shape_rules(schema: pa.DataFrameSchema) -> Iterator[Rule]:
    if schema.strict is True:
        yield Rule("no other column", "schema", kind="closed")
    if schema.ordered:
        yield Rule("columns in order", "schema", kind="ordered")
    if schema.dtype is not None and not schema.columns:
        # Without columns of its own, pandera gives each column of a batch this type, and no nulls.
        yield Rule(f"every column is {schema.dtype}", "schema", kind="every_type")
        yield Rule("every column not null", "values", kind="not_null")
    for name, column in schema.columns.items():
        dtype = schema.dtype or column.dtype
        yield Rule(f"{name} is {dtype or 'there'}", "schema", name, kind="type")


def _column_rules(name: str, column: pa.Column) -> Iterator[Rule]:
    if not column.nullable:
        yield Rule(not_null_text(name), "values", name, kind="not_null")
    for number, check in enumerate(column.checks):
        yield Rule(rule_text(name, check), "values", name, level_of(check), "check", number)


def composite_keys(schema: pa.DataFrameSchema) -> list[list[str]]:
    """Return the column sets of the schema's own `unique`, of which pandera takes several."""
    unique = schema.unique or []
    if all(isinstance(name, str) for name in unique):
        return [list(unique)] if unique else []
    return [list(names) for names in unique]


def not_null_text(column: str) -> str:
    """Name the rule that a column holds no null."""
    return f"{column} not null"


def unique_text(columns: list[str]) -> str:
    """Name the rule that a column, or a set of columns, holds no value twice."""
    return f"{columns[0]} unique" if len(columns) == 1 else f"({', '.join(columns)}) unique"


def level_of(check: pa.Check) -> Level:
    """Say whether a failing check refuses the batch or only warns."""
    return "warn" if check.raise_warning else "error"


def rule_text(column: str | None, check: pa.Check) -> str:
    """Name the rule that a pandera check stands for, such as `amount >= 0`."""
    statistics = check.statistics or {}
    argument, sign = _SIGNS.get(check.name or "", ("", ""))
    if argument in statistics:
        text = sign.format(statistics[argument])
    else:
        text = check.error or check.name or "check"
    return f"{column} {text}" if column else text


def _distinct(rules: Iterator[Rule]) -> Iterator[Rule]:
    taken: set[str] = set()
    for rule in rules:
        text, count = rule.text, 1
        while text in taken:
            count += 1
            text = f"{rule.text} ({count})"
        taken.add(text)
        yield replace(rule, text=text)
