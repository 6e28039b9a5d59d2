"""Record where an attempt to publish a port ends by an exception that is no refusal.

In:  a step, and the ports that it leads to: a port itself, or those that are made from an internal.
Out: a `Failure` for each of them; the exception goes on as it came. One after which Dagster tries
the step again is not recorded.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime

import dagster as dg

from mesh_dagster.compile.expected import expected_partitions
from mesh_dagster.compile.steps import Step
from mesh_dagster.declare.port import Execution, Internal, OutputPort
from mesh_dagster.declare.product import DataProduct
from mesh_dagster.errors import PublicationRefusedError, RegistryError
from mesh_dagster.run.declared import register
from mesh_dagster.run.failures import Failure, note_failures
from mesh_dagster.run.store import WHOLE


@contextmanager
def recording(
    step: Step, execution: Execution, led_to: list[OutputPort], clock: Callable[[], datetime]
) -> Iterator[None]:
    """Record the failure of what is done within."""
    try:
        yield
    except Exception as error:  # a build may raise anything, and it is raised again
        cause = error.__cause__ if isinstance(error, dg.Failure) else None
        refused = isinstance(cause, PublicationRefusedError)
        if not refused and not _tried_again(step, execution, error):
            name, run_id, now = type(cause or error).__name__, step.context.run.run_id, clock()
            made = [
                Failure(str(port.address), _slice(step, execution, port), now, run_id, name)
                for port in led_to
            ]
            _record(step, made, clock)
        raise


def made_from(product: DataProduct, internal: Internal) -> list[OutputPort]:
    """Return the ports of a product that are made from an internal, also through others."""
    reached = {internal.name}
    while True:
        more = {i.name for i in product.internals.values() if _takes(i, reached)} - reached
        if not more:
            return [port for port in product.ports.values() if _takes(port, reached)]
        reached |= more


def _takes(one: Internal | OutputPort, names: set[str]) -> bool:
    return any(parameter.name in names for parameter in one.build.taken("internal"))


def _slice(step: Step, execution: Execution, port: OutputPort) -> str:
    return step.slice if port.execution.partitions == execution.partitions else WHOLE


def _record(step: Step, made: list[Failure], clock: Callable[[], datetime]) -> None:
    try:
        with closing(step.mesh.open_registry()) as registry:
            # What crashes at its first attempt is not known yet.
            register(step.product, registry, clock, expected_partitions)
            note_failures(made, registry)
    except RegistryError:
        step.context.log.warning(
            "The registry did not record that '%s' failed", step.build.name, exc_info=True
        )


def _tried_again(step: Step, execution: Execution, error: Exception) -> bool:
    most = execution.retry_policy.max_retries if execution.retry_policy else 0
    if isinstance(error, dg.RetryRequested):
        most = error.max_retries
    elif isinstance(error, dg.Failure) and not error.allow_retries:
        most = 0
    return bool(step.context.retry_number < most)
