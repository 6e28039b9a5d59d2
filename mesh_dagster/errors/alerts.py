"""Name the mistakes of telling people: settings, sinks, breaches."""

from collections.abc import Iterable

from mesh_dagster.errors.message import MeshError, nearest, shortened


class AlertSettingsError(MeshError, ValueError):
    """The settings of alerts cannot be read."""

    def __init__(self, path: str, problem: str, remedy: str) -> None:
        super().__init__(f"The alert settings '{path}' {problem}. {remedy} No sink was configured.")


class SinkRefusedError(MeshError, ValueError):
    """A sink is configured in a way that cannot work."""

    def __init__(self, sink: str, problem: str, remedy: str) -> None:
        super().__init__(f"Sink '{sink}' {problem}. {remedy} Nothing is sent to it.")


class SecretMissingError(SinkRefusedError):
    """A sink needs a secret that the environment does not hold."""

    def __init__(self, sink: str, option: str, variable: str) -> None:
        super().__init__(
            sink,
            f"takes '{option}' from the environment variable '{variable}', which is not set",
            "Set it wherever alerts are delivered.",
        )


class UnknownSinkError(MeshError, LookupError):
    """No sink has the name."""

    def __init__(self, sink: str, known: Iterable[str]) -> None:
        super().__init__(
            f"There is no sink '{shortened(sink, 80)}'.{nearest(sink, known)} "
            "Correct the name, or configure the sink. Nothing was sent."
        )


class SinkFailedError(MeshError, ConnectionError):
    """A test notice did not arrive."""

    def __init__(self, sink: str, reason: str) -> None:
        super().__init__(
            f"Sink '{sink}' {reason}, so the test notice is not known to have arrived. "
            "Check the sink's settings and that its receiver runs."
        )


class UnknownBreachError(MeshError, LookupError):
    """No open breach has the id, or lies at the address."""

    def __init__(self, given: str, known: Iterable[str]) -> None:
        super().__init__(
            f"No breach is open at '{shortened(given, 120)}'.{nearest(given, known)} "
            "List them with mesh alerts ls. Nothing was acknowledged."
        )


class UnknownPortError(MeshError, LookupError):
    """No registered port has the address."""

    def __init__(self, address: str, known: Iterable[str]) -> None:
        super().__init__(
            f"No port is registered at '{address}'.{nearest(address, known)} "
            "Correct the address. Nothing was muted."
        )


class SpanRefusedError(MeshError, ValueError):
    """A text is no span of time."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"The span {shortened(text, 40)!r} is not a number and a unit. "
            "Write 45s, 30m, 4h, 7d or 2w, at most 366 days. Nothing was changed."
        )
