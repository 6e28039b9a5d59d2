import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from mesh_dagster.run.registry import Registry


@pytest.fixture(params=["sqlite", "postgresql"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Registry]:
    """Return an empty registry; on PostgreSQL where MESH_TEST_POSTGRES names a server."""
    if request.param == "sqlite":
        opened = Registry(f"sqlite:///{tmp_path}/registry.sqlite")
        yield opened
        opened.close()
        return
    server = os.environ.get("MESH_TEST_POSTGRES")
    if not server:
        pytest.skip("No PostgreSQL here: set MESH_TEST_POSTGRES to the URL of an empty database.")
    schema = f"test_{uuid4().hex}"
    admin = sa.create_engine(server)
    with admin.begin() as connection:
        connection.execute(sa.schema.CreateSchema(schema))
    opened = Registry(f"{server}?options=-csearch_path%3D{schema}")
    yield opened
    opened.close()
    with admin.begin() as connection:
        connection.execute(sa.schema.DropSchema(schema, cascade=True))
    admin.dispose()
