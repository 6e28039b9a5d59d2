from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.share.scenario import fill, served


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the root of a published mesh that tests only look at."""
    root = tmp_path_factory.mktemp("served") / "mesh"
    fill(root)
    return root


@pytest.fixture
def client(published: Path) -> Iterator[TestClient]:
    """Return a client of a server without a token, on the published mesh."""
    with served(root=published) as client:
        yield client
