"""Parse and write the addresses of the mesh; the name rules; the product's GUID.

In:  names, or a text such as `mesh://media_player/plays/v1/events?version=12`.
Out: an `Address`, or a `Reference` to one of its publications.
Whether anything lies at an address is not decided here; `run/read.py` looks.
"""

import keyword
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from urllib.parse import parse_qsl, urlsplit
from uuid import NAMESPACE_URL, UUID, uuid5

from mesh_dagster.errors import AddressRefusedError, InternalNotReadableError, NameRefusedError

SCHEME = "mesh"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}", re.ASCII)
_MAJOR = re.compile(r"v(0|[1-9][0-9]{0,5})", re.ASCII)
_RESERVED = re.compile(r"internal|quarantine|v[0-9]+", re.ASCII)
_HIGHEST_MAJOR = 999_999
_PARTS = 4


def require_name(kind: str, name: str) -> str:
    """Return `name` if it may stand in an address.

    Raises:
        NameRefusedError: The name breaks a rule; the message says which.
    """
    if not isinstance(name, str):
        raise NameRefusedError(kind, repr(name), "is no text")
    if not _NAME.fullmatch(name):
        raise NameRefusedError(kind, name, "is not allowed")
    if "__" in name:
        raise NameRefusedError(kind, name, "holds a double underscore")
    if keyword.iskeyword(name):
        raise NameRefusedError(kind, name, "is a Python keyword")
    if _RESERVED.fullmatch(name):
        raise NameRefusedError(kind, name, "is reserved")
    return name


@dataclass(frozen=True, order=True)
class Address:
    """Where one output port is found; the major version is part of its identity."""

    domain: str
    product: str
    major: int
    port: str

    def __post_init__(self) -> None:
        """Refuse names that could leave the store or collide in Dagster."""
        require_name("domain", self.domain)
        require_name("product", self.product)
        require_name("port", self.port)
        if type(self.major) is not int or not 0 <= self.major <= _HIGHEST_MAJOR:
            raise AddressRefusedError(str(self), "has no major version from v0 to v999999")

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read an address without a query.

        Raises:
            AddressRefusedError: The text is no address, or carries a query.
        """
        reference = Reference.parse(text)
        if reference != Reference(reference.address):
            raise AddressRefusedError(text, "carries a query where a bare address is needed")
        return reference.address

    @property
    def key(self) -> str:
        """The product's key, `domain/product`."""
        return f"{self.domain}/{self.product}"

    @property
    def parts(self) -> tuple[str, str, str, str]:
        """Domain, product, `v<major>` and port: the asset key and the path in the store."""
        return (self.domain, self.product, f"v{self.major}", self.port)

    def __str__(self) -> str:
        """Write the address, such as `mesh://media_player/plays/v1/events`."""
        return f"{SCHEME}://{'/'.join(self.parts)}"


@dataclass(frozen=True)
class Reference:
    """An address, and which of its publications is meant; the newest by default."""

    address: Address
    version: int | None = None
    """The number of one publication."""
    as_of: datetime | None = None
    """Aware UTC; the newest publication at that time."""
    quarantine: bool = False
    """The rejected rows instead of the published ones."""

    @classmethod
    def parse(cls, text: str) -> "Reference":
        """Read an address with an optional query.

        Raises:
            AddressRefusedError: The text is no address; the message says why.
        """
        address, query = _split(text)
        if query == "quarantine":
            return cls(address, quarantine=True)
        try:
            pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
        except ValueError:
            raise AddressRefusedError(text, "has a query that cannot be read") from None
        if len(pairs) > 1:
            raise AddressRefusedError(text, "asks for more than one thing")
        if not pairs:
            return cls(address)
        name, value = pairs[0]
        if name == "version" and re.fullmatch(r"[0-9]{1,18}", value, re.ASCII):
            return cls(address, version=int(value))
        if name == "as_of":
            return cls(address, as_of=_instant(text, value))
        if name == "version":
            raise AddressRefusedError(text, "has a version that is no number")
        raise AddressRefusedError(text, f"has a query '{name}' that is not understood")

    def __str__(self) -> str:
        """Write the address with its query."""
        if self.version is not None:
            return f"{self.address}?version={self.version}"
        if self.as_of is not None:
            instant = self.as_of.astimezone(timezone.utc).isoformat()
            return f"{self.address}?as_of={instant.replace('+00:00', 'Z')}"
        return f"{self.address}?quarantine" if self.quarantine else str(self.address)


def product_guid(key: str) -> UUID:
    """Return the GUID of the product `domain/product`; equal on every machine."""
    return uuid5(NAMESPACE_URL, f"{SCHEME}://{key}")


def _split(text: str) -> tuple[Address, str]:
    if not isinstance(text, str):
        raise AddressRefusedError(str(text), f"is of type '{type(text).__name__}', not a text")
    if "%" in text or " " in text or not text.isascii() or not text.isprintable():
        raise AddressRefusedError(text, "holds characters that no address may hold")
    try:
        url = urlsplit(text)
    except ValueError:
        raise AddressRefusedError(text, "is not well formed") from None
    if url.scheme != SCHEME:
        raise AddressRefusedError(text, "does not begin with mesh://")
    if url.fragment:
        raise AddressRefusedError(text, "has a '#', which means nothing here")
    return _address(text, [url.netloc, *url.path.removeprefix("/").split("/")]), url.query


def _address(text: str, parts: list[str]) -> Address:
    if len(parts) >= _PARTS - 1 and parts[2] == "internal":
        raise InternalNotReadableError(text)
    if len(parts) != _PARTS:
        raise AddressRefusedError(text, "does not name domain, product, version and port")
    major = _MAJOR.fullmatch(parts[2])
    if not major:
        raise AddressRefusedError(text, f"has '{parts[2]}' where a major version is needed")
    try:
        return Address(parts[0], parts[1], int(major[1]), parts[3])
    except NameRefusedError as error:
        raise AddressRefusedError(text, f"cannot stand, for {error.problem}") from error


def _instant(text: str, value: str) -> datetime:
    try:
        # Python 3.10 does not read the Z of ISO 8601; a plus sign is a blank in a query.
        moment = datetime.fromisoformat(value.replace("Z", "+00:00").replace(" ", "+"))
    except ValueError:
        raise AddressRefusedError(text, "has an as_of that is no ISO 8601 time") from None
    if moment.tzinfo is None:
        raise AddressRefusedError(text, "has an as_of without a time zone")
    try:
        return moment.astimezone(timezone.utc)
    except OverflowError:
        raise AddressRefusedError(text, "has an as_of that is no time in UTC") from None
