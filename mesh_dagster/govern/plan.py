"""Say what a working tree changes of what was released, and whom that breaks.

In:  the declarations of the working tree, those that were released, and who reads what.
Out: a `Plan`: for each product the changes, the version that they demand, and for each port the
consumers that break. What stands in the way of a release is a `Problem`.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from mesh_dagster.declare.lifecycle import Deprecated, name_of_state, state_of
from mesh_dagster.govern.change import Change, Step, highest, smaller
from mesh_dagster.govern.compatibility import (
    announces,
    next_version,
    numbers,
    port_changes,
    product_changes,
)
from mesh_dagster.govern.consumers import Consumer, consumers_of, relied_on
from mesh_dagster.govern.declared import Declared, DeclaredPort, Identity
from mesh_dagster.govern.endings import Ending, endings
from mesh_dagster.govern.reliance import Loss, losses, promises_lost
from mesh_dagster.govern.successors import missing_successors
from mesh_dagster.govern.unmet import Vain, inputs_in_vain

State = Literal["added", "changed", "removed", "unchanged"]
Reason = Literal["breaking", "removed", "version", "expectation", "retired", "successor"]


@dataclass(frozen=True)
class Break:
    """A consumer that a change breaks."""

    consumer: Consumer
    losses: tuple[Loss, ...]
    """What it relies on and no longer gets; empty when the whole port is gone."""

    @property
    def certain(self) -> bool:
        """Whether it is known that data may break it; else it cannot be ruled out."""
        return not self.losses or any(loss.certain for loss in self.losses)


@dataclass(frozen=True)
class PortPlan:
    """What happens to one port."""

    address: str
    state: State
    changes: tuple[Change, ...] = ()
    consumers: tuple[Consumer, ...] = ()
    """Everybody who is known to read it; products first."""
    breaks: tuple[Break, ...] = ()
    announced: bool = True
    """Whether its consumers were told, or there is nothing to tell."""


@dataclass(frozen=True)
class Problem:
    """Why a working tree should not be released as it is."""

    subject: str
    """An address, or `domain/product` and its major version."""
    reason: Reason
    text: str


@dataclass(frozen=True)
class ProductPlan:
    """What happens to one major version of a product."""

    key: str
    major: int
    owner: str
    state: State
    released: str | None
    """The released version."""
    declared: str | None
    """The version in the working tree."""
    step: Step | None
    """The largest step that a change demands."""
    changes: tuple[Change, ...]
    """Of the product itself."""
    ports: tuple[PortPlan, ...]

    @property
    def demanded(self) -> str | None:
        """The lowest version under which the changes may go out."""
        return None if self.released is None else next_version(self.released, self.step)

    @property
    def stepped(self) -> bool:
        """Whether the declared version is at least the demanded one."""
        if self.released is None or self.declared is None:
            return True
        return announces(self.released, self.declared, self.step)


@dataclass(frozen=True)
class Plan:
    """What a release of the working tree would change."""

    products: tuple[ProductPlan, ...]
    problems: tuple[Problem, ...]
    first: bool
    """Whether nothing was released before."""
    endings: tuple[Ending, ...] = ()
    """Deprecated ports that somebody still reads."""


def plan(
    tree: Sequence[Declared],
    released: Sequence[Declared],
    elsewhere: Iterable[Declared],
    today: date,
    retired: Collection[str] = (),
    readers: Mapping[str, Sequence[Consumer]] | None = None,
    registered: Collection[str] = (),
) -> Plan:
    """Compare a working tree with what was released.

    Args:
        tree: Every product of the working tree.
        released: What was released from it; of other domains only if they are to be compared too.
        elsewhere: Products outside the working tree, for what they read and promise.
        today: Ends a deprecation that ran until yesterday.
        retired: Addresses that were ended by `mesh retire`.
        readers: Who was counted reading each address lately without declaring it.
        registered: Addresses that somebody declares, as far as the registry knows.
    """
    before = {product.identity: product for product in released}
    after = {product.identity: product for product in tree}
    others = [one for one in elsewhere if one.identity not in after]
    declared, counted = consumers_of([*tree, *others]), readers or {}
    consumers = {
        address: [*declared.get(address, ()), *counted.get(address, ())]
        for address in {*declared, *counted}
    }
    compared = _Compared(before, after, consumers, today, retired)
    products = tuple(map(compared.product, sorted({*before, *after})))
    problems = [problem for product in products for problem in _problems(product)]
    problems += _revived(products, retired)
    problems += _in_vain(inputs_in_vain(tree, others, released), products)
    problems += _astray(tree, set(registered) - _removed(products))
    ending = [one for one in endings(tree, others, consumers) if one.address not in retired]
    return Plan(products, tuple(problems), not before, tuple(ending))


@dataclass(frozen=True)
class _Compared:
    before: Mapping[Identity, Declared]
    after: Mapping[Identity, Declared]
    consumers: Mapping[str, Sequence[Consumer]]
    today: date
    retired: Collection[str]

    def product(self, identity: Identity) -> ProductPlan:
        old, new = self.before.get(identity), self.after.get(identity)
        changes = tuple(product_changes(old, new)) if old and new else ()
        ports = tuple(self._ports(old, new, changes))
        if old and all(map(_is_draft, old.ports.values())):
            changes = tuple(_of_a_draft(changes))
        every = [*changes, *(change for port in ports for change in port.changes)]
        state: State = "added" if old is None else "removed" if new is None else "unchanged"
        return ProductPlan(
            *identity,
            owner=(new or self.before[identity]).owner,
            state="changed" if state == "unchanged" and (every or _versions(old, new)) else state,
            released=old.version if old else None,
            declared=new.version if new else None,
            step=highest(every) if old and new else None,
            changes=changes,
            ports=ports,
        )

    def _ports(
        self, old: Declared | None, new: Declared | None, shared: Sequence[Change]
    ) -> Iterator[PortPlan]:
        before, after = (side.ports if side else {} for side in (old, new))
        for address in sorted({*before, *after}):
            if address not in before:
                added = Change("port", address, None, "declared", "tightens")
                yield PortPlan(address, "added", (added,), self._readers(address))
            elif address not in after:
                yield self._removed(before[address])
            else:
                yield self._changed(before[address], after[address], shared)

    def _removed(self, port: DeclaredPort) -> PortPlan:
        readers = self._readers(port.address)
        state = state_of(port.declaration.get("state"))
        over = isinstance(state, Deprecated) and state.until < self.today
        ended = port.address in self.retired
        announced = over or ended or state == "draft" or not readers
        gone = Change(
            "port", port.address, name_of_state(state), None, "loosens", None,
            "minor" if announced else "major",
        )  # fmt: skip
        breaks = tuple(Break(reader, ()) for reader in readers)
        return PortPlan(port.address, "removed", (gone,), readers, breaks, announced)

    def _changed(self, old: DeclaredPort, new: DeclaredPort, shared: Sequence[Change]) -> PortPlan:
        readers = self._readers(old.address)
        if old == new and not shared:
            return PortPlan(old.address, "unchanged", consumers=readers)
        changes = port_changes(old, new)
        breaks = tuple(_breaks(old, new, [*changes, *shared], readers))
        if _is_draft(old):
            changes, shared = _of_a_draft(changes), _of_a_draft(shared)
        announced = not any(change.breaking for change in [*changes, *shared])
        state: State = "changed" if changes else "unchanged"
        return PortPlan(old.address, state, tuple(changes), readers, breaks, announced)

    def _readers(self, address: str) -> tuple[Consumer, ...]:
        return tuple(self.consumers.get(address, ()))


def _is_draft(port: DeclaredPort) -> bool:
    return state_of(port.declaration.get("state")) == "draft"


def _of_a_draft(changes: Iterable[Change]) -> list[Change]:
    """Let changes break nothing that was promised: whoever reads a draft breaks, but was told."""
    return [replace(one, demands=smaller(one.step, "minor")) for one in changes]


def _breaks(
    old: DeclaredPort, new: DeclaredPort, changes: Sequence[Change], readers: Iterable[Consumer]
) -> Iterator[Break]:
    for reader in readers:
        lost = losses(relied_on(reader, old.contract), new.contract, changes)
        if reader.expects is None:
            lost += promises_lost(changes)
        if reader.read_at and reader.reads is None:
            lost = [replace(loss, certain=False) for loss in lost]
        if lost:
            yield Break(reader, tuple(lost))


def _versions(old: Declared | None, new: Declared | None) -> bool:
    return old is not None and new is not None and old.version != new.version


def _problems(product: ProductPlan) -> Iterator[Problem]:
    name = f"{product.key} v{product.major}"
    if product.released and product.declared:
        if numbers(product.declared) < numbers(product.released):
            yield Problem(
                name,
                "version",
                f"declares {product.declared}, after {product.released} was released",
            )
        if product.major == 0 and product.stepped:
            return
    for port in product.ports:
        if port.announced:
            continue
        if port.state == "removed":
            yield Problem(port.address, "removed", _why_not_removed(port))
        else:
            yield Problem(port.address, "breaking", f"breaks what {product.released} promised")


def _revived(planned: Iterable[ProductPlan], retired: Collection[str]) -> Iterator[Problem]:
    for port in (port for product in planned for port in product.ports):
        if port.address in retired and port.state != "removed":
            yield Problem(port.address, "retired", "was retired, and is never used again")


def _in_vain(found: Iterable[Vain], planned: Iterable[ProductPlan]) -> Iterator[Problem]:
    """Yield what is expected in vain, but not where a change is known to have broken it."""
    ports = [port for product in planned for port in product.ports]
    broken = {(p.address, one.consumer.name, one.consumer.major) for p in ports for one in p.breaks}
    for product, address, clause in found:
        if (address, *product.identity) not in broken:
            yield Problem(f"{product.key} v{product.major}", "expectation", clause)


def _astray(tree: Iterable[Declared], registered: Collection[str]) -> Iterator[Problem]:
    ports = {a: port for product in tree for a, port in product.ports.items()}
    states = {a: state_of(port.declaration.get("state")) for a, port in ports.items()}
    for address, clause in missing_successors(states, registered):
        yield Problem(address, "successor", clause)


def _removed(planned: Iterable[ProductPlan]) -> set[str]:
    ports = (port for product in planned for port in product.ports)
    return {port.address for port in ports if port.state == "removed"}


def _why_not_removed(port: PortPlan) -> str:
    count = len(port.consumers)
    return f"is gone, {count} consumer{'s' * (count > 1)} still read{'s' * (count == 1)} it"
