"""Declare a port, and write and read it as ODCS: what the tests of the standards share."""

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

import mesh_dagster as md
from mesh_dagster.discover.documents import write_documents
from mesh_dagster.discover.odcs.files import ContractFile, read_contract
from mesh_dagster.discover.odcs.ports import Port, port_document, port_of
from mesh_dagster.run.declared import port_row, product_row
from tests.conftest import STANDARDS

NOW = datetime(2026, 11, 1, 6, tzinfo=timezone.utc)
SERVERS = [{"server": "store", "type": "local", "path": "/mesh/orders", "format": "delta"}]
Document = dict[str, Any]  # Any: JSON


def port(product: md.DataProduct, name: str) -> Port:
    """Return a port as the registry holds it."""
    row = {**port_row(product, product.ports[name], NOW), "withdrawn_at": None}
    # Through JSON, as the registry keeps it.
    kept = json.loads(json.dumps([row, product_row(product, NOW)], default=str))
    return port_of(*kept)


def exported(product: md.DataProduct, name: str = "lines", version: str = "v3.1.0") -> Document:
    """Return the document of a port."""
    return port_document(port(product, name), SERVERS, version)


def written(folder: Path, document: Mapping[str, Any]) -> Path:
    """Write a document into a file."""
    path = folder / "contract.odcs.yaml"
    path.write_text(write_documents([document]), encoding="utf-8")
    return path


def read_back(folder: Path, document: Mapping[str, Any]) -> ContractFile:
    """Write a document into a file and read it."""
    return read_contract(written(folder, document))


@cache
def official_schema() -> jsonschema_rs.Validator:
    """Return the JSON Schema of ODCS v3.1.0."""
    path = STANDARDS / "odcs" / "odcs-json-schema-v3.1.0.json"
    return jsonschema_rs.validator_for(json.loads(path.read_text("utf-8")))
