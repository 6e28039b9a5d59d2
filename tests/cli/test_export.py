import json
import runpy
from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from tests.cli.scenario import ORDERS, TOTALS, declare, mesh, totals
from tests.conftest import STANDARDS
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
                        "customProperties": [{"property": "unit", "value": "EUR"}],
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
    assert (result.exit_code, result.stderr) == (0, f"Wrote 1 file to {tmp_path / 'out'}.\n")
    assert path.name == "report.totals.v1.daily.odcs.yaml"
    assert document["apiVersion"] == "v3.2.0"
    assert document["customProperties"][0] == {"property": "meshAddress", "value": TOTALS}


def test_a_pattern_that_means_no_port_is_refused() -> None:
    declare()

    result = mesh("export", "odcs", "totls")

    assert result.exit_code == 1
    assert result.stderr.startswith("No registered port matches 'totls'.")


@pytest.mark.usefixtures("standards")
def test_products_are_exported_as_odps(tmp_path: Path) -> None:
    declare()
    form = STANDARDS / "odps" / "odps-json-schema-v1.0.0.json"
    schema = jsonschema_rs.validator_for(json.loads(form.read_text("utf-8")))

    result = mesh("export", "odps", "--json")

    report, sales = json.loads(result.stdout)
    [contract] = json.loads(mesh("export", "odcs", "orders", "--json").stdout)
    for document in (report, sales):
        schema.validate(document)
    assert report == {
        "apiVersion": "v1.0.0",
        "kind": "DataProduct",
        "id": str(totals.guid),
        "name": "totals",
        "version": "1.0.0",
        "status": "active",
        "domain": "report",
        "description": {"purpose": "What was sold a day."},
        "team": {"name": "report"},
        "inputPorts": [
            {
                "name": "lines",
                "version": "1.0.0",
                "contractId": contract["id"],
                "customProperties": [{"property": "meshAddress", "value": ORDERS}],
            }
        ],
        "outputPorts": [
            {
                "name": "daily",
                "description": "The sum of each day.",
                "type": "table",
                "version": "1.0.0",
                "contractId": report["outputPorts"][0]["contractId"],
                "inputContracts": [{"id": contract["id"], "version": "1.0.0"}],
                "customProperties": [{"property": "meshAddress", "value": TOTALS}],
            }
        ],
        "customProperties": [{"property": "meshAlignment", "value": "aggregate"}],
    }
    assert sales["outputPorts"][0]["contractId"] == contract["id"]


def test_what_only_an_older_file_of_a_product_says_is_kept(tmp_path: Path) -> None:
    declare()
    mesh("export", "odps", "totals", "--out", str(tmp_path))
    [path] = tmp_path.glob("*.odps.yaml")
    document = yaml.safe_load(path.read_text("utf-8"))
    document |= {"support": [{"channel": "chat", "url": "https://example.org"}], "version": "0.9"}
    document["outputPorts"][0]["sbom"] = [{"url": "https://example.org/sbom"}]
    document["outputPorts"].append({"name": "feed", "version": "1"})
    ours = {"property": "meshAddress", "value": "mesh://report/totals/v1/gone"}
    document["outputPorts"].append({"name": "gone", "version": "1", "customProperties": [ours]})
    path.write_text(yaml.safe_dump(document), encoding="utf-8")

    mesh("export", "odps", "totals", "--out", str(tmp_path))

    again = yaml.safe_load(path.read_text("utf-8"))
    assert again["support"] == document["support"]
    assert again["version"] == "1.0.0"
    assert [port["name"] for port in again["outputPorts"]] == ["daily", "feed"]
    assert again["outputPorts"][0] == document["outputPorts"][0]


def test_a_contract_is_imported_as_python(tmp_path: Path) -> None:
    declare()
    mesh("export", "odcs", "orders", "--out", str(tmp_path))
    [path] = tmp_path.glob("*.odcs.yaml")
    document = yaml.safe_load(path.read_text("utf-8"))
    document["schema"][0]["quality"] = [{"type": "sql", "query": "SELECT 1", "mustBe": 1}]
    document["slaProperties"].append({"property": "availability", "value": 99.9})
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    out = tmp_path / "products.py"

    first = mesh("import", "odcs", str(path), "--out", str(out))
    second = mesh("import", "odcs", str(path), "--out", str(out))

    assert first.exit_code == 0
    assert first.stderr == (
        "Not checked: 'sql' of 'Line'.\n"
        "Not watched: 'availability'.\n"
        f"To keep all that the document says, write contract=md.odcs('{path.name}').\n"
    )
    assert "LINES = pa.DataFrameSchema(" in out.read_text("utf-8")
    assert second.exit_code == 2
    assert f"'{out}' exists. Nothing was written." in second.stderr


def test_a_product_is_imported_as_python_with_the_contracts_beside_it(tmp_path: Path) -> None:
    declare()
    for standard in ("odcs", "odps"):
        mesh("export", standard, "totals", "--out", str(tmp_path))
    [path] = tmp_path.glob("*.odps.yaml")
    (tmp_path / "another.odcs.yaml").write_text("no: contract", encoding="utf-8")
    out = tmp_path / "products.py"

    result = mesh("import", "odps", str(path), "--out", str(out))

    assert result.exit_code == 0, result.output
    product = runpy.run_path(str(out))["data_product"]
    assert product.inputs["lines"].address == ORDERS
    assert product.ports["daily"].contract.digest == totals.ports["daily"].contract.digest


def test_a_hostile_file_is_refused_in_one_message(tmp_path: Path) -> None:
    path = tmp_path / "contract.yaml"
    path.write_text("[" * 30_000, encoding="utf-8")

    result = mesh("import", "odcs", str(path))

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"The file '{path}' is nested deeper than 32 levels in line 1. Write plain YAML. "
        "Nothing was read from it.\n"
    )
