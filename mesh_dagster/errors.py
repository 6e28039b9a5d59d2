"""Name every mistake that a user can make, and say what to do about it.

In:  the culprits of a mistake, as data.
Out: one exception class per mistake; the class builds its own message.
A message says who, what we got against what was expected, what to do, and what did not happen.
It never holds a value of the data.
"""

from collections.abc import Iterable
from difflib import get_close_matches

_MOST_NAMES = 5


class MeshError(Exception):
    """Anything that a user of the mesh did, or was given, that cannot stand."""


def listed(names: Iterable[object], most: int = _MOST_NAMES) -> str:
    """Write names sorted, in single quotes, cut at `most` with a count of the rest."""
    ordered = sorted(str(name) for name in names)
    shown = ", ".join(f"'{name}'" for name in ordered[:most])
    more = len(ordered) - most
    return f"{shown} and {more} more" if more > 0 else shown or "none"


def nearest(name: str, known: Iterable[str]) -> str:
    """Offer the closest known name as a sentence, or every known name, or nothing."""
    names = sorted(known)
    close = get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f" Did you mean '{close[0]}'?"
    return f" Known: {listed(names)}." if names else ""


# Declaring -----------------------------------------------------------------------------------


class NameRefusedError(MeshError, ValueError):
    """A domain, product, port or internal has a name that cannot be an address."""

    def __init__(self, kind: str, name: str, reason: str) -> None:
        shown = name if len(name) <= 80 else name[:80] + "..."  # noqa: PLR2004 - a screen line
        super().__init__(
            f"The {kind} name {shown!r} {reason}. Use lower-case letters, digits and single "
            "underscores, starting with a letter, at most 63 characters."
        )


class AddressRefusedError(MeshError, ValueError):
    """A text is no mesh address."""

    def __init__(self, text: str, reason: str) -> None:
        shown = text if len(text) <= 120 else text[:120] + "..."  # noqa: PLR2004 - a screen line
        super().__init__(
            f"The address {shown!r} {reason}. Write mesh://domain/product/v1/port, if wanted with "
            "?version=12, ?as_of=2026-11-01T00:00:00Z or ?quarantine. Nothing was read."
        )


class InternalNotReadableError(AddressRefusedError):
    """An address points into the inside of a product."""

    def __init__(self, text: str) -> None:
        super().__init__(text, "names an internal, which nobody outside its product may read")


class DeclarationError(MeshError, ValueError):
    """A product is declared in a way that cannot work."""

    def __init__(self, who: str, problem: str, remedy: str) -> None:
        super().__init__(f"{who} {problem}. {remedy}")


class UnknownParameterError(DeclarationError):
    """A build function asks for something that the product does not have."""

    def __init__(self, who: str, parameter: str, known: Iterable[str]) -> None:
        known = list(known)
        super().__init__(
            who,
            f"takes '{parameter}', which is no internal declared above it, no input port, not "
            "'context' and not annotated with a Dagster resource",
            f"Declare it first, or correct the name.{nearest(parameter, known)}",
        )


class DuplicateNameError(DeclarationError):
    """A product declares one name twice."""

    def __init__(self, who: str, name: str, first: str, second: str) -> None:
        super().__init__(
            who, f"has a {first} and a {second} that are both named '{name}'", "Rename one of them."
        )


class ContractRefusedError(DeclarationError):
    """A contract cannot be kept by a port."""

    def __init__(self, who: str, problem: str, remedy: str) -> None:
        super().__init__(f"The contract of {who}", problem, remedy)


class MeshLoadError(MeshError, ValueError):
    """The products of one code location do not fit together; no definitions were built."""


class DuplicateProductError(MeshLoadError):
    """Two products claim one address."""

    def __init__(self, address: str, owners: Iterable[str]) -> None:
        super().__init__(
            f"'{address}' is declared twice, by {listed(owners)}. "
            "Rename one product or give it another major version. No definitions were built."
        )


class CollidingKeyError(MeshLoadError):
    """Two assets of the given products would have one asset key."""

    def __init__(self, asset_key: str, claimants: Iterable[str]) -> None:
        super().__init__(
            f"The asset key '{asset_key}' is claimed by {listed(claimants)}. "
            "Rename one of the internals or ports. No definitions were built."
        )


class UnknownInputError(MeshLoadError):
    """A product reads a port that the loaded domain does not publish."""

    def __init__(self, who: str, address: str, domain: str, known: Iterable[str]) -> None:
        known = list(known)
        super().__init__(
            f"Product '{who}' reads '{address}', which domain '{domain}' does not publish."
            f"{nearest(address, known)} Correct the input port. No definitions were built."
        )


class CircularInputError(MeshLoadError):
    """Products read each other in a circle."""

    def __init__(self, keys: Iterable[str]) -> None:
        path = " -> ".join(f"'{key}'" for key in keys)
        super().__init__(
            f"Products read each other in a circle: {path}. "
            "Remove one of these input ports. No definitions were built."
        )


# Running -------------------------------------------------------------------------------------


class FrameRefusedError(MeshError, TypeError):
    """A build function returned something that is no frame."""

    def __init__(self, who: str, got: str) -> None:
        super().__init__(
            f"'{who}' returned {got}; expected a polars LazyFrame or DataFrame, a DuckDB relation "
            "or a pyarrow Table. Return one of these. Nothing was published."
        )


class PublicationRefusedError(MeshError):
    """A batch broke its contract, so it was not published."""

    def __init__(
        self, address: str, broken: list[str], total: int, current: str, where: str = ""
    ) -> None:
        shown = "; ".join(broken[:_MOST_NAMES]) or "pandera could not judge it"
        more = f" and {len(broken) - _MOST_NAMES} more" if len(broken) > _MOST_NAMES else ""
        place = f" {where}" if where else ""
        super().__init__(
            f"'{address}' failed {len(broken)} of {total} rules{place}: {shown}{more}. Nothing was "
            f"published; {current}. Fix the batch, or set its bad rows aside with "
            "Quality(valid_rows=..., otherwise='quarantine')."
        )


class CommitContendedError(MeshError):
    """Other writers kept winning the race for the next version."""

    def __init__(self, address: str, tries: int, current: str) -> None:
        super().__init__(
            f"'{address}' lost {tries} races for its next version against other writers. "
            f"Nothing was published; {current}. Run it again, with fewer runs at a time."
        )


class NotPublishedError(MeshError, LookupError):
    """An address has no publication."""

    def __init__(self, address: str, known: Iterable[str]) -> None:
        super().__init__(
            f"'{address}' has never been published here.{nearest(address, known)} "
            "Check the address and MESH_ROOT, or run its product. Nothing was read."
        )


class UnknownVersionError(MeshError, LookupError):
    """An address has publications, but not the one asked for."""

    def __init__(self, address: str, asked: str, first: str, last: str) -> None:
        super().__init__(
            f"'{address}' has no publication {asked}; it keeps {first} to {last}. "
            "Ask for one of these. Nothing was read."
        )


class NotSplittableError(MeshError, ValueError):
    """A batch cannot be parted into valid and rejected rows; it can only be refused whole."""

    def __init__(self, contract: str, broken: Iterable[str]) -> None:
        super().__init__(
            f"The batch breaks rules of contract '{contract}' that are not about single rows: "
            f"{listed(broken)}. Rows cannot be rejected for them, so refuse the whole batch. "
            "Nothing was split."
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


class InternalMissingError(MeshError, LookupError):
    """An internal was not materialized before something read it."""

    def __init__(self, who: str, missing: int, asked: int) -> None:
        super().__init__(
            f"'{who}' was never materialized, or not in {missing} of {asked} partitions. "
            "Materialize it first. Nothing was published."
        )
