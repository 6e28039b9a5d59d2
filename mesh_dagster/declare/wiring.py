"""Read the signature of a build function: what it takes, and as which kind of frame.

In:  a plain function whose parameters are named after internals and input ports.
Out: a `Build`, which the run stage calls and the compile stage turns into Dagster inputs.
"""

import inspect
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Literal

from mesh_dagster.errors import DeclarationError, UnknownParameterError

FrameKind = Literal["lazy", "eager", "duckdb", "arrow"]
Source = Literal["internal", "input", "context", "resource"]
BuildFunction = Callable[..., object]

_KINDS: dict[tuple[str, str], FrameKind] = {
    ("polars", "LazyFrame"): "lazy",
    ("polars", "DataFrame"): "eager",
    ("duckdb", "DuckDBPyRelation"): "duckdb",
    ("pyarrow", "Table"): "arrow",
}


@dataclass(frozen=True)
class Parameter:
    """One parameter of a build function."""

    name: str
    source: Source
    """Where its value comes from."""
    kind: FrameKind = "lazy"
    """The frame that it expects, for `internal` and `input`."""
    annotation: object = None
    """The resource class, for `resource`."""


@dataclass(frozen=True)
class Build:
    """A build function and its wiring."""

    function: BuildFunction
    parameters: tuple[Parameter, ...]

    @property
    def name(self) -> str:
        """The function's name, which names the internal or port."""
        return self.function.__name__

    @property
    def description(self) -> str | None:
        """The function's docstring."""
        return inspect.getdoc(self.function)

    def taken(self, source: Source) -> tuple[Parameter, ...]:
        """Return the parameters that come from one source."""
        return tuple(p for p in self.parameters if p.source == source)


def wire(
    function: BuildFunction, who: str, internals: Collection[str], inputs: Collection[str]
) -> Build:
    """Match each parameter of a build function by name.

    Raises:
        UnknownParameterError: A parameter names nothing that the product has.
        DeclarationError: A parameter cannot be passed by name, or an annotation is unknown.
    """
    try:
        signature = inspect.signature(function, eval_str=True)
    except (NameError, TypeError, ValueError) as error:
        raise DeclarationError(
            who, "has a signature whose annotations cannot be read", "Import what they name."
        ) from error
    parameters = [
        _parameter(parameter, who, internals, inputs) for parameter in signature.parameters.values()
    ]
    return Build(function, tuple(parameters))


def _parameter(
    parameter: inspect.Parameter, who: str, internals: Collection[str], inputs: Collection[str]
) -> Parameter:
    name, annotation = parameter.name, parameter.annotation
    if parameter.kind not in {parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY}:
        raise DeclarationError(
            who, f"takes '{name}', which cannot be passed by name", "Name each input."
        )
    if name == "context":
        return Parameter(name, "context")
    kind = _frame_kind(annotation)
    if name in internals or name in inputs:
        if kind is None:
            raise DeclarationError(
                who,
                f"takes '{name}' as {_shown(annotation)}",
                "Annotate it with pl.LazyFrame, pl.DataFrame, duckdb.DuckDBPyRelation or "
                "pyarrow.Table.",
            )
        return Parameter(name, "internal" if name in internals else "input", kind)
    if kind is not None or annotation is parameter.empty:
        raise UnknownParameterError(who, name, [*internals, *inputs, "context"])
    return Parameter(name, "resource", annotation=annotation)


def _frame_kind(annotation: Any) -> FrameKind | None:  # Any: annotations are any object
    if annotation is inspect.Parameter.empty:
        return "lazy"
    root = getattr(annotation, "__module__", "").lstrip("_").partition(".")[0]
    return _KINDS.get((root, getattr(annotation, "__name__", "")))


def _shown(annotation: object) -> str:
    return f"'{getattr(annotation, '__name__', annotation)}'"
