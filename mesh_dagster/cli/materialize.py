"""Materialize assets through Dagster, in this process, and say what became of each port.

In:  steps, in their order; an open Dagster instance.
Out: an `Outcome` for each asset and partition as soon as it is known.
A product that fails stops nothing else: what reads it goes on with its last good version, if there
is one. What is published, and when it is refused, is decided by the ports themselves.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mesh_dagster.cli.outcome import Outcome, outcomes_of
from mesh_dagster.cli.steps import Asset, Assets, Step, deps_within, inputs_of, reads_of
from mesh_dagster.declare.lifecycle import Deprecated, State
from mesh_dagster.errors import DagsterHomeError, UnknownPartitionError, listed
from mesh_dagster.run.consumers import deprecations_of
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.store import DEFAULT_ROOT, WHOLE, Store

if TYPE_CHECKING:
    import dagster as dg

HOME = "DAGSTER_HOME"
_SETTINGS = "telemetry:\n  enabled: false\nnux:\n  enabled: false\n"
Wanted = Sequence[str] | Literal["missing", "all"]
"""The partitions to materialize: named, those that are missing, or all."""


@dataclass(frozen=True)
class Job:
    """One run to come: some assets of a step, in one partition."""

    step: Step
    slice: str
    """The partition; `WHOLE` for assets without partitions."""


@dataclass
class Materializer:
    """Runs jobs in turn, and remembers what failed."""

    assets: Assets
    jobs: Sequence[Job]
    """What is to run, in order."""
    instance: "dg.DagsterInstance"
    registry: Registry
    store: Store
    declared: Mapping[str, State]
    """The state of each port of the workspace, which counts before that in the registry."""
    failed: set["dg.AssetKey"] = field(default_factory=set)
    """What did not come to be."""

    def run(self, job: Job) -> Iterator[Outcome]:
        """Materialize the assets of one job that can be, and yield an outcome for each."""
        able: list[Asset] = []
        published = {str(address) for address in self.store.addresses()}
        for asset in _in_order(job.step.assets, self.assets):
            obstacle = self._obstacle(asset, job, published)
            if obstacle is None:
                able.append(asset)
                continue
            self.failed.add(asset.key)
            yield self._current(
                Outcome(asset.name, asset.role, job.slice, "skipped", note=obstacle)
            )
        made = dict(zip(able, self._execute(job, able), strict=True)) if able else {}
        for asset, outcome in made.items():
            if outcome.state == "published":
                leaving = self._leaving(reads_of(asset, self.assets))
                yield self._with_stale_inputs(replace(outcome, deprecated_inputs=leaving), asset)
                continue
            self.failed.add(asset.key)
            yield self._current(outcome)

    def _current(self, outcome: Outcome) -> Outcome:
        """Add what readers still get after a batch that was not published."""
        newest = next(iter(self.registry.publications(outcome.name, 1)), None)
        if newest is None:
            return outcome
        return replace(outcome, version=newest.version, rows=newest.port_rows)

    def _obstacle(self, asset: Asset, job: Job, published: set[str]) -> str | None:
        for dep in deps_within(asset, self.assets):
            # Within a job Dagster itself leaves out what cannot be built.
            if dep.key in self.failed and dep not in job.step.assets:
                return f"its internal '{dep.key.path[-1]}' was not built"
        for address in inputs_of(asset):
            if str(address) not in published:
                return f"'{address}' was never published"
        return None

    def _with_stale_inputs(self, outcome: Outcome, asset: Asset) -> Outcome:
        failed = {self.assets[key].name for key in self.failed}
        stale = {str(address) for address in inputs_of(asset)} & failed
        return (
            replace(outcome, note=f"made from the last good {listed(stale)}") if stale else outcome
        )

    def _leaving(self, read: set[str]) -> dict[str, Deprecated]:
        found = {a: self.declared[a] for a in read & self.declared.keys()}
        found |= deprecations_of(self.registry, read - found.keys())
        return {a: state for a, state in sorted(found.items()) if isinstance(state, Deprecated)}

    def _execute(self, job: Job, able: Sequence[Asset]) -> list[Outcome]:
        import dagster as dg

        definition = job.step.location.definitions.resolve_implicit_global_asset_job_def()
        try:
            with silence():
                result = definition.execute_in_process(
                    instance=self.instance,
                    asset_selection=[asset.key for asset in able],
                    partition_key=job.slice or None,
                    raise_on_error=False,
                )
        except dg.DagsterError as error:
            note = f"Dagster refused to run it: {type(error).__name__}"
            return [Outcome(a.name, a.role, job.slice, "failed", note=note) for a in able]
        return outcomes_of(result, able, job.slice, self.registry)


def jobs_for(
    steps: Sequence[Step], wanted: Wanted, instance: "dg.DagsterInstance", registry: Registry
) -> list[Job]:
    """Return the runs that materialize steps, in order.

    Raises:
        UnknownPartitionError: A named partition is one of no step.
    """
    keys = {id(step): _keys(step, instance) for step in steps if step.partitions is not None}
    known = {key for of_step in keys.values() for key in of_step}
    if not isinstance(wanted, str):
        for key in wanted:
            if key not in known:
                raise UnknownPartitionError(key, known)
    jobs: list[Job] = []
    for step in steps:
        if step.partitions is None:
            jobs.append(Job(step, WHOLE))
            continue
        done = _done(step, instance, registry) if wanted == "missing" else set()
        named = None if isinstance(wanted, str) else set(wanted)
        jobs += [
            Job(step, key)
            for key in keys[id(step)]
            if key not in done and (named is None or key in named)
        ]
    return jobs


@contextmanager
def open_instance(store: Store) -> Iterator["dg.DagsterInstance"]:
    """Open the Dagster instance whose runs the UI shows.

    It lies at DAGSTER_HOME, else in the folder `dagster_home` of the mesh, which is made.

    Raises:
        DagsterHomeError: The folder cannot be used.
    """
    import dagster as dg

    home = dagster_home(store)
    if not os.environ.get(HOME):
        home.mkdir(parents=True, exist_ok=True)
        settings = home / "dagster.yaml"
        if not settings.exists():
            settings.write_text(_SETTINGS, encoding="utf-8")
        os.environ[HOME] = str(home)
    elif not home.is_absolute() or not home.is_dir():
        raise DagsterHomeError(str(home))
    with dg.DagsterInstance.get() as instance:
        yield instance


def dagster_home(store: Store) -> Path:
    """Return the folder of the Dagster instance."""
    given = os.environ.get(HOME)
    return (
        Path(given)
        if given
        else Path(store.root if store.local else DEFAULT_ROOT).resolve() / "dagster_home"
    )


def _keys(step: Step, instance: "dg.DagsterInstance") -> Sequence[str]:
    partitions: Any = step.partitions  # Any: every kind of partitions has this method
    keys: Sequence[str] = partitions.get_partition_keys(dynamic_partitions_store=instance)
    return keys


def _done(step: Step, instance: "dg.DagsterInstance", registry: Registry) -> set[str]:
    """Return the partitions that every asset of a step has."""
    done: list[set[str]] = []
    for asset in step.assets:
        done.append(set(instance.get_materialized_partitions(asset.key)))
        if asset.role == "port":
            done.append(registry.slices(asset.name))
    return set.intersection(*done)


def _in_order(own: Sequence[Asset], assets: Assets) -> list[Asset]:
    ordered: list[Asset] = []
    pending = list(own)
    while pending:
        waiting = {asset.key for asset in pending}
        ready = [a for a in pending if not {d.key for d in deps_within(a, assets)} & waiting]
        ordered += ready
        pending = [asset for asset in pending if asset not in ready]
    return ordered


@contextmanager
def silence() -> Iterator[None]:
    """Keep Dagster's log, and what builds print, from the screen; the instance keeps both."""
    with (
        Path(os.devnull).open("w", encoding="utf-8") as out,
        Path(os.devnull).open("w", encoding="utf-8") as err,
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        yield
