"""Follow a publication back to its sources, through the versions that it was made from.

In:  an address, the registry, the store.
Out: a `Trace`: every publication that had a part in it. The registry answers; where it does not
know a version, the log of its table does. What an internal was made from is recorded with the port
that was made from the internal, so internals do not show.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

import sqlalchemy as sa

from mesh_dagster.declare.address import Address, Reference
from mesh_dagster.errors import NotPublishedError, NotTraceableError, UnknownVersionError
from mesh_dagster.run import delta, record
from mesh_dagster.run.registry import Publication, Registry, publications
from mesh_dagster.run.store import Store

_HEAVY = ("checks", "profile", "groups")
_LIGHT = [publications.c[f.name] for f in fields(Publication) if f.name not in _HEAVY]
Version = tuple[str, int]
"""An address and the number of one of its publications."""


@dataclass(frozen=True)
class Part:
    """Publications that stand in one version of a port and were made alike."""

    slices: tuple[str, ...]
    """The partitions, oldest publication first; one empty text in a port without partitions."""
    publications: tuple[Publication, ...]
    """One for each slice: the newest up to the version."""
    inputs: Mapping[str, int]
    """Address to the version that all of them were made from."""

    @property
    def rows(self) -> int:
        """The rows of all slices."""
        return sum(one.rows for one in self.publications)


@dataclass(frozen=True)
class Traced:
    """One version of a port."""

    address: str
    version: int
    parts: tuple[Part, ...]
    """Several where partitions were made from different inputs or by different code; none where
    neither registry nor store knows the version."""


@dataclass(frozen=True)
class Trace:
    """A version, and all that it was made from."""

    root: Version
    versions: Mapping[Version, Traced] = field(default_factory=dict)


def trace(reference: Reference, registry: Registry, store: Store) -> Trace:
    """Follow a publication back to its sources.

    A version counts as a whole: where only one partition of an input was read, all are followed.

    Raises:
        NotTraceableError: The quarantine is asked for.
        NotPublishedError: Nothing was published there.
        UnknownVersionError: There is no such publication.
    """
    if reference.quarantine:
        raise NotTraceableError(str(reference.address))
    past = _Past(registry, store)
    root = str(reference.address), _version(reference, past, store)
    found: dict[Version, Traced] = {}
    pending = [root]
    while pending:
        address, version = pending.pop()
        if (address, version) in found:
            continue
        traced = Traced(address, version, past.parts(address, version))
        found[address, version] = traced
        pending += [read for part in traced.parts for read in part.inputs.items()]
    return Trace(root, found)


@dataclass
class _Past:
    """The publications of each port that was asked for, oldest first."""

    registry: Registry
    store: Store
    known: dict[str, Sequence[Publication]] = field(default_factory=dict)

    def of(self, address: str, version: int | None = None) -> Sequence[Publication]:
        """Return all publications of a port; from the store if the registry lacks the version."""
        if address not in self.known:
            self.known[address] = _registered(self.registry, address)
        made = self.known[address]
        if not made or (version is not None and all(one.version != version for one in made)):
            uri = self.store.table(Address.parse(address))
            logged = [record.publication(entry) for entry in delta.history(self.store, uri)]
            self.known[address] = logged[::-1] or made
        return self.known[address]

    def parts(self, address: str, version: int) -> tuple[Part, ...]:
        """Return what one version consists of, by the inputs and the code of its slices."""
        made = self.of(address, version)
        if all(one.version != version for one in made):
            return ()
        newest = {one.slice: one for one in made if one.version <= version}
        alike: defaultdict[object, list[Publication]] = defaultdict(list)
        for one in sorted(newest.values(), key=lambda one: one.version):
            code = one.contract_version, one.code_version, one.revision
            alike[tuple(sorted(one.inputs.items())), code].append(one)
        return tuple(
            Part(tuple(one.slice for one in same), tuple(same), dict(same[0].inputs))
            for same in alike.values()
        )


def _registered(registry: Registry, address: str) -> Sequence[Publication]:
    query = sa.select(*_LIGHT).where(publications.c.address == address)
    return [Publication(**row) for row in registry.rows(query.order_by(publications.c.version))]


def _version(reference: Reference, past: _Past, store: Store) -> int:
    address = str(reference.address)
    made = past.of(address, reference.version)
    if not made:
        raise NotPublishedError(address, map(str, store.addresses()), store.root)
    moment = reference.as_of
    able = [
        one.version
        for one in made
        if reference.version in (None, one.version) and (not moment or one.published_at <= moment)
    ]
    if not able:
        asked = f"of {moment:%Y-%m-%d %H:%M:%S} UTC or before" if moment else ""
        raise UnknownVersionError(
            address,
            asked or f"with version {reference.version}",
            f"versions {made[0].version}",
            str(made[-1].version),
        )
    return able[-1]
