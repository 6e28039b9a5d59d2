"""Tell OpenLineage of one attempt to publish a port.

In:  a step, and what came of it.
Out: events: the start, the audit, and the end. The extra `openlineage` is needed to import this.
"""

from collections.abc import Callable
from datetime import datetime

from mesh_dagster.compile.steps import Step
from mesh_dagster.declare.port import OutputPort
from mesh_dagster.observe.openlineage import Attempt, Parent
from mesh_dagster.observe.openlineage_facets import Described
from mesh_dagster.observe.openlineage_sink import Sink
from mesh_dagster.run.publish import Published, Refused


class Teller:
    """Tells of one attempt."""

    def __init__(
        self, step: Step, port: OutputPort, where: str, clock: Callable[[], datetime]
    ) -> None:
        """Describe the attempt; nothing is sent yet."""
        run, contract = step.context.run, port.contract
        columns = tuple((one.name, str(one.dtype), one.description) for one in contract.columns)
        described = Described(str(port.address), port.owner, port.description, columns)
        parent = Parent(run.run_id, run.job_name, "dagster")
        self._attempt = Attempt(described, run.run_id, step.slice, parent)
        self._sink = Sink(where)
        self._step = step
        self._clock = clock
        self._ended = False

    @property
    def problem(self) -> str | None:
        """Why something was not told, if so."""
        return self._sink.problem

    def started(self) -> None:
        """Tell of the start."""
        now = self._clock()
        self._sink.send(lambda: self._attempt.started(now))

    def ended(self, outcome: Published | Refused) -> None:
        """Tell of the audit and of what came of it."""
        self._ended = True
        now = self._clock()
        self._sink.send(lambda: self._attempt.audited(outcome.verdict, now))
        if isinstance(outcome, Published):
            self._sink.send(lambda: self._attempt.completed(outcome.publication))
        else:
            self._failed(str(outcome.error))

    def broken(self, error: BaseException) -> None:
        """Tell of an exception, unless it only carries a refusal that was told."""
        if not self._ended:
            # The text of an exception may hold values of the data.
            self._failed(f"The build stopped on a {type(error).__name__}.")

    def _failed(self, message: str) -> None:
        now, inputs = self._clock(), self._step.inputs
        self._sink.send(lambda: self._attempt.failed(message, now, inputs))
