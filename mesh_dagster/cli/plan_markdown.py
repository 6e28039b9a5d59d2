"""Write a plan as a comment on a pull request, and as JSON for scripts.

In:  a `Plan`.
Out: GitHub-flavoured Markdown, or JSON-ready values. Whatever a team wrote stands in code spans,
so that it can neither break a table nor mention or link anything.
"""

import re
from collections.abc import Iterator
from typing import Any

from mesh_dagster.govern.change import Change
from mesh_dagster.govern.endings import Ending
from mesh_dagster.govern.plan import Break, Plan, PortPlan, Problem, ProductPlan
from mesh_dagster.govern.wording import (
    advice,
    by_step,
    ending,
    headline,
    lost,
    nothing_released,
    reading,
    sentence,
    versions,
)

_IN_CODE = re.compile(r"[`|\r\n]")


def plan_markdown(plan: Plan, against: str) -> str:
    """Write a plan as Markdown.

    Args:
        plan: What is to be shown.
        against: The registry, or the path of a snapshot.
    """
    problems = [f"- {_code(one.subject)} {_why(one)}." for one in plan.problems]
    ending_ports = [f"- {_code(one.address)} {_code(ending(one))}." for one in plan.endings]
    remarks = [*problems, *ending_ports, *(f"- {line}" for line in advice(plan))]
    if plan.first:
        said = ["", *remarks] if problems or ending_ports else []
        head = ["## Data products: nothing released yet", "", nothing_released(plan, against)]
        return "\n".join([*head, *said, ""])
    lines = [
        f"## Data products: {headline(plan)}",
        "",
        f"Compared with what was released in {_code(against)}.",
        "",
        *remarks,
    ]
    for product in plan.products:
        if product.state != "unchanged":
            lines += ["", *_product(product)]
    return "\n".join([*lines, ""])


def plan_json(plan: Plan) -> dict[str, Any]:
    """Return a plan as JSON-ready values."""
    return {
        "released_before": not plan.first,
        "breaks_unannounced": any(one.reason in ("breaking", "removed") for one in plan.problems),
        "problems": [vars(problem) for problem in plan.problems],
        "endings": [_ending_json(one) for one in plan.endings],
        "products": [_product_json(product) for product in plan.products],
    }


def _product(product: ProductPlan) -> Iterator[str]:
    yield f"### {_code(f'{product.key} v{product.major}')} of {_code(product.owner)}"
    yield ""
    yield versions(product)
    if product.changes:
        yield from _changes(product.changes)
    for port in product.ports:
        if port.state != "unchanged" or port.breaks:
            yield from _port(port)


def _port(port: PortPlan) -> Iterator[str]:
    state = "" if port.state in ("changed", "unchanged") else f" {port.state}"
    yield from ["", f"**{_code(port.address)}**{state}"]
    if port.state == "changed":
        yield from _changes(port.changes)
    if port.breaks:
        yield from ["", "| breaks | owner | relies on |", "| --- | --- | --- |"]
    for one in port.breaks:
        yield f"| {_who(one)} | {_code(one.consumer.whose)} | {_code(lost(one))} |"


def _changes(changes: tuple[Change, ...]) -> Iterator[str]:
    yield from ["", "| step | change | for consumers |", "| --- | --- | --- |"]
    for change in by_step(changes):
        step = f"**{change.step}**" if change.breaking else change.step
        yield f"| {step} | {_code(sentence(change))} | {reading(change)} |"


def _why(one: Problem) -> str:
    return _code(one.text) if one.reason == "expectation" else one.text


def _who(one: Break) -> str:
    name = _code(one.consumer.label)
    return name if one.certain else f"{name} perhaps"


def _code(text: str) -> str:
    return f"`{_IN_CODE.sub(' ', text)}`"


def _ending_json(one: Ending) -> dict[str, Any]:
    return {
        "address": one.address,
        "until": one.until.isoformat(),
        "successor": one.successor,
        "readers": [reader.name for reader in one.readers],
    }


def _product_json(product: ProductPlan) -> dict[str, Any]:
    return {
        "product": product.key,
        "major": product.major,
        "owner": product.owner,
        "state": product.state,
        "released": product.released,
        "declared": product.declared,
        "step": product.step,
        "demanded": product.demanded,
        "stepped": product.stepped,
        "changes": list(map(_change_json, product.changes)),
        "ports": list(map(_port_json, product.ports)),
    }


def _port_json(port: PortPlan) -> dict[str, Any]:
    return {
        "address": port.address,
        "state": port.state,
        "announced": port.announced,
        "consumers": [one.name for one in port.consumers],
        "changes": list(map(_change_json, port.changes)),
        "breaks": list(map(_break_json, port.breaks)),
    }


def _change_json(change: Change) -> dict[str, Any]:
    return {
        "kind": change.kind,
        "subject": change.subject,
        "before": change.before,
        "after": change.after,
        "direction": change.direction,
        "step": change.step,
        "producer_step": change.producer_step,
    }


def _break_json(one: Break) -> dict[str, Any]:
    return {
        "consumer": one.consumer.name,
        "major": one.consumer.major,
        "owner": one.consumer.owner,
        "read_at": one.consumer.read_at and one.consumer.read_at.isoformat(),
        "certain": one.certain,
        "relies_on": [vars(loss) for loss in one.losses],
    }
