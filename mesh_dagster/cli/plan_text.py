"""Write a plan for a terminal.

In:  a `Plan`.
Out: text. What is a problem was decided before.
"""

from collections.abc import Iterator, Mapping

import click

from mesh_dagster.govern.change import Change
from mesh_dagster.govern.plan import Break, Plan, PortPlan, ProductPlan
from mesh_dagster.govern.wording import (
    advice,
    by_step,
    ending,
    lost,
    nothing_released,
    reading,
    sentence,
    versions,
)

_COLOURS: Mapping[str, str] = {"major": "red", "minor": "yellow", "patch": "cyan"}


def plan_text(plan: Plan, against: str) -> str:
    """Write a plan for a terminal.

    Args:
        plan: What is to be shown.
        against: The registry, or the path of a snapshot.
    """
    if plan.first:
        problems = _verdict(plan) if plan.problems or plan.endings else ()
        return "\n".join([nothing_released(plan, against), *problems, ""])
    moved = [product for product in plan.products if product.state != "unchanged"]
    lines = [f"Compared with what was released in {against}:", ""]
    for product in moved:
        lines += [*_product(product), ""]
    if not moved:
        lines += ["Nothing changed.", ""]
    return "\n".join([*lines, *_verdict(plan), ""])


def _product(product: ProductPlan) -> Iterator[str]:
    name = click.style(f"{product.key} v{product.major}", bold=True)
    yield f"{name}  {product.owner}  {versions(product)}"
    yield from (f"  {_line(change)}" for change in by_step(product.changes))
    for port in product.ports:
        if port.state != "unchanged" or port.breaks:
            yield from _port(port)


def _port(port: PortPlan) -> Iterator[str]:
    yield f"  {port.address}"
    if port.state == "changed":
        yield from (f"    {_line(change)}" for change in by_step(port.changes))
    else:
        yield f"    {port.state}"
    for one in port.breaks:
        what = lost(one)
        verb = "breaks" if one.certain else "may break"
        yield f"    {click.style(verb, fg='red')} {_who(one)}, which relies on: {what}"
    unharmed = len(port.consumers) - len(port.breaks)
    if port.breaks and unharmed:
        readers = "reader keeps" if unharmed == 1 else "readers keep"
        yield f"    {unharmed} other {readers} what was promised"


def _line(change: Change) -> str:
    step = click.style(f"{change.step:<5}", fg=_COLOURS[change.step])
    direction = reading(change)
    return f"{step}  {sentence(change)}{f' ({direction})' if direction else ''}"


def _who(one: Break) -> str:
    return f"{one.consumer.label} ({one.consumer.whose})"


def _verdict(plan: Plan) -> Iterator[str]:
    for problem in plan.problems:
        yield click.style(f"{problem.subject} {problem.text}.", fg="red")
    for one in plan.endings:
        yield click.style(f"{one.address} {ending(one)}.", fg="yellow")
    yield from advice(plan)
