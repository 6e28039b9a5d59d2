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
    for address in broken:
        first = _first(address, broken, inputs)
        if first != address:
            found[address] = first
    return found


def _first(
    address: str, broken: Mapping[str, datetime], inputs: Mapping[str, Sequence[str]]
) -> str:
    seen = {address}
    while upstream := _nearest(address, broken, inputs, seen):
        address = min(upstream, key=lambda other: (broken[other], other))
        seen.add(address)
    return address


def _nearest(
    address: str,
    broken: Mapping[str, datetime],
    inputs: Mapping[str, Sequence[str]],
    seen: set[str],
) -> list[str]:
    """Return the nearest broken ports upstream whose breach is not younger."""
    looked_at, layer = {address}, [address]
    while layer:
        layer = [other for one in layer for other in inputs.get(one, ()) if other not in looked_at]
        looked_at.update(layer)
        found = [
            other
            for other in layer
            if other not in seen and other in broken and broken[other] <= broken[address]
        ]
        if found:
            return found
    return []
