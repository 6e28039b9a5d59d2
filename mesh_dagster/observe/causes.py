"""Explain breaches by breaches upstream.

In:  since when ports are broken, and what each port reads.
Out: for each breach that another explains, the port where it began.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime


def causes(broken: Mapping[str, datetime], inputs: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return for each broken port the first broken port upstream that explains it.

    A breach explains those downstream that began with it or later. The nearest breaches are looked
    for, also behind ports that keep their own promises; of several, the earliest counts.

    Args:
        broken: Address of a broken port to the begin of its breach, aware UTC.
        inputs: Address to the addresses that it reads.
    """
    found = {}
    oldest = _oldest_above(broken, inputs)
    for address in broken:
        first = _first(address, broken, inputs, oldest)
        if first != address:
            found[address] = first
    return found


def _oldest_above(
    broken: Mapping[str, datetime], inputs: Mapping[str, Sequence[str]]
) -> dict[str, datetime]:
    """Return for each port the begin of the oldest breach at or above it; healthy ways stay out."""
    readers: dict[str, list[str]] = {}
    for reader, read in inputs.items():
        for other in read:
            readers.setdefault(other, []).append(reader)
    oldest: dict[str, datetime] = {}
    for begin, address in sorted((begin, address) for address, begin in broken.items()):
        below = [address]
        while below:
            one = below.pop()
            if one not in oldest:
                oldest[one] = begin
                below += readers.get(one, ())
    return oldest


def _first(
    address: str,
    broken: Mapping[str, datetime],
    inputs: Mapping[str, Sequence[str]],
    oldest: Mapping[str, datetime],
) -> str:
    seen = {address}
    while upstream := _nearest(address, broken, inputs, oldest, seen):
        address = min(upstream, key=lambda other: (broken[other], other))
        seen.add(address)
    return address


def _nearest(
    address: str,
    broken: Mapping[str, datetime],
    inputs: Mapping[str, Sequence[str]],
    oldest: Mapping[str, datetime],
    seen: set[str],
) -> list[str]:
    """Return the nearest broken ports upstream whose breach is not younger."""
    looked_at, layer, since = {address}, [address], broken[address]
    while layer:
        # Each port once, however many ways lead there, and only where an older breach can be found.
        reached = {other for one in layer for other in inputs.get(one, ())} - looked_at
        layer = [other for other in reached if other in oldest and oldest[other] <= since]
        looked_at.update(layer)
        found = [
            other
            for other in layer
            if other not in seen and other in broken and broken[other] <= since
        ]
        if found:
            return found
    return []
