"""Write every string that Dagster stores.

In:  declarations.
Out: asset keys, groups, op names, tags, check names, metadata keys.
Renaming one of them orphans history in every installation, so it is a breaking change.
"""

from collections.abc import Sequence

import dagster as dg

from mesh_dagster.declare.address import SCHEME, Address
from mesh_dagster.declare.port import Adopted, Internal
from mesh_dagster.declare.product import DataProduct

ROLE_TAG = "mesh_dagster/role"
DOMAIN_TAG = "mesh_dagster/domain"
PRODUCT_TAG = "mesh_dagster/product"
ALIGNMENT_TAG = "mesh_dagster/alignment"
LIFECYCLE_TAG = "mesh_dagster/lifecycle"

ADDRESS = "mesh_dagster/address"
VERSION = "mesh_dagster/version"
CONTRACT_VERSION = "mesh_dagster/contract_version"
DATA_TIME = "mesh_dagster/data_time"
INPUTS = "mesh_dagster/inputs"
INPUT_STATES = "mesh_dagster/input_states"
LIFECYCLE = "mesh_dagster/lifecycle"
LINEAGE = "mesh_dagster/lineage"
PROFILE = "mesh_dagster/profile"
PUBLICATION = "mesh_dagster/publication"
PURPOSE = "mesh_dagster/purpose"
READ = "mesh_dagster/read"
REJECTED_ROWS = "mesh_dagster/rejected_rows"
REFUSAL = "mesh_dagster/refusal"
RULES = "mesh_dagster/rules"
FUSED = "mesh_dagster/fused"
UNDECLARED = "mesh_dagster/undeclared_columns"
FAILING_ROWS = "mesh_dagster/failing_rows"
DECLARED = "mesh_dagster/declared"

SLO_STATE = "mesh_dagster/state"
SLO_SINCE = "mesh_dagster/since"
SLO_AGE = "mesh_dagster/age_seconds"
SLO_LIMIT = "mesh_dagster/limit_seconds"
SLO_BUDGET = "mesh_dagster/error_budget_remaining"
SLO_LATE_GROUPS = "mesh_dagster/late_groups"
SLO_MISSING = "mesh_dagster/missing_partitions"
SLO_CAUSE = "mesh_dagster/caused_by"

ROW_COUNT = "dagster/row_count"
PARTITION_ROW_COUNT = "dagster/partition_row_count"
SIZE_BYTES = "dagster/size_bytes"
URI = "dagster/uri"
COLUMN_SCHEMA = "dagster/column_schema"
COLUMN_LINEAGE = "dagster/column_lineage"
CODE_REFERENCES = "dagster/code_references"

MESH_RESOURCE = "mesh"
DUCKDB_RESOURCE = "duckdb"
IO_MANAGER = "mesh_io_manager"
AUTOMATION_SENSOR = "mesh_automation"
SLO_SENSOR = "mesh_slo"


def port_key(address: Address) -> dg.AssetKey:
    """Return the asset key of a port."""
    return dg.AssetKey(address.parts)


def internal_key(internal: Internal | Adopted) -> dg.AssetKey:
    """Return the asset key of an internal."""
    return dg.AssetKey(internal.asset_key)


def source_key(source: str) -> dg.AssetKey:
    """Return the asset key of what a column comes from, as `run/edges.py` writes it."""
    return dg.AssetKey(source.removeprefix(f"{SCHEME}://").split("/"))


def port_group(product: DataProduct) -> str:
    """Return the group of a product's ports."""
    return product.key


def internal_group(product: DataProduct) -> str:
    """Return the group of a product's internals, nested under its ports' group."""
    return f"{product.key}/internal"


def op_name(parts: Sequence[str]) -> str:
    """Return an op name that stays the same when other products come and go."""
    return "__".join(parts)


def tags_for(product: DataProduct, role: str) -> dict[str, str]:
    """Return the tags of an asset: the product's own, and where it stands in the mesh."""
    return {
        **product.tags,
        ROLE_TAG: role,
        DOMAIN_TAG: product.domain,
        PRODUCT_TAG: product.name,
        ALIGNMENT_TAG: product.alignment,
    }
