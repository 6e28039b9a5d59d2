"""Have OpenLineage told of each attempt to publish a port, where events are wanted.

In:  a step, and where MESH_OPENLINEAGE or the resource sends events.
Out: a function to hand the outcome to. No trouble in telling reaches the step; it leaves one line
in the log.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from mesh_dagster.compile.resources import OPENLINEAGE_VARIABLE
from mesh_dagster.compile.steps import Step
from mesh_dagster.declare.port import OutputPort
from mesh_dagster.run.publish import Published, Refused

if TYPE_CHECKING:
    from mesh_dagster.compile.openlineage import Teller

Outcome = Published | Refused
Clock = Callable[[], datetime]
Tell = Callable[[Outcome], None]


@contextmanager
def telling(step: Step, port: OutputPort, clock: Clock) -> Iterator[Tell]:
    """Tell of the start now, of the outcome when it is given, and of an exception."""
    where = step.mesh.events_to()
    teller = _teller(step, port, where, clock) if where else None
    if teller is None:
        yield lambda _: None
        return
    teller.started()
    try:
        yield teller.ended
    except BaseException as error:
        teller.broken(error)
        raise
    finally:
        if teller.problem:
            step.context.log.warning(
                "%s did not tell OpenLineage of everything: %s; check %s",
                port.address,
                teller.problem,
                OPENLINEAGE_VARIABLE,
            )


def _teller(step: Step, port: OutputPort, where: str, clock: Clock) -> "Teller | None":
    try:
        from mesh_dagster.compile.openlineage import Teller  # noqa: PLC0415 - needs an extra
    except ImportError:
        step.context.log.warning(
            "%s is set, but openlineage-python is not there; install mesh-dagster[openlineage]",
            OPENLINEAGE_VARIABLE,
        )
        return None
    return Teller(step, port, where, clock)
