from pathlib import Path

import pytest

from mesh_dagster.run.registry import Registry
from mesh_dagster.run.store import Store
from mesh_dagster.share.tracing import Traced, traced
from tests.share.scenario import now, served

MIDDLE = "mesh://chain/p100"


@pytest.fixture
def chain(mesh_root: Path) -> Registry:
    """Return a registry of 200 products, each made from the one before."""
    registry = Registry(Store.at(mesh_root).registry_url)
    for number in range(200):
        key, before = f"chain/p{number}", f"mesh://chain/p{number - 1}/v1/rows"
        address = f"mesh://{key}/v1/rows"
        inputs = {"before": before} if number else {}
        registry.register(
            {
                "key": key,
                "major": 1,
                "guid": key,
                "version": "1.0.0",
                "owner": "team:chain",
                "alignment": "source",
                "purpose": "A link.",
                "registered_at": now(),
                "declaration": {"inputs": inputs, "reads": {address: list(inputs.values())}},
            },
            [
                {
                    "address": address,
                    "product_key": key,
                    "description": None,
                    "declaration": {},
                    "registered_at": now(),
                }
            ],
        )
    return registry


def test_of_a_long_chain_as_many_steps_are_drawn_as_fit(chain: Registry) -> None:
    found = traced(chain, MIDDLE, "product")
    chain.close()

    assert (found.steps, found.nodes, len(found.into), found.more) == (19, 200, 199, 0)
    assert next(iter(found.into)) == MIDDLE
    drawn = found.drawing
    assert drawn is not None
    assert len(drawn.boxes) == 2 * 19 + 1


def test_a_mesh_that_is_too_large_to_draw_is_not_even_gathered(chain: Registry) -> None:
    found = traced(chain, "", "")
    chain.close()
    with served() as client:
        text = client.get("/lineage").text

    assert found == Traced((), "product", None, None, {}, {}, 200, 0)
    assert "200 products are too many to draw." in " ".join(text.split())
