import json
from pathlib import Path

import pytest
import yaml

from tests.cli.scenario import ORDERS, TOTALS, declare, mesh
from tests.discover.odcs import official_schema


@pytest.mark.usefixtures("standards")
def test_contracts_are_exported_as_odcs(mesh_root: Path) -> None:
    declare()

    text, listed = mesh("export", "odcs"), mesh("export", "odcs", "--json")

    documents = list(yaml.safe_load_all(text.stdout))
    assert documents == json.loads(listed.stdout)
    for document in documents:
        official_schema().validate(document)
    orders = documents[1]
    assert [document["name"] for document in documents] == [
        "report/totals/daily",
        "sales/orders/lines",
    ]
    assert orders == {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "a10f519e-3bfb-5da6-82db-4f54acda4be3",
        "name": "sales/orders/lines",
        "version": "1.0.0",
        "status": "active",
        "domain": "sales",
        "description": {"purpose": "Every line of an order."},
        "team": {"name": "sales"},
        "servers": [
            {
                "server": "store",
                "type": "local",
                "path": f"{mesh_root}/sales/orders/v1/lines",
                "format": "delta",
            }
        ],
        "schema": [
            {
                "name": "lines",
                "physicalType": "table",
                "properties": [
                    {
                        "name": "order",
                        "description": "The number of the order.",
                        "logicalType": "integer",
                        "physicalType": "bigint",
                        "required": True,
                        "unique": True,
                        "primaryKey": True,
                        "primaryKeyPosition": 1,
                    },
                    {
                        "name": "artist",
                        "logicalType": "string",
                        "physicalType": "string",
                        "required": True,
                    },
                    {
                        "name": "amount",
                        "logicalType": "number",
                        "physicalType": "double",
                        "logicalTypeOptions": {"minimum": 0},
                    },
                ],
                "customProperties": [{"property": "meshContract", "value": {"name": "Line"}}],
            }
        ],
        "slaProperties": [
            {
                "property": "latency",
                "value": 6,
                "unit": "h",
                "description": (
                    "The longest age of the newest publication, kept for 99 % of 28 days."
                ),
            },
            {
                "property": "frequency",
                "value": "0 * * * *",
                "scheduler": "cron",
                "schedule": "0 * * * *",
            },
            {
                "property": "versionRetention",
                "value": 1,
                "unit": "h",
                "description": "How long replaced versions stay readable.",
            },
        ],
        "customProperties": [
            {"property": "meshAddress", "value": ORDERS},
            {"property": "meshProduct", "value": "sales/orders"},
            {"property": "meshPurpose", "value": "What was sold."},
            {"property": "meshAlignment", "value": "source"},
            {
                "property": "meshContractDigest",
                "value": orders["customProperties"][4]["value"],
            },
            {
                "property": "meshQuality",
                "value": {"valid_rows": 0.5, "otherwise": "quarantine"},
            },
        ],
    }


def test_some_contracts_are_written_into_a_folder(tmp_path: Path) -> None:
    declare()

    result = mesh("export", "odcs", "totals", "--version", "3.2.0", "--out", str(tmp_path / "out"))

    [path] = (tmp_path / "out").iterdir()
    document = yaml.safe_load(path.read_text("utf-8"))
    assert (result.exit_code, result.stderr) == (0, f"Wrote 1 files to {tmp_path / 'out'}.\n")
    assert path.name == "report.totals.v1.daily.odcs.yaml"
    assert document["apiVersion"] == "v3.2.0"
    assert document["customProperties"][0] == {"property": "meshAddress", "value": TOTALS}


def test_a_pattern_that_means_no_port_is_refused() -> None:
    declare()

    result = mesh("export", "odcs", "totls")

    assert result.exit_code == 1
    assert result.stderr.startswith("No registered port matches 'totls'.")
