"""Describe the making of publications as OpenLineage events.

In:  a port, its publication or refusal, a verdict.
Out: events in the types of `openlineage-python`, which the extra `openlineage` installs.
A dataset is a port; its namespace and name, with `/` between, are its address. No data value
stands in an event: counts, columns and rules only. What is sent where, `openlineage_sink.py` knows.

Source:
    OpenLineage 2-0-2 and its facets.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from openlineage.client import event_v2 as events
from openlineage.client.facet_v2 import (
    RunFacet,
    error_message_run,
    job_type_job,
    ownership_job,
    parent_run,
)

from mesh_dagster.observe.openlineage_facets import (
    PRODUCER,
    Described,
    dataset_name,
    input_of,
    judged_input,
    output_of,
)
from mesh_dagster.run.registry import Publication
from mesh_dagster.run.verdict import Verdict


@dataclass(frozen=True)
class Parent:
    """The run of an orchestrator that a publication is part of."""

    run_id: str
    """A UUID."""
    job: str
    namespace: str


@dataclass(frozen=True)
class Attempt:
    """One attempt to make a publication of a port."""

    port: Described
    run: str
    """Tells this attempt from others at the same slice: the id of the run that makes it."""
    slice: str
    parent: Parent | None = None

    def started(self, at: datetime) -> events.RunEvent:
        """Tell of the start; nothing is written yet, so there is no output."""
        return self._event(events.RunState.START, at)

    def completed(self, made: Publication) -> events.RunEvent:
        """Tell of a publication."""
        outputs = [output_of(self.port, made)]
        at, inputs = made.published_at, _inputs(made.inputs)
        return self._event(events.RunState.COMPLETE, at, inputs, outputs)

    def failed(self, message: str, at: datetime, inputs: Mapping[str, int]) -> events.RunEvent:
        """Tell of a batch that was refused, or could not be built; nothing was written."""
        error = error_message_run.ErrorMessageRunFacet(
            message=message, programmingLanguage="PYTHON", producer=PRODUCER
        )
        return self._event(events.RunState.FAIL, at, _inputs(inputs), errorMessage=error)

    def audited(self, verdict: Verdict, at: datetime) -> events.RunEvent:
        """Tell of the audit: a job of its own, for assertions belong to what a job reads."""
        namespace, name = dataset_name(self.port.address)
        parent = Parent(self._run_id("publication"), name, namespace)
        return events.RunEvent(
            eventTime=at.isoformat(),
            producer=PRODUCER,
            eventType=events.RunState.COMPLETE,
            run=events.Run(self._run_id("audit"), {"parent": _parent(parent)}),
            job=events.Job(namespace, f"{name}/audit", {"jobType": _job_type("AUDIT")}),
            inputs=[judged_input(self.port, verdict)],
        )

    def _event(
        self,
        state: events.RunState,
        at: datetime,
        inputs: Iterable[events.InputDataset] = (),
        outputs: Iterable[events.OutputDataset] = (),
        **told: RunFacet,
    ) -> events.RunEvent:
        if self.parent:
            told["parent"] = _parent(self.parent)
        owners = [ownership_job.Owner(name=self.port.owner)]
        ownership = ownership_job.OwnershipJobFacet(owners=owners, producer=PRODUCER)
        facets = {"jobType": _job_type("PUBLICATION"), "ownership": ownership}
        return events.RunEvent(
            eventTime=at.isoformat(),
            producer=PRODUCER,
            eventType=state,
            run=events.Run(self._run_id("publication"), told),
            job=events.Job(*dataset_name(self.port.address), facets),
            inputs=list(inputs),
            outputs=list(outputs),
        )

    def _run_id(self, what: str) -> str:
        parts = (self.run, self.port.address, self.slice, what)
        return str(uuid5(NAMESPACE_URL, "\n".join(parts)))


def _inputs(versions: Mapping[str, int]) -> list[events.InputDataset]:
    return [input_of(address, version) for address, version in sorted(versions.items())]


def _job_type(kind: str) -> job_type_job.JobTypeJobFacet:
    return job_type_job.JobTypeJobFacet(
        processingType="BATCH", integration="MESH_DAGSTER", jobType=kind, producer=PRODUCER
    )


def _parent(parent: Parent) -> parent_run.ParentRunFacet:
    return parent_run.ParentRunFacet(
        run=parent_run.Run(runId=parent.run_id),
        job=parent_run.Job(namespace=parent.namespace, name=parent.job),
        producer=PRODUCER,
    )
