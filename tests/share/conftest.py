from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from mesh_dagster.discover.catalog import product
from mesh_dagster.discover.entries import ProductEntry
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.store import Store
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


@pytest.fixture(scope="session")
def entry(published: Path) -> Iterator[ProductEntry]:
    """Return a product that promises freshness, with a refused batch."""
    store = Store.at(published)
    with closing(Registry(store.registry_url)) as registry:
        yield product(registry, store, "sales/invoices", datetime.now(timezone.utc))
