from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from tests.share.scenario import fill, served


@pytest.fixture
def client() -> Iterator[TestClient]:
    """Return a client of a server without a token, on a published mesh."""
    fill()
    with served() as client:
        yield client
