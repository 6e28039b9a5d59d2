"""Each change is put to two judges: `plan`, which sees contracts alone, and the data itself.

A second opinion, by `datacontract breaking` of datacontract-cli, is printed by
`python -m tests.benchmarks plan`.
"""

from functools import cache

import pytest

from mesh_dagster.govern.plan import Plan, PortPlan, plan
from tests.govern.mutations import MUTATIONS, Mutation
from tests.govern.scenario import ORDERS, TODAY, declared, orders, readers, schema
from tests.govern.witnesses import broken_by

CHANGES = pytest.mark.parametrize("name", MUTATIONS)


CONSUMERS = [declared(reader) for reader in readers()]
UNBROKEN = Mutation()


@cache
def planned(name: str) -> Plan:
    """Compare the change with the release; the consumers stand in other code locations."""
    return plan([declared(MUTATIONS[name].made())], [declared(orders())], CONSUMERS, TODAY)


def broken(mutation: Mutation) -> set[str]:
    """Return the consumers whose data it breaks; with the same contract it breaks none."""
    same = mutation.contract is UNBROKEN.contract
    return set() if same else broken_by(mutation.contract())


def port_of(made: Plan) -> PortPlan:
    [port] = made.products[0].ports
    return port


def test_the_released_contract_keeps_every_expectation() -> None:
    assert broken_by(schema()) == set()


@CHANGES
def test_exactly_the_consumers_that_break_are_named(name: str) -> None:
    mutation = MUTATIONS[name]

    port = port_of(planned(name))

    assert port.address == ORDERS
    named = {one.consumer.name for one in port.breaks}
    assert named == broken(mutation) | mutation.also | mutation.suspected


@CHANGES
def test_a_consumer_that_only_may_break_is_named_as_such(name: str) -> None:
    mutation = MUTATIONS[name]

    port = port_of(planned(name))

    doubted = {one.consumer.name for one in port.breaks if not one.certain}
    assert doubted >= mutation.suspected


@CHANGES
def test_a_change_demands_the_step_that_its_consumers_need(name: str) -> None:
    mutation = MUTATIONS[name]

    made = planned(name)

    assert made.products[0].step == mutation.step
    assert bool(made.problems) == (mutation.step == "major")
