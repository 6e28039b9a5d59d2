"""Write the state of all promises as text that Prometheus and its kin collect.

In:  assessed ports, counts of batches, the time of the last judgement, a clock reading.
Out: the text exposition format, one family after another; no label without bounds stands in it.

Source:
    Prometheus, text exposition format 0.0.4.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import get_args

from mesh_dagster.observe.status import SloStatus, State
from mesh_dagster.run.history import Totals

Labels = Mapping[str, str]
Sample = tuple[Labels, float]


def metrics_text(
    statuses: Sequence[SloStatus], totals: Mapping[str, Totals], judged_at: datetime | None
) -> str:
    """Write every family.

    Args:
        statuses: Of all ports, at one clock reading.
        totals: Address to what was published and refused so far.
        judged_at: When the sensor judged last; `None` if it never did.
    """
    families = [*_promises(statuses), *_batches(totals), _judge(judged_at)]
    return "".join(_family(*family) for family in families)


def _promises(statuses: Sequence[SloStatus]) -> Iterator[tuple[str, str, str, list[Sample]]]:
    fresh = [one for one in statuses if one.objective == "freshness"]
    yield (
        "mesh_port_data_age_seconds",
        "gauge",
        "Counting time since the newest data.",
        [(_port(o.address), o.age.total_seconds()) for o in fresh if o.age is not None],
    )
    yield (
        "mesh_port_freshness_limit_seconds",
        "gauge",
        "The age that the data may have now.",
        [(_port(o.address), o.limit.total_seconds()) for o in fresh if o.limit is not None],
    )
    yield (
        "mesh_port_slo_state",
        "gauge",
        "1 for the state in which a promise is, 0 for the others.",
        [
            ({**_port(o.address), "objective": o.objective, "state": state}, o.state == state)
            for o in statuses
            for state in get_args(State)
        ],
    )
    yield (
        "mesh_port_error_budget_remaining_ratio",
        "gauge",
        "What is left of the error budget: 1 untouched, 0 spent, negative when overspent.",
        [
            ({**_port(o.address), "objective": o.objective}, o.budget_remaining)
            for o in statuses
            if o.budget_remaining is not None
        ],
    )
    yield (
        "mesh_port_late_groups",
        "gauge",
        "Groups whose data is too old.",
        [(_port(o.address), o.late_group_count) for o in fresh],
    )
    yield (
        "mesh_port_missing_partitions",
        "gauge",
        "Partitions that are due and were never published.",
        [(_port(o.address), o.missing_partition_count) for o in fresh],
    )


def _batches(
    totals: Mapping[str, Totals],
) -> Iterator[tuple[str, str, str, list[Sample]]]:
    yield (
        "mesh_publications_total",
        "counter",
        "Batches that were published or refused.",
        [
            ({**_port(address), "outcome": outcome}, count)
            for address, known in totals.items()
            for outcome, count in (("published", known.published), ("refused", known.refused))
        ],
    )
    yield (
        "mesh_port_rows",
        "gauge",
        "Rows of the current version.",
        [(_port(a), known.rows) for a, known in totals.items() if known.rows is not None],
    )


def _judge(judged_at: datetime | None) -> tuple[str, str, str, list[Sample]]:
    return (
        "mesh_slo_evaluator_last_success_timestamp_seconds",
        "gauge",
        "When all promises were judged last; 0 if never. Alert when it stops growing.",
        [({}, judged_at.timestamp() if judged_at else 0)],
    )


def _port(address: str) -> dict[str, str]:
    domain, product, version, port = address.removeprefix("mesh://").split("/")
    return {"domain": domain, "product": product, "version": version, "port": port}


def _family(name: str, kind: str, about: str, samples: Sequence[Sample]) -> str:
    lines = [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]
    lines += [f"{name}{_written(labels)} {float(value):.15g}" for labels, value in samples]
    return "\n".join(lines) + "\n" if samples else ""


def _written(labels: Labels) -> str:
    inside = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{inside}}}" if inside else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
