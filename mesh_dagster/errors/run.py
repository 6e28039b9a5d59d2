"""Name what can stop a batch from being published, or a publication from being read."""

from collections.abc import Iterable

from mesh_dagster.errors.message import MOST_NAMES, MeshError, listed, nearest


class FrameRefusedError(MeshError, TypeError):
    """What a build function returned, or an audit was given, is no frame."""

    def __init__(self, who: str, got: str) -> None:
        super().__init__(
            f"{who} {got}; expected a polars LazyFrame or DataFrame, a DuckDB relation or a "
            "pyarrow Table. Use one of these. Nothing was published."
        )


class PublicationRefusedError(MeshError):
    """A batch broke its contract, so it was not published."""

    def __init__(
        self,
        address: str,
        broken: list[str],
        total: int,
        current: str,
        where: str = "",
        remedy: str = "",
    ) -> None:
        shown = "; ".join(broken[:MOST_NAMES]) or "pandera could not judge it"
        more = f" and {len(broken) - MOST_NAMES} more" if len(broken) > MOST_NAMES else ""
        place = f" {where}" if where else ""
        remedy = remedy or (
            "Fix the batch, or set its bad rows aside with "
            "Quality(valid_rows=..., otherwise='quarantine')."
        )
        super().__init__(
            f"'{address}' failed {len(broken)} of {total} rules{place}: {shown}{more}. Nothing was "
            f"published; {current}. {remedy}"
        )


class ExpectationBrokenError(MeshError):
    """A publication does not keep what its reader relies on."""

    def __init__(
        self, who: str, reference: str, broken: list[str], total: int, undone: str
    ) -> None:
        shown = "; ".join(broken[:MOST_NAMES]) or "pandera could not judge it"
        more = f" and {len(broken) - MOST_NAMES} more" if len(broken) > MOST_NAMES else ""
        super().__init__(
            f"{who} cannot take '{reference}', which breaks {len(broken)} of the {total} rules "
            f"that are expected: {shown}{more}. {undone}. Come to terms with the owner of the "
            "port, or expect less."
        )


class CommitContendedError(MeshError):
    """Other writers kept winning the race for the next version."""

    def __init__(self, address: str, tries: int, current: str) -> None:
        super().__init__(
            f"'{address}' lost {tries} races for its next version against other writers. "
            f"Nothing was published; {current}. Run it again, with fewer runs at a time."
        )


class NotPublishedError(MeshError, LookupError):
    """An address has no publication.

    Args:
        address: What was asked for.
        known: What has publications, or is registered.
        root: Of the store that was opened; there is no mesh in it where nothing is known.
    """

    def __init__(self, address: str, known: Iterable[str], root: str | None = None) -> None:
        known = list(known)
        where = f"in '{root}'" if root else "here"
        if root and not known:
            where += ", nor has anything else"
        super().__init__(
            f"'{address}' has never been published {where}.{nearest(address, known)} "
            "Check the address and MESH_ROOT, or run its product. Nothing was read."
        )


class PartitionMissingError(MeshError, LookupError):
    """The partition of an input that is to be read has no publication."""

    def __init__(self, who: str, address: str) -> None:
        super().__init__(
            f"{who} reads the same partition of '{address}', where it was never published. Publish "
            "it there first, or read the whole port, without same_partition. Nothing was built."
        )


class UnknownVersionError(MeshError, LookupError):
    """An address has publications, but not the one asked for."""

    def __init__(self, address: str, asked: str, first: str, last: str) -> None:
        super().__init__(
            f"'{address}' has no publication {asked}; it keeps {first} to {last}. "
            "Ask for one of these. Nothing was read."
        )


class NotTraceableError(MeshError, ValueError):
    """Rejected rows are no publication."""

    def __init__(self, address: str) -> None:
        super().__init__(
            f"'{address}?quarantine' holds rejected rows, which no publication is made from. Trace "
            f"'{address}' instead. Nothing was traced."
        )


class NotSplittableError(MeshError, ValueError):
    """A batch cannot be parted into valid and rejected rows; it can only be refused whole."""

    def __init__(self, contract: str, broken: Iterable[str]) -> None:
        super().__init__(
            f"The batch breaks rules of contract '{contract}' that are not about single rows: "
            f"{listed(broken)}. Rows cannot be rejected for them, so refuse the whole batch. "
            "Nothing was split."
        )


class StoreRefusedError(MeshError, ValueError):
    """A store lies at a path that Delta would take for another."""

    def __init__(self, root: str, character: str) -> None:
        super().__init__(
            f"The store at {root!r} has {character!r} in its path, which Delta cannot keep. Set "
            "MESH_ROOT to a path without control characters and without any of % ? # \\. "
            "Nothing was published or read."
        )


class StoreUnknownError(MeshError, ValueError):
    """A store lies where nothing that is installed can reach."""

    def __init__(self, root: str, reason: str) -> None:
        scheme = root.partition("://")[0]
        super().__init__(
            f"The store at '{root}' cannot be reached: {reason.rstrip('.')}. For 's3' install "
            f"mesh-dagster[s3]; for others the package that fsspec names for '{scheme}'. "
            "Nothing was published or read."
        )


class PartitioningChangedError(MeshError, ValueError):
    """A port was published whole and is now built in partitions, or in others than before."""

    def __init__(self, address: str, was: str, now: str, current: str) -> None:
        super().__init__(
            f"'{address}' was published {was} so far and is now built {now}. Nothing was "
            f"published; {current}. Go back to the partitions it had, or give the product a new "
            "major version."
        )


class RegistryError(MeshError, ConnectionError):
    """The registry cannot be reached."""

    def __init__(self, url: str) -> None:
        super().__init__(
            f"The registry at '{url}' cannot be opened. Check MESH_REGISTRY and that the "
            "database runs. Nothing was published or read."
        )


class StagingFailedError(MeshError, OSError):
    """A batch could not be written."""

    def __init__(self, address: str, current: str) -> None:
        super().__init__(
            f"'{address}' could not be staged: its batch could not be written to the store. "
            f"Nothing was published; {current}. Check the disk and the store's permissions."
        )


class QuarantineKeptError(MeshError, OSError):
    """Rejected rows are older than they may be, and could not be deleted."""

    def __init__(self, address: str) -> None:
        super().__init__(
            f"'{address}?quarantine' holds rows past their retention, and could not be written. "
            "None of them was deleted. Check the disk and the store's permissions, then run "
            "'mesh vacuum' again."
        )


class TooManyGroupsError(MeshError, ValueError):
    """A port promises that each group is fresh, and has too many groups for that."""

    def __init__(self, address: str, column: str, most: int, current: str) -> None:
        super().__init__(
            f"'{address}' promises freshness per '{column}', which has more than {most:,} values. "
            f"Nothing was published; {current}. Name a column with fewer values."
        )


class InternalMissingError(MeshError, LookupError):
    """An internal was not materialized before something read it."""

    def __init__(self, who: str, missing: int, asked: int) -> None:
        super().__init__(
            f"'{who}' was never materialized, or not in {missing} of {asked} partitions. "
            "Materialize it first. Nothing was published."
        )


class SqlRefusedError(MeshError, ValueError):
    """A statement of `mesh sql` cannot be run."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"The statement {problem}. {remedy} Nothing was read.")


class RetiredError(MeshError, LookupError):
    """A port is retired, so nobody can read it any more."""

    def __init__(self, address: str, day: str, successor: str | None) -> None:
        instead = f"Read '{successor}' instead." if successor else "It has no successor."
        super().__init__(f"'{address}' was retired on {day}. {instead} Nothing was read.")


class RetiredPortError(MeshError, ValueError):
    """A port is retired, so nobody can publish to its address again."""

    def __init__(self, address: str, day: str) -> None:
        super().__init__(
            f"'{address}' was retired on {day}, and a retired address is never used again. Remove "
            "the port from its product, or give the product a new major version. Nothing was "
            "published."
        )


class StillReadError(MeshError, ValueError):
    """A port that others read shall be retired."""

    def __init__(self, address: str, consumers: Iterable[str]) -> None:
        super().__init__(
            f"'{address}' is read by {listed(consumers)}. Have them read another port first, or "
            "retire it with --force --because '...'. Nothing was retired."
        )


class StillPromisedError(MeshError, ValueError):
    """A port shall be retired before its readers were told it would be."""

    def __init__(self, address: str, until: str) -> None:
        super().__init__(
            f"'{address}' is promised until {until}. Wait until then, or retire it with "
            "--force --because '...'. Nothing was retired."
        )


class SuccessorRefusedError(MeshError, ValueError):
    """A retired port is given a successor that cannot be read in its place."""

    def __init__(self, address: str, problem: str) -> None:
        super().__init__(
            f"'{address}' {problem}. Name a living port as --successor. Nothing was retired."
        )


class DeprecatedPortWarning(FutureWarning):
    """A port that is read will be retired; shown by default, unlike a `DeprecationWarning`."""
