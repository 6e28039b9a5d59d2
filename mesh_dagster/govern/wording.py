"""Say in words what changed, what a consumer loses, and what to do.

In:  a plan and its parts.
Out: short sentences for people; nothing is decided here.
"""

from collections.abc import Iterable, Iterator

from mesh_dagster.errors.message import shortened
from mesh_dagster.govern.change import STEPS, Change
from mesh_dagster.govern.endings import Ending
from mesh_dagster.govern.plan import Break, Plan, ProductPlan
from mesh_dagster.govern.successors import REMEDY

_MOST = 120


def sentence(change: Change) -> str:
    """Describe one change, such as `type of 'amount': Int64 becomes Float64`."""
    name = _NAMES.get(change.kind, "{}").format(_shown(change.subject))
    before, after = _shown(change.before), _shown(change.after)
    if not change.before or not change.after:
        verb, what = ("removed", before) if change.before else ("added", after)
        return f"{name} {verb}" + ("" if change.kind in _BARE | _TEXTS else f": {what}")
    if change.kind in _TEXTS:
        return f"{name} reworded"
    if change.kind == "expectation" and before == after:
        return f"{name}: other rules on {after}"
    if change.kind == "rule":
        other = "has other code" if before == after else f"becomes '{after}'"
        return f"{name} {other}"
    return f"{name}: {before} becomes {after}"


def reading(change: Change) -> str:
    """Say which way a rule or a promise moved; empty where there is no way."""
    return _DIRECTIONS.get(change.direction, "") if change.kind in _MOVING else ""


def by_step(changes: Iterable[Change]) -> list[Change]:
    """Return changes, those that demand the most first."""
    return sorted(changes, key=lambda change: -STEPS.index(change.step))


def lost(one: Break) -> str:
    """List what a consumer relies on and no longer gets."""
    parts = [loss.what if loss.certain else f"{loss.what} (perhaps)" for loss in one.losses]
    return _shown("; ".join(dict.fromkeys(parts))) if parts else "the whole port"


def versions(product: ProductPlan) -> str:
    """Say which version was released, which is declared, and which one is needed."""
    if product.state in ("added", "removed"):
        return f"{product.declared or product.released} {product.state}"
    step = f"{product.released} -> {product.declared}"
    if product.released == product.declared:
        step = f"{product.released}"
    return step if product.stepped else f"{step}, needs {_needed(product)}"


def nothing_released(plan: Plan, against: str) -> str:
    """Say that there is nothing to compare with, and what to do."""
    count = len(plan.products)
    these = f"these {count} products" if count > 1 else "this product"
    return (
        f"Nothing was released in {against} yet, so there is nothing to compare. "
        f"'mesh release' records {these}."
    )


def headline(plan: Plan) -> str:
    """Say in a few words whether the working tree may go out."""
    if not plan.problems:
        return "nothing breaks unannounced"
    if any(problem.reason in ("breaking", "removed") for problem in plan.problems):
        return "consumers break unannounced"
    return "they cannot go out as they are"


def advice(plan: Plan) -> Iterator[str]:
    """Yield what to do next, a line each."""
    yield from filter(None, map(_step_advice, plan.products))
    for problem in plan.problems:
        if problem.reason == "expectation":
            who = problem.subject
            yield f"{who}: change what it expects, or agree on the contract with its owner."
        if problem.reason == "retired":
            yield f"{problem.subject}: remove it, or give its product a new major version."
        if problem.reason == "successor":
            yield f"{problem.subject}: {REMEDY[0].lower()}{REMEDY[1:]}"
    if not plan.problems:
        yield "Nothing breaks unannounced."


def unstepped(plan: Plan) -> Iterator[str]:
    """Yield which versions of a release hide what changed, a line each."""
    for product in plan.products:
        if not product.stepped and not _needs_a_new_major(product):
            yield (
                f"{product.key} went out as {product.declared}, but needs {_needed(product)}. "
                "Declare that version and release again; 'mesh plan --strict' fails before it is "
                "too late."
            )


def ending(one: Ending) -> str:
    """Say until when a port can be read, what follows it, and who still reads it."""
    then = f"read {one.successor} then" if one.successor else "nothing follows it"
    readers = (f"{reader.label} ({reader.whose})" for reader in one.readers)
    return f"ends on {one.until}, {then}; still read by {', '.join(readers)}"


def _needed(product: ProductPlan) -> str:
    return f"{product.demanded} ({product.step})" if product.step else f"{product.demanded}"


def _needs_a_new_major(product: ProductPlan) -> bool:
    return not product.stepped and product.step == "major" and product.major > 0


def _step_advice(product: ProductPlan) -> str | None:
    name, old, new = product.key, product.released, product.demanded
    if _needs_a_new_major(product):
        leaving = _leaving(product)
        return f"{name}: undo it, or leave {old} as it was, {leaving}, and declare {new} beside it."
    if product.state == "removed" and not all(port.announced for port in product.ports):
        return f"{name}: keep {old} declared, {_leaving(product)}, until its readers have moved."
    return None if product.stepped else f"{name}: declare version {new}."


def _leaving(product: ProductPlan) -> str:
    """Say how a version is declared that another one follows; `...` is for a team to fill in."""
    names = [port.address.rpartition("/")[2] for port in product.ports]
    port = names[0] if len(names) == 1 else "..."
    successor = f"mesh://{product.key}/v{product.major + 1}/{port}"
    return f"with state=md.Deprecated(since=..., until=..., successor='{successor}')"


def _shown(text: str | None) -> str:
    return shortened(" ".join((text or "nothing").split()), _MOST)


_BARE = {"port", "key", "rule", "input", "internal"}
"""Kinds whose subject says it all."""
_TEXTS = {"title", "description", "purpose"}
"""Kinds that are told without what they say."""
_MOVING = {"rule", "freshness", "quality", "retention", "partitioning", "nullability", "key"}
_NAMES = {
    "column": "column '{}'",
    "type": "type of '{}'",
    "nullability": "'{}'",
    "requirement": "column '{}'",
    "key": "key ({})",
    "rule": "rule '{}'",
    "input": "input {}",
    "expectation": "what is expected by input '{}'",
    "internal": "internal '{}'",
    "port": "port",
    "order": "order of {}",
    "name": "name of the {}",
}
_DIRECTIONS = {
    "tightens": "tightened",
    "loosens": "loosened",
    "both": "moved",
    "undetermined": "cannot be compared",
}
