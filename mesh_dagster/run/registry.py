"""Keep what the mesh knows of itself in SQL: products, ports, publications, refusals.

In:  declarations and outcomes, as plain values.
Out: rows, written by upsert so that doing it twice changes nothing.
The Delta logs are the truth about publications; `run/reindex.py` rebuilds those rows from them.
SQLite (with WAL) by default, PostgreSQL in production, by URL.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from mesh_dagster.errors import RegistryError
from mesh_dagster.run.dialects import KEPT, Json, UtcDateTime, make_tables, open_engine, upsert

_METADATA = sa.MetaData()

products = sa.Table(
    "products",
    _METADATA,
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("major", sa.Integer, primary_key=True),
    sa.Column("guid", sa.String, nullable=False),
    sa.Column("version", sa.String, nullable=False),
    sa.Column("owner", sa.String, nullable=False),
    sa.Column("alignment", sa.String, nullable=False),
    sa.Column("purpose", sa.String, nullable=False),
    sa.Column("declaration", Json, nullable=False),
    # Of all that is declared; `run/registering.py` skips what it knows.
    sa.Column("digest", sa.String),
    sa.Column("registered_at", UtcDateTime, nullable=False, info={KEPT: True}),
)
ports = sa.Table(
    "ports",
    _METADATA,
    sa.Column("address", sa.String, primary_key=True),
    sa.Column("product_key", sa.String, nullable=False, index=True),
    sa.Column("description", sa.String),
    # The name of the declared state; `retired` is kept by `run/retired.py`.
    sa.Column("state", sa.String),
    sa.Column("declaration", Json, nullable=False),
    sa.Column("registered_at", UtcDateTime, nullable=False, info={KEPT: True}),
    # Set when nobody declares the port any more, and empty again as soon as somebody does.
    sa.Column("withdrawn_at", UtcDateTime),
)
publications = sa.Table(
    "publications",
    _METADATA,
    sa.Column("address", sa.String, primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True),
    sa.Column("publication_id", sa.String, nullable=False),
    sa.Column("published_at", UtcDateTime, nullable=False),
    sa.Column("run_id", sa.String),
    sa.Column("code_version", sa.String),
    sa.Column("revision", sa.String),
    sa.Column("contract_version", sa.String, nullable=False),
    sa.Column("contract_digest", sa.String, nullable=False),
    sa.Column("verdict_digest", sa.String, nullable=False),
    sa.Column("slice", sa.String, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("port_rows", sa.BigInteger, nullable=False),
    sa.Column("rejected_rows", sa.BigInteger, nullable=False),
    sa.Column("data_time", UtcDateTime),
    sa.Column("oldest_group", UtcDateTime),
    sa.Column("duration_seconds", sa.Float),
    sa.Column("port_bytes", sa.BigInteger),
    sa.Column("checks", Json, nullable=False),
    sa.Column("inputs", Json, nullable=False),
    sa.Column("lineage", Json, nullable=False),
    sa.Column("profile", Json, nullable=False),
    sa.Column("groups", Json, nullable=False),
    # What every tick of judgement reads, whole: the publications of a window.
    sa.Index(
        "ix_publications_window", *("published_at", "address", "data_time", "oldest_group", "rows")
    ),
    sa.Index("ix_publications_time", "address", "published_at"),
    sa.Index("ix_publications_slice", "address", "slice", "published_at"),
    sa.Index("ix_publications_data_time", "address", "data_time"),
    # What is counted for metrics, over all publications.
    sa.Index("ix_publications_totals", "address", "version", "duration_seconds", "checks"),
)
refusals = sa.Table(
    "refusals",
    _METADATA,
    sa.Column("publication_id", sa.String, primary_key=True),
    sa.Column("address", sa.String, nullable=False, index=True),
    sa.Column("refused_at", UtcDateTime, nullable=False),
    sa.Column("run_id", sa.String),
    sa.Column("slice", sa.String, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("broken", Json, nullable=False),
    sa.Column("checks", Json, nullable=False),
)


@dataclass(frozen=True)
class Publication:
    """One publication, as the commit carries it and the registry keeps it."""

    address: str
    version: int
    """The version of the Delta table."""
    publication_id: str
    published_at: datetime
    """Aware UTC, the time of the commit."""
    contract_version: str
    contract_digest: str
    verdict_digest: str
    slice: str
    """The partition that was replaced; empty in a port without partitions."""
    rows: int
    """The rows of that slice."""
    port_rows: int
    """The rows of the whole port after the commit."""
    rejected_rows: int = 0
    """The rows set aside in quarantine."""
    data_time: datetime | None = None
    """Aware UTC; the newest event in the slice, where the port's freshness names a column."""
    oldest_group: datetime | None = None
    """Aware UTC; the earliest of `groups`."""
    duration_seconds: float | None = None
    """From the begin of the build to the commit."""
    port_bytes: int | None = None
    """The size of the whole port's files after the commit."""
    checks: Mapping[str, bool] = field(default_factory=dict)
    """Family of rules to whether the batch as it was built kept them all."""
    run_id: str | None = None
    code_version: str | None = None
    """The product's version and a digest of the build function and its contract."""
    revision: str | None = None
    """What MESH_CODE_VERSION, else GIT_COMMIT, said when it was built."""
    inputs: Mapping[str, int] = field(default_factory=dict)
    """Address to the version that was read."""
    lineage: Mapping[str, Any] = field(default_factory=dict)  # Any: JSON
    """Where its columns come from; `run/edges.py` reads it."""
    profile: Mapping[str, Any] = field(default_factory=dict)  # Any: JSON
    groups: Mapping[str, str] = field(default_factory=dict)
    """The newest event of each group of the whole port, ISO 8601, where freshness names groups."""


@dataclass(frozen=True)
class Refusal:
    """One batch that was not published."""

    address: str
    publication_id: str
    refused_at: datetime
    slice: str
    rows: int
    broken: Mapping[str, int | None]
    """Rule to the number of rows that broke it."""
    run_id: str | None = None
    checks: Mapping[str, bool] = field(default_factory=dict)
    """As in a `Publication`."""


class Registry:
    """The SQL database of the mesh.

    Args:
        url: A SQLAlchemy URL; the tables are made when they are missing.

    Raises:
        RegistryError: The database cannot be reached, here or later.
    """

    def __init__(self, url: str) -> None:
        """Open the database and make missing tables."""
        try:
            self.url = sa.make_url(url)
        except sa.exc.ArgumentError as error:
            raise RegistryError(url.rpartition("@")[2]) from error
        with self._reached():
            if self.url.get_backend_name() == "sqlite" and self.url.database:
                Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
            self._engine = open_engine(self.url)
        self._made: list[sa.MetaData] = []
        self.make(_METADATA)

    def make(self, metadata: sa.MetaData) -> bool:
        """Make those of the tables that are missing; a second call does nothing, and says so."""
        if metadata in self._made:
            return False
        with self.begin() as connection:
            make_tables(connection, metadata)
        self._made.append(metadata)
        return True

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """Open a transaction: committed at the end, or not at all."""
        with self._reached(), self._engine.begin() as connection:
            yield connection

    def held(self) -> AbstractContextManager[object]:
        """Keep a connection open: SQLite tidies its log up whenever the last one closes."""
        with self._reached():
            return closing(self._engine.connect())

    def require_writable(self) -> None:
        """Wait until the registry can be written.

        Raises:
            RegistryError: It cannot be reached, or not written.
        """
        with self.begin() as connection:
            connection.execute(
                sa.update(publications).where(sa.false()).values(run_id=publications.c.run_id)
            )

    def register(self, product: Mapping[str, Any], its_ports: Iterable[Mapping[str, Any]]) -> None:
        """Write a product and its ports as they are declared now."""
        with self.begin() as connection:
            upsert(connection, products, [product])
            upsert(connection, ports, list(its_ports))

    def record(self, *made: Publication) -> None:
        """Write publications."""
        with self.begin() as connection:
            upsert(connection, publications, [asdict(publication) for publication in made])

    def forget(self, address: str, versions: Iterable[int]) -> None:
        """Drop publications of a port."""
        gone = (publications.c.address == address) & publications.c.version.in_(list(versions))
        with self.begin() as connection:
            connection.execute(sa.delete(publications).where(gone))

    def refuse(self, refusal: Refusal) -> None:
        """Write a refusal."""
        with self.begin() as connection:
            upsert(connection, refusals, [asdict(refusal)])

    def products(self) -> Sequence[Mapping[str, Any]]:
        """Return every product, by key and major version."""
        return self.rows(sa.select(products).order_by(products.c.key, products.c.major))

    def ports(self, address: str | None = None) -> Sequence[Mapping[str, Any]]:
        """Return every port, or one, by address."""
        query = sa.select(ports).order_by(ports.c.address)
        return self.rows(query.where(ports.c.address == address) if address else query)

    def latest(self) -> Mapping[str, Publication]:
        """Return the newest publication of each address."""
        newest = (
            sa.select(publications.c.address, sa.func.max(publications.c.version).label("version"))
            .group_by(publications.c.address)
            .subquery()
        )
        query = sa.select(publications).join(
            newest,
            (publications.c.address == newest.c.address)
            & (publications.c.version == newest.c.version),
        )
        return {row["address"]: Publication(**row) for row in self.rows(query)}

    def publications(self, address: str, limit: int | None = None) -> list[Publication]:
        """Return the publications of an address, newest first."""
        query = (
            sa.select(publications)
            .where(publications.c.address == address)
            .order_by(publications.c.version.desc())
            .limit(limit)
        )
        return [Publication(**row) for row in self.rows(query)]

    def slices(self, address: str) -> set[str]:
        """Return every slice of a port that was published."""
        query = sa.select(publications.c.slice).where(publications.c.address == address).distinct()
        return {row["slice"] for row in self.rows(query)}

    def refusals(self, address: str | None = None, limit: int | None = None) -> list[Refusal]:
        """Return the refusals of an address, or all, newest first."""
        query = sa.select(refusals).order_by(refusals.c.refused_at.desc()).limit(limit)
        where = query.where(refusals.c.address == address) if address else query
        return [Refusal(**row) for row in self.rows(where)]

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def rows(self, query: sa.Select[Any]) -> Sequence[Mapping[str, Any]]:
        """Run a query over the tables of this file."""
        with self._reached(), self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except (sa.exc.DBAPIError, sa.exc.NoSuchModuleError, ImportError, OSError) as error:
            raise RegistryError(self.url.render_as_string(hide_password=True)) from error
