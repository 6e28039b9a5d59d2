"""Write a port as an ODCS document.

In:  what the registry holds of a port.
Out: a document. Where the contract was read from a document, that one, with what has changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import NAMESPACE_URL, uuid5

from mesh_dagster.declare.address import Address
from mesh_dagster.declare.lifecycle import (
    Deprecated,
    State,
    name_of_state,
    state_of,
    state_row,
)
from mesh_dagster.declare.written import WrittenContract
from mesh_dagster.discover.documents import Json
from mesh_dagster.discover.odcs.custom import custom_fields, customs_of, merged
from mesh_dagster.discover.odcs.promises import (
    FRESHNESS,
    QUALITY,
    Promises,
    other_properties,
    promise_customs,
    promises_of,
    sla_properties,
)
from mesh_dagster.discover.odcs.tables import SOURCE, ReadTable, read_table, table_of
from mesh_dagster.discover.people import owner_of, team_of
from mesh_dagster.run.promises import freshness_of, quality_of
from mesh_dagster.run.registry import Registry

Row = Mapping[str, Json]
ADDRESS = "meshAddress"
ALIGNMENT = "meshAlignment"
DEPRECATED = "meshDeprecated"
DIGEST = "meshContractDigest"
PRODUCT = "meshProduct"
PURPOSE = "meshPurpose"
_SERVERS = {
    "s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs",
    "az": "azure", "abfs": "azure", "abfss": "azure",
}  # fmt: skip
_THEIRS = ("id", "name", "description")
"""What the document of a team says better than we could."""


@dataclass(frozen=True)
class Port:
    """What the registry holds of a port."""

    address: Address
    contract: WrittenContract
    promises: Promises
    version: str
    """The product's version, such as `1.2.0`."""
    owner: str
    alignment: str
    purpose: str
    """The product's."""
    description: str | None
    partition_columns: tuple[str, ...] = ()
    partitioned: bool = False
    state: State = "active"
    retired: bool = False
    """Whether nobody declares it any more."""

    @property
    def source(self) -> Json | None:
        """The document that the contract was read from, and the name of its table."""
        source = self.contract.metadata.get(SOURCE)
        return source if isinstance(source, dict) else None

    @property
    def status(self) -> str:
        """Its state, as ODCS and ODPS call it."""
        return "retired" if self.retired else name_of_state(self.state)

    @property
    def contract_id(self) -> str:
        """The id of its contract: that of its document, else one made of the address."""
        return str(self.source["document"]["id"]) if self.source else contract_id(self.address)


def contract_id(address: Address) -> str:
    """Return the id of a port's contract; equal on every machine."""
    return str(uuid5(NAMESPACE_URL, str(address)))


def servers_at(location: str) -> list[Json]:
    """Return the server at which a Delta table lies, as ODCS writes it."""
    kind = _SERVERS.get(location.partition("://")[0], "custom") if "://" in location else "local"
    where = "path" if kind == "local" else "location"
    return [{"server": "store", "type": kind, where: location, "format": "delta"}]


def ports_of(registry: Registry) -> list[Port]:
    """Return every registered port, by address."""
    products = {(row["key"], row["major"]): row for row in registry.products()}
    rows = [(row, Address.parse(row["address"])) for row in registry.ports()]
    return [port_of(row, products[address.key, address.major]) for row, address in rows]


def port_of(row: Row, product: Row) -> Port:
    """Read a port out of its row in the registry and its product's."""
    declared = row["declaration"]
    fresh, whole = declared["freshness"], product["declaration"]
    promises = Promises(
        freshness_of(fresh) if fresh else None,
        quality_of(declared["quality"]),
        declared["cadence"],
        retention=timedelta(seconds=whole["retention_seconds"]),
    )
    return Port(
        address=Address.parse(row["address"]),
        contract=WrittenContract.from_json(declared["contract"]),
        promises=promises,
        version=declared["version"],
        owner=product["owner"],
        alignment=product["alignment"],
        purpose=product["purpose"],
        description=row["description"],
        partition_columns=tuple(declared["partition_columns"].values()),
        partitioned=declared["partitioned"],
        state=state_of(declared["state"]),
        retired=row["withdrawn_at"] is not None,
    )


def port_document(port: Port, servers: list[Json], version: str = "v3.1.0") -> dict[str, Json]:
    """Write a port.

    Args:
        port: What is promised.
        servers: Where its data lies, as ODCS writes it.
        version: The version of ODCS, `v3.1.0` or `v3.2.0`.
    """
    source = port.source or {"document": {}, "table": port.address.port}
    theirs, name = source["document"], source["table"]
    read = next((read_table(t) for t in theirs.get("schema") or () if t["name"] == name), None)
    table = _table(port, name, read)
    customs = {
        ADDRESS: str(port.address),
        PRODUCT: port.address.key,
        **({PURPOSE: port.purpose} if port.description else {}),
        ALIGNMENT: port.alignment,
        DIGEST: port.contract.digest,
        **_deprecation(port.state),
        **promise_customs(port.promises, rows_elsewhere=not port.partitioned),
    }
    ours = {
        "apiVersion": version,
        "kind": "DataContract",
        "id": port.contract_id,
        "name": f"{port.address.key}/{port.address.port}",
        "version": port.version,
        # Only of what is in use may a document say more, such as `in development`.
        "status": theirs.get("status", "active") if port.status == "active" else port.status,
        "domain": port.address.domain,
        "description": {"purpose": port.description or port.purpose},
        "team": team_of(port.owner),
        "servers": servers,
        "schema": [table],
        "slaProperties": [*sla_properties(port.promises, name), *_end(port.state)],
        **custom_fields(customs),
    }
    if read is None:
        return {name: field for name, field in ours.items() if field}
    return _over(ours, theirs, port, read)


def _table(port: Port, name: str, read: ReadTable | None) -> dict[str, Json]:
    rows = None if port.partitioned else port.promises.quality.rows
    table = table_of(port.contract, name, read, rows)
    places = {column: place for place, column in enumerate(port.partition_columns, 1)}
    properties = [
        {**one, "partitioned": True, "partitionKeyPosition": places[one["name"]]}
        if one["name"] in places
        else one
        for one in table.get("properties", ())
    ]
    return {**table, "properties": properties} if places else table


def _end(state: State) -> list[Json]:
    if not isinstance(state, Deprecated):
        return []
    return [{"property": "endOfSupport", "value": state.until.isoformat()}]


def _deprecation(state: State) -> dict[str, Json]:
    return {DEPRECATED: state_row(state)} if isinstance(state, Deprecated) else {}


def _over(ours: Json, theirs: Json, port: Port, read: ReadTable) -> dict[str, Json]:
    """Return the document that a contract was read from, with what holds now."""
    name = read.node["name"]
    kept = {n: theirs[n] for n in _THEIRS if n in theirs}
    if owner_of(theirs) == port.owner:
        kept["team"] = theirs["team"]
    known = {server["server"] for server in theirs.get("servers") or ()}
    added = [server for server in ours["servers"] if server["server"] not in known]
    tables = [ours["schema"][0] if t["name"] == name else t for t in theirs["schema"]]
    said, now = promises_of(theirs, name, read.rows), port.promises
    same = (said.freshness, said.cadence, said.retention) == (
        now.freshness,
        now.cadence,
        now.retention,
    )
    others = theirs.get("slaProperties") if same else other_properties(theirs, name)
    whole = {
        **ours,
        **kept,
        "servers": [*(theirs.get("servers") or ()), *added],
        "schema": tables,
        "slaProperties": [*(others or ()), *(() if same else ours["slaProperties"])],
    }
    stale = {FRESHNESS, QUALITY} - customs_of(ours).keys()
    customs = [c for c in theirs.get("customProperties") or () if c["property"] not in stale]
    filled = {n: field for n, field in whole.items() if field or n in theirs}
    return merged(filled, {**theirs, "customProperties": customs})
