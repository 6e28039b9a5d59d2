"""Describe ports as OpenLineage datasets with their facets.

In:  a port as it is declared, a publication, a verdict.
Out: datasets for `openlineage.py`. Internals stay inside, so columns are followed through them to
the ports that other products publish. Of the profile only counts are told, never bounds.
"""

from dataclasses import dataclass
from typing import Literal

from openlineage.client import event_v2 as events
from openlineage.client.facet_v2 import (
    DatasetFacet,
    column_lineage_dataset,
    data_quality_assertions_dataset,
    data_quality_metrics_dataset,
    dataset_version_dataset,
    documentation_dataset,
    hierarchy_dataset,
    lifecycle_state_change_dataset,
    output_statistics_output_dataset,
    ownership_dataset,
    schema_dataset,
)

from mesh_dagster import __version__
from mesh_dagster.declare.address import SCHEME, Address
from mesh_dagster.run.edges import Edge, Lineage
from mesh_dagster.run.registry import Publication
from mesh_dagster.run.store import WHOLE
from mesh_dagster.run.verdict import Finding, Verdict

PRODUCER = f"urn:mesh-dagster:{__version__}"
_ADDRESS = f"{SCHEME}://"
_Transformation = column_lineage_dataset.Transformation


@dataclass(frozen=True)
class Described:
    """A port, as events describe it."""

    address: str
    owner: str
    description: str | None
    columns: tuple[tuple[str, str, str | None], ...]
    """Name, type and description of each column, in order."""


def dataset_name(address: str) -> tuple[str, str]:
    """Return namespace and name of a port, such as `mesh://sales` and `invoices/v1/lines`."""
    domain, _, name = address.removeprefix(_ADDRESS).partition("/")
    return f"{_ADDRESS}{domain}", name


def input_of(address: str, version: int) -> events.InputDataset:
    """Describe a publication that was read."""
    return events.InputDataset(*dataset_name(address), facets={"version": _version(version)})


def judged_input(port: Described, verdict: Verdict) -> events.InputDataset:
    """Describe a batch that was audited, rule by rule."""
    assertions = data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(
        assertions=[_assertion(finding) for finding in verdict.findings], producer=PRODUCER
    )
    return events.InputDataset(
        *dataset_name(port.address), inputFacets={"dataQualityAssertions": assertions}
    )


def output_of(port: Described, made: Publication) -> events.OutputDataset:
    """Describe a publication."""
    statistics = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
        rowCount=made.rows, producer=PRODUCER
    )
    return events.OutputDataset(
        *dataset_name(port.address),
        facets=_facets(port, made),
        outputFacets={"outputStatistics": statistics},
    )


def _facets(port: Described, made: Publication) -> dict[str, DatasetFacet]:
    owners = [ownership_dataset.Owner(name=port.owner)]
    facets: dict[str, DatasetFacet] = {
        "schema": _schema(port),
        "ownership": ownership_dataset.OwnershipDatasetFacet(owners=owners, producer=PRODUCER),
        "version": _version(made.version),
        "hierarchy": _hierarchy(Address.parse(port.address)),
        "lifecycleStateChange": _change(made),
        "dataQualityMetrics": _metrics(made),
        "columnLineage": _lineage(Lineage.of(made.lineage)),
    }
    if port.description:
        facets["documentation"] = documentation_dataset.DocumentationDatasetFacet(
            description=port.description, producer=PRODUCER
        )
    return facets


def _schema(port: Described) -> schema_dataset.SchemaDatasetFacet:
    fields = [
        schema_dataset.SchemaDatasetFacetFields(
            name=name, type=dtype, description=description, ordinal_position=position
        )
        for position, (name, dtype, description) in enumerate(port.columns, start=1)
    ]
    return schema_dataset.SchemaDatasetFacet(fields=fields, producer=PRODUCER)


def _version(version: int) -> dataset_version_dataset.DatasetVersionDatasetFacet:
    return dataset_version_dataset.DatasetVersionDatasetFacet(
        datasetVersion=str(version), producer=PRODUCER
    )


def _hierarchy(address: Address) -> hierarchy_dataset.HierarchyDatasetFacet:
    levels = (
        ("DOMAIN", address.domain),
        ("DATA_PRODUCT", address.product),
        ("OUTPUT_PORT", f"v{address.major}/{address.port}"),
    )
    return hierarchy_dataset.HierarchyDatasetFacet(
        hierarchy=[
            hierarchy_dataset.HierarchyDatasetFacetLevel(type=kind, name=name)
            for kind, name in levels
        ],
        producer=PRODUCER,
    )


def _change(made: Publication) -> lifecycle_state_change_dataset.LifecycleStateChangeDatasetFacet:
    changes = lifecycle_state_change_dataset.LifecycleStateChange
    again = changes.OVERWRITE if made.slice == WHOLE else changes.ALTER
    return lifecycle_state_change_dataset.LifecycleStateChangeDatasetFacet(
        lifecycleStateChange=again if made.version else changes.CREATE, producer=PRODUCER
    )


def _metrics(made: Publication) -> data_quality_metrics_dataset.DataQualityMetricsDatasetFacet:
    columns = {
        column["column"]: data_quality_metrics_dataset.ColumnMetrics(
            nullCount=column["nulls"], distinctCount=column["approximate_distinct"]
        )
        for column in made.profile.get("columns", ())
    }
    return data_quality_metrics_dataset.DataQualityMetricsDatasetFacet(
        columnMetrics=columns, rowCount=made.rows, producer=PRODUCER
    )


def _lineage(known: Lineage) -> column_lineage_dataset.ColumnLineageDatasetFacet:
    fields = {
        name: column_lineage_dataset.Fields(
            inputFields=[_field(edge) for edge in edges if edge.source.startswith(_ADDRESS)]
        )
        for name, edges in known.to_ports().items()
    }
    return column_lineage_dataset.ColumnLineageDatasetFacet(fields=fields, producer=PRODUCER)


def _field(edge: Edge) -> column_lineage_dataset.InputField:
    kind: Literal["DIRECT", "INDIRECT"] = "DIRECT" if edge.kind == "value" else "INDIRECT"
    return column_lineage_dataset.InputField(
        *dataset_name(edge.source),
        field=edge.column,
        transformations=[_Transformation(type=kind, description=edge.how)],
    )


def _assertion(finding: Finding) -> data_quality_assertions_dataset.Assertion:
    failing = finding.failing_rows
    return data_quality_assertions_dataset.Assertion(
        assertion=finding.rule.check,
        success=finding.passed,
        column=finding.rule.column,
        severity="error" if finding.rule.level == "error" else "warn",
        name=finding.rule.text,
        actual=None if failing is None else f"{failing} failing rows",
    )
