"""Name the mistakes of a declaration, and of declarations that do not fit together."""

from collections.abc import Iterable

from mesh_dagster.errors.message import MOST_NAMES, MeshError, listed, nearest, shortened


class NameRefusedError(MeshError, ValueError):
    """A domain, product, port or internal has a name that cannot be an address."""

    def __init__(self, kind: str, name: str, reason: str) -> None:
        self.problem = f"the {kind} name {shortened(name, 80)!r} {reason}"
        super().__init__(
            f"The {self.problem.removeprefix('the ')}. Choose one of lower-case letters, digits "
            "and single underscores, starting with a letter, at most 63 characters."
        )


class AddressRefusedError(MeshError, ValueError):
    """A text is no mesh address."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(
            f"The address {shortened(text, 120)!r} {reason}. "
            "Write mesh://domain/product/v1/port, if wanted with ?version=12, "
            "?as_of=2026-11-01T00:00:00Z or ?quarantine. Nothing was read."
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
            who, f"uses the name '{name}' twice: {first} and {second}", "Rename one of them."
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
            f"'{address}' is declared more than once, by {listed(set(owners))}. "
            "Rename one product or give it another major version. No definitions were built."
        )


class CollidingKeyError(MeshLoadError):
    """Two assets of the given products would have one asset key."""

    def __init__(self, asset_key: str, claimants: Iterable[str], *, one_product: bool) -> None:
        share = "; majors of a product share an internal that is the same function in each"
        super().__init__(
            f"The asset key '{asset_key}' is claimed by {listed(claimants)}. "
            f"Rename one of the internals or ports{share if one_product else ''}. "
            "No definitions were built."
        )


class UnknownInputError(MeshLoadError):
    """A product reads a port that the loaded domain does not publish."""

    def __init__(self, who: str, address: str, domain: str, known: Iterable[str]) -> None:
        known = list(known)
        super().__init__(
            f"Product '{who}' reads '{address}', which domain '{domain}' does not publish."
            f"{nearest(address, known)} Correct the input port; no definitions were built."
        )


class UnmetExpectationError(MeshLoadError):
    """A product expects of a port what its contract can never satisfy."""

    def __init__(
        self,
        who: str,
        given: str,
        address: str,
        owner: str,
        unmet: Iterable[str],
        undone: str = "No definitions were built",
    ) -> None:
        self.problem = expected_in_vain(given, address, unmet)
        super().__init__(
            f"Product '{who}' {self.problem}. Change what is expected, or agree on the "
            f"contract with {owner}. {undone}."
        )


def expected_in_vain(given: str, address: str, unmet: Iterable[str]) -> str:
    """Say as a clause what an input expects of a port that never promises it."""
    problems = list(unmet)
    more = f" and {len(problems) - MOST_NAMES} more" if len(problems) > MOST_NAMES else ""
    return (
        f"expects by its input '{given}' what '{address}' does not promise: "
        f"{'; '.join(problems[:MOST_NAMES])}{more}"
    )


class InternalReadError(MeshLoadError):
    """A product reads an internal of another as if it were a port."""

    def __init__(self, who: str, internal: str, producer: str, ports: Iterable[str]) -> None:
        super().__init__(
            f"Product '{who}' reads '{internal}', an internal of '{producer}', which nobody else "
            f"may read. Read one of its ports: {listed(ports)}. No definitions were built."
        )


class DraftReadError(MeshLoadError):
    """A port that is promised is made from one of which nothing is promised yet."""

    def __init__(self, who: str, drafts: Iterable[str]) -> None:
        super().__init__(
            f"'{who}' is made from {listed(drafts)}, a draft of which nothing is promised yet. "
            "Declare the reader a draft too, or the draft active. No definitions were built."
        )


class NoProductError(MeshLoadError, TypeError):
    """Something else was given where data products are expected."""

    def __init__(self, got: str) -> None:
        super().__init__(
            f"md.definitions got a '{got}', expected data products. Hand them over one by one, "
            "as in md.definitions(plays, songs). No definitions were built."
        )


class CircularInputError(MeshLoadError):
    """Products read each other in a circle."""

    def __init__(self, keys: Iterable[str]) -> None:
        path = " reads ".join(f"'{key}'" for key in keys)
        super().__init__(
            f"Products read each other in a circle: {path}. "
            "Remove one of these input ports. No definitions were built."
        )
