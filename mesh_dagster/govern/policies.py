"""Hold the conventions that every mesh needs.

In:  a `Landscape`.
Out: `POLICIES`; each yields the faults that it finds.
What cannot work at all is refused when it is declared; here stands what works and still leaves
people without an answer.
"""

import re
from collections.abc import Iterator

from mesh_dagster.declare.address import Address
from mesh_dagster.declare.lifecycle import Deprecated
from mesh_dagster.declare.port import OutputPort
from mesh_dagster.declare.product import DataProduct
from mesh_dagster.declare.transcribe import written
from mesh_dagster.govern.personal import looks_personal
from mesh_dagster.govern.place import (
    place_of,
    place_of_column,
    place_of_product,
    places_of_remarks,
)
from mesh_dagster.govern.policy import Fault, Landscape, Policy
from mesh_dagster.govern.successors import REMEDY, missing_successors
from mesh_dagster.govern.unmet import unmet_input

_FEWEST_WORDS = 3
_COLUMN_NAME = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)


def _purpose(landscape: Landscape) -> Iterator[Fault]:
    for product in landscape.products:
        if len(product.purpose.split()) < _FEWEST_WORDS:
            yield _of_product(
                product,
                "says hardly anything of its purpose",
                "Say in one sentence what it is for.",
            )


def _owner(landscape: Landscape) -> Iterator[Fault]:
    for product in landscape.products:
        if not product.owner.startswith("team:"):
            yield _of_product(
                product,
                "is owned by one person",
                "Write owner='team:...', since people go on holiday.",
            )


def _one_domain_owner(landscape: Landscape) -> Iterator[Fault]:
    owners: dict[str, dict[str, DataProduct]] = {}
    for product in landscape.products:
        owners.setdefault(product.domain, {}).setdefault(product.owner, product)
    for domain, found in owners.items():
        for product in list(found.values())[1:]:
            yield _of_product(
                product,
                f"has another owner than the first product of domain '{domain}'",
                "Let one team answer for a domain, or part the domain.",
            )


def _port_description(landscape: Landscape) -> Iterator[Fault]:
    for _, port in landscape.ports:
        if not port.description:
            yield _of(port, "has no description", "Write a docstring for its build function.")


def _column_description(landscape: Landscape) -> Iterator[Fault]:
    for _, port in landscape.ports:
        for column in port.contract.columns:
            if not column.description:
                yield _of(
                    port,
                    "has no description",
                    "Write pa.Field(description='...') in its contract.",
                    column.name,
                )


def _promise(landscape: Landscape) -> Iterator[Fault]:
    for _, port in landscape.ports:
        if port.state == "active" and port.freshness is None:
            yield _of(
                port,
                "promises no freshness",
                "Write freshness=md.Freshness(...), or state='draft' until it can be promised.",
            )


def _key(landscape: Landscape) -> Iterator[Fault]:
    for _, port in landscape.ports:
        if not port.contract.keys:
            yield _of(
                port,
                "has no key",
                "Write pa.Field(unique=True) for the column that tells its rows apart, or "
                "unique=[...] in the model's Config.",
            )


def _column_name(landscape: Landscape) -> Iterator[Fault]:
    for _, port in landscape.ports:
        for column in port.contract.columns:
            if not _COLUMN_NAME.fullmatch(column.name):
                yield _of(
                    port, "is not in snake case", "Rename it in a new major version.", column.name
                )


def _sensitivity(landscape: Landscape) -> Iterator[Fault]:
    for _, port in landscape.ports:
        for column in port.contract.columns:
            if looks_personal(column.name) and "sensitivity" not in column.metadata:
                yield _of(
                    port,
                    "looks like personal data and is not classified",
                    "Write pa.Field(metadata={'sensitivity': 'personal'}), or 'public', in its "
                    "contract.",
                    column.name,
                )


def _internal(landscape: Landscape) -> Iterator[Fault]:
    owners: dict[tuple[str, ...], DataProduct] = {}
    for product in landscape.products:
        owners |= dict.fromkeys((one.asset_key for one in product.internals.values()), product)
        owners |= dict.fromkeys((one.asset_key for one in product.adopted.values()), product)
    inside = owners | {port.address.parts: product for product, port in landscape.ports}
    for reader, inputs in landscape.reads.items():
        for path in inputs:
            owner = owners.get(path)
            if owner is not None and inside.get(reader) is not owner:
                yield Fault(
                    owner.key,
                    f"has its internal '{path[-1]}' read by the asset '{'/'.join(reader)}'",
                    "Read one of its ports instead.",
                    place_of_product(owner),
                )


def _version(landscape: Landscape) -> Iterator[Fault]:
    for product in landscape.products:
        promised = [port for port in product.ports.values() if port.state != "draft"]
        if product.major == 0 and promised:
            yield _of_product(
                product,
                f"has version {product.version} and yet {len(promised)} ports that are no drafts",
                "Give it version 1.0.0, or state='draft'.",
            )


def _deprecation(landscape: Landscape) -> Iterator[Fault]:
    for _, port in landscape.ports:
        state = port.state
        if isinstance(state, Deprecated) and state.until < landscape.today:
            yield _of(
                port,
                f"should have ended on {state.until}",
                "Retire it with 'mesh retire', or give its readers more time.",
            )
        elif isinstance(state, Deprecated) and state.successor is None:
            yield _of(port, "is deprecated without a successor", "Name the port to read instead.")


def _successor(landscape: Landscape) -> Iterator[Fault]:
    ports = {str(port.address): port for _, port in landscape.ports}
    states = {address: port.state for address, port in ports.items()}
    for address, problem in missing_successors(states, landscape.addresses):
        yield _of(ports[address], problem, REMEDY)


def _deprecated_input(landscape: Landscape) -> Iterator[Fault]:
    here = {str(port.address): port.state for _, port in landscape.ports}
    states = {**landscape.deprecated, **here}
    for product in landscape.products:
        for name, given in product.inputs.items():
            state = states.get(given.address)
            if isinstance(state, Deprecated):
                yield _of_product(
                    product,
                    f"reads '{given.address}' by the input '{name}', which ends on {state.until}",
                    _instead(state),
                )


def _expectation(landscape: Landscape) -> Iterator[Fault]:
    ports = {str(port.address): port for _, port in landscape.ports}
    for product in landscape.products:
        for name, given in product.inputs.items():
            port = ports.get(given.address)
            promised = written(port.contract) if port else landscape.registered.get(given.address)
            if given.expectation is None or promised is None:
                continue
            problem = unmet_input(name, given.address, written(given.expectation), promised)
            if problem:
                remedy = "Change what is expected, or agree on the contract with its owner."
                yield Fault(product.key, problem, remedy, place_of_product(product))


def _review(landscape: Landscape) -> Iterator[Fault]:
    files = {
        place.file: product
        for product, port in landscape.ports
        if (place := place_of(port.build)) is not None
    }
    for file, product in files.items():
        remarks = places_of_remarks(file)
        if remarks:
            some = f"{len(remarks)} remark{'s' if len(remarks) > 1 else ''}"
            yield Fault(
                product.key,
                f"has {some} 'review' left in its file",
                "Decide on what each proposes, then delete the remark.",
                remarks[0],
            )


def _instead(state: Deprecated) -> str:
    return f"Read '{state.successor}'." if state.successor else "Ask its owner what to read."


def _of_product(product: DataProduct, problem: str, remedy: str) -> Fault:
    return Fault(product.key, problem, remedy, place_of_product(product))


def _of(port: OutputPort, problem: str, remedy: str, column: str = "") -> Fault:
    subject: Address | str = f"{port.address}#{column}" if column else port.address
    place = place_of_column(port, column) if column else place_of(port.build)
    return Fault(str(subject), problem, remedy, place)


POLICIES = (
    Policy("purpose", "error", "A product says what it is for.", _purpose),
    Policy("team-owner", "warning", "A team owns a product, not a person.", _owner),
    Policy("domain-owner", "warning", "One team answers for a domain.", _one_domain_owner),
    Policy("port-description", "error", "A port says what its rows are.", _port_description),
    Policy("column-description", "warning", "A column says what it holds.", _column_description),
    Policy("promise", "error", "An active port promises how fresh it is.", _promise),
    Policy("key", "warning", "A port says what tells its rows apart.", _key),
    Policy("column-name", "note", "Columns are named in snake case.", _column_name),
    Policy("review", "note", "What was proposed is decided on.", _review),
    Policy("sensitivity", "error", "Personal data is classified.", _sensitivity),
    Policy("internal", "error", "Nobody reads the inside of a product.", _internal),
    Policy("version", "error", "What is promised has a version from 1.0.0 on.", _version),
    Policy("deprecation", "error", "A deprecated port ends when it said.", _deprecation),
    Policy("successor", "error", "What readers shall move to is there.", _successor),
    Policy("expectation", "error", "What is expected of a port can be had.", _expectation),
    Policy("deprecated-input", "warning", "Nobody new relies on what ends.", _deprecated_input),
)
