"""Check the plain arguments of a declaration, each with a message that says what to write.

In:  what a team wrote for a version, an owner, a span, a cadence and so on.
Out: the same value, typed, or a `DeclarationError`.
Arguments of more than one word, such as contracts and signatures, have files of their own.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, cast, get_args

import polars as pl

from mesh_dagster.declare.contract import Contract
from mesh_dagster.declare.port import Execution, Honours, InputPort
from mesh_dagster.declare.slo import Freshness, Quality, is_cron
from mesh_dagster.declare.wiring import Build
from mesh_dagster.errors import DeclarationError, nearest

_VERSION = re.compile(r"(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)", re.ASCII)
_OWNER = re.compile(r"team:\S.*|[^@\s]+@[^@\s]+\.[^@\s]+")
_TAG = re.compile(r"([A-Za-z0-9_.-]{1,63}/)?[A-Za-z0-9_.-]{1,63}", re.ASCII)
_TAG_VALUE = re.compile(r"[A-Za-z0-9_.-]{0,63}", re.ASCII)
_MOST_SAMPLE_ROWS = 1_000
_SHORTEST_RETENTION = timedelta(hours=1)
_STEP_ARGUMENTS = tuple(Execution.__dataclass_fields__)
INTERNAL_ARGUMENTS = ("description", "io_manager_key", "made_from", *_STEP_ARGUMENTS)
"""What `internal` takes by name."""
PORT_ARGUMENTS = (
    "contract", "freshness", "quality", "description", "partition_column", "sample_rows", "honours",
    "state", "made_from",
    *_STEP_ARGUMENTS,
)  # fmt: skip
"""What `port` takes by name."""


def require_version(who: str, version: object) -> str:
    """Return a semantic version."""
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        raise DeclarationError(who, f"has version {version!r}", "Write a text such as '1.0.0'.")
    return version


def require_owner(who: str, owner: object) -> str:
    """Return `team:` and a name, or an e-mail address."""
    if not isinstance(owner, str) or not _OWNER.fullmatch(owner):
        raise DeclarationError(
            who, f"has owner {owner!r}", "Write 'team:name' or an e-mail address."
        )
    return owner


def require_purpose(who: str, purpose: object) -> str:
    """Return the purpose without blanks around it."""
    if not isinstance(purpose, str) or not purpose.strip():
        raise DeclarationError(who, "has no purpose", "Say in one sentence what it is for.")
    if any("\ud800" <= letter <= "\udfff" for letter in purpose):
        problem = "has a purpose with half a surrogate pair, which no file can hold"
        raise DeclarationError(who, problem, "Read it in the encoding in which it was written.")
    return purpose.strip()


def require_retention(who: str, retention: object) -> timedelta:
    """Return a span of at least an hour."""
    if not isinstance(retention, timedelta) or retention < _SHORTEST_RETENTION:
        raise DeclarationError(
            who, f"has retention {retention}", "Give a timedelta of at least one hour."
        )
    return retention


def require_sample_rows(who: str, rows: object) -> int:
    """Return how many rows of a publication are kept for people to look at."""
    if not isinstance(rows, int) or isinstance(rows, bool) or not 0 <= rows <= _MOST_SAMPLE_ROWS:
        raise DeclarationError(
            who, f"keeps {rows!r} rows as a sample", f"Give a number from 0 to {_MOST_SAMPLE_ROWS}."
        )
    return rows


def require_tags(who: str, tags: object) -> dict[str, str]:
    """Return tags that Dagster takes on every asset."""
    given = _mapping(who, "tags", tags)
    for key, value in given.items():
        for what, text, pattern in (("key", key, _TAG), ("value", value, _TAG_VALUE)):
            if not isinstance(text, str) or not pattern.fullmatch(text):
                raise DeclarationError(
                    who,
                    f"has the tag {what} {text!r}",
                    "Use at most 63 letters, digits, '_', '-' and '.'; a key may have a prefix "
                    "that ends with '/'.",
                )
    return given


def require_inputs(who: str, inputs: object) -> dict[str, InputPort]:
    """Return input ports by the names of the parameters that take them."""
    given = _mapping(who, "inputs", inputs)
    for name, port in given.items():
        if not isinstance(port, InputPort):
            raise DeclarationError(
                who,
                f"has the input '{name}' of type '{type(port).__name__}'",
                "Write md.InputPort('mesh://domain/product/v1/port').",
            )
    return given


def require_freshness(who: str, freshness: object, contract: Contract) -> Freshness | None:
    """Return a freshness promise whose column is a time of the contract."""
    if freshness is None:
        return None
    if not isinstance(freshness, Freshness):
        raise DeclarationError(
            who,
            f"has freshness of type '{type(freshness).__name__}'",
            "Write md.Freshness(within=timedelta(...)).",
        )
    if freshness.by is not None:
        _require_event_column(who, freshness.by, contract)
    if freshness.per is not None:
        _require_group_column(who, freshness.per, contract)
    return freshness


def require_quality(who: str, quality: object) -> Quality:
    """Return a quality promise; the strictest when none was made."""
    if quality is None:
        return Quality()
    if not isinstance(quality, Quality):
        raise DeclarationError(
            who,
            f"has quality of type '{type(quality).__name__}'",
            "Write md.Quality(valid_rows=..., otherwise=...).",
        )
    return quality


def require_honours(who: str, honours: object) -> Honours:
    """Return what happens to a batch that breaks the expectation of a consumer."""
    for known in get_args(Honours):
        if honours == known:
            return cast("Honours", known)
    raise DeclarationError(who, f"has honours={honours!r}", "Use 'warn' or 'refuse'.")


def partition_columns(who: str, given: object, contract: Contract) -> dict[str, str]:
    """Read the `partition_column` argument of a port.

    Returns:
        Partition dimension to column; `""` stands for the only dimension.
    """
    if given is not None and not isinstance(given, str | Mapping):
        raise DeclarationError(
            who,
            f"has a partition column of type '{type(given).__name__}'",
            "Name one column, or a column for each dimension in a dict.",
        )
    columns = {"": given} if isinstance(given, str) else dict(given or {})
    for column in columns.values():
        if column not in contract.column_names:
            raise DeclarationError(
                who,
                f"has the partition column '{column}', which its contract does not name",
                f"Name one of its columns.{nearest(str(column), contract.column_names)}",
            )
    return columns


def execution_of(
    who: str,
    given: Mapping[str, Any],  # Any: the fields of `Execution`
    known: Iterable[str],
) -> Execution:
    """Read the arguments that are handed on to Dagster.

    Args:
        who: The step, as messages name it.
        given: Every argument that the step does not take itself.
        known: Every argument that the step takes, from which a misspelt one is corrected.
    """
    for name in given:
        if name not in _STEP_ARGUMENTS:
            raise DeclarationError(
                who,
                f"has the unknown argument '{name}'",
                f"Correct or remove it.{nearest(name, known)}",
            )
    cadence = given.get("cadence")
    if cadence is not None and not is_cron(cadence):
        raise DeclarationError(
            who, f"has cadence {cadence!r}", "Write a cron expression such as '0 * * * *'."
        )
    return Execution(**{name: value for name, value in given.items() if value is not None})


def require_same_partitions(
    who: str, execution: Execution, build: Build, inputs: Mapping[str, InputPort]
) -> Execution:
    """Return how a step is run: in partitions, if it reads the same one of an input."""
    for name in (parameter.name for parameter in build.taken("input")):
        if inputs[name].same_partition and execution.partitions is None:
            raise DeclarationError(
                who,
                f"reads the same partition of '{name}', and has no partitions itself",
                "Give it 'partitions' too, or read the whole port, without same_partition.",
            )
    return execution


def key_path(who: str, asset: object) -> tuple[str, ...]:
    """Return the asset key of what a product adopts, as the path that Dagster's keys carry."""
    try:
        path = getattr(getattr(asset, "key", asset), "path", None)
    except Exception as error:  # Dagster raises its own for an asset with several keys
        raise _no_single_key(who, asset) from error
    if not isinstance(path, list | tuple) or not path:
        raise _no_single_key(who, asset)
    return tuple(path)


def _mapping(who: str, what: str, given: object) -> dict[str, Any]:  # Any: checked by the caller
    if given is not None and not isinstance(given, Mapping):
        raise DeclarationError(
            who, f"has {what} of type '{type(given).__name__}'", "Give a dict by name."
        )
    return dict(given or {})


def _no_single_key(who: str, asset: object) -> DeclarationError:
    return DeclarationError(
        who,
        f"adopts a '{type(asset).__name__}' that has not exactly one asset key",
        "Give an asset, an AssetSpec or an AssetKey.",
    )


def _require_event_column(who: str, name: str, contract: Contract) -> None:
    problem = f"promises freshness by '{name}', which "
    column = next((column for column in contract.columns if column.name == name), None)
    if column is None:
        raise DeclarationError(
            who,
            f"{problem}its contract does not name",
            f"Name one of its columns.{nearest(name, contract.column_names)}",
        )
    if not isinstance(column.dtype, pl.Datetime | pl.Date):
        raise DeclarationError(
            who, f"{problem}has type {column.dtype}", "Name a column of type Datetime or Date."
        )


def _require_group_column(who: str, name: str, contract: Contract) -> None:
    problem = f"promises freshness per '{name}', which "
    column = next((column for column in contract.columns if column.name == name), None)
    if column is None:
        raise DeclarationError(
            who,
            f"{problem}its contract does not name",
            f"Name one of its columns.{nearest(name, contract.column_names)}",
        )
    dtype = column.dtype
    if dtype is not None and (dtype.is_nested() or dtype.is_float() or dtype == pl.Binary):
        raise DeclarationError(
            who, f"{problem}has type {column.dtype}", "Name a column with few plain values."
        )
