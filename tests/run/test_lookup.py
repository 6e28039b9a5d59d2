from datetime import date

import pytest

import mesh_dagster as md
from mesh_dagster.declare.lifecycle import State
from mesh_dagster.run.declared import port_row, product_row
from mesh_dagster.run.lookup import declared_state
from mesh_dagster.run.registry import Registry
from tests.observe.conftest import registry
from tests.run.scenario import ADDRESS, NOW, port_of, product_of

__all__ = ["registry"]
LEAVING = md.Deprecated(date(2026, 10, 1), date(2026, 12, 1))


@pytest.mark.parametrize("state", ["draft", "active", LEAVING])
def test_the_state_of_a_port_is_that_of_its_last_declaration(
    registry: Registry, state: State
) -> None:
    registry.register(product_row(product_of(), NOW), [port_row(product_of(), port_of(), NOW)])
    port = port_row(product_of(), port_of(state=state), NOW)
    registry.register(product_row(product_of(), NOW), [port])
    url = registry.url.render_as_string(hide_password=False)

    assert declared_state(url, ADDRESS) == state
    assert declared_state(url, f"{ADDRESS}_of_others") is None
