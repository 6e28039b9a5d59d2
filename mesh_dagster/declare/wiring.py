"""Read the signature of a build function: what it takes, and as which kind of frame.

In:  a plain function whose parameters are named after internals and input ports.
Out: a `Build`, which the run stage calls and the compile stage turns into Dagster inputs.
"""

import inspect
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal

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


def name_of(function: object, who: str) -> str:
    """Return the name of a build function, which names the internal or port.

    Raises:
        DeclarationError: It is no plain function, so it has no name or returns no frame.
    """
    if not inspect.isfunction(function):
        given = f"is given the class {_shown(function)}"
        if not isinstance(function, type):
            given = f"is given a '{type(function).__name__}'"
        raise DeclarationError(who, given, "Decorate a plain function.")
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise DeclarationError(
            who, f"is built by the async function '{function.__name__}'", "Write it without async."
        )
    if inspect.isgeneratorfunction(function):
        raise DeclarationError(
            who, f"is built by the generator '{function.__name__}'", "Return one frame, not yields."
        )
    return function.__name__


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
    except Exception as error:  # an annotation is any expression, so it raises anything
        raise DeclarationError(
            who,
            "has annotations that cannot be read",
            "Import what they name outside 'if TYPE_CHECKING', and correct misspelt names.",
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
            who, f"takes '{parameter}', which cannot be passed by name", "Name each input."
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
    if not _is_resource(annotation):
        raise UnknownParameterError(who, name, [*internals, *inputs, "context"])
    return Parameter(name, "resource", annotation=annotation)


def _frame_kind(annotation: object) -> FrameKind | None:
    if annotation is inspect.Parameter.empty:
        return "lazy"
    root = getattr(annotation, "__module__", "").lstrip("_").partition(".")[0]
    return _KINDS.get((root, getattr(annotation, "__name__", "")))


def _is_resource(annotation: object) -> bool:
    """Know Dagster's resource classes, and its `ResourceParam[...]`, without importing Dagster."""
    if getattr(annotation, "__metadata__", None) == ("resource_param",):
        return True
    classes = annotation.__mro__ if isinstance(annotation, type) else ()
    return any(one.__module__.partition(".")[0] == "dagster" for one in classes)


def _shown(annotation: object) -> str:
    return f"'{annotation.__name__ if isinstance(annotation, type) else annotation}'"
