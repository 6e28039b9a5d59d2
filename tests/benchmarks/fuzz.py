"""Compare our verdict with pandera's over many random cases; a bar of speed is void without it.

In:  a number of cases, and a number from which the seeds are drawn.
Out: how many cases were compared, and each difference with the seed that draws it again.
"""

import sys
import time
from collections.abc import Iterator
from random import Random, SystemRandom

import pandera.polars as pa
import polars as pl
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.run.differential import compare
from tests.run.schemas_and_frames import cases

_CHUNK = 500


def main(count: str = "100000", first: str = "") -> None:
    """Print every difference."""
    start = int(first or SystemRandom().randrange(2**32))
    print(f"seeds drawn from {start}", flush=True)
    numbers, compared, different = Random(start), 0, 0  # noqa: S311 - cases, no secrets
    begin = time.perf_counter()
    while compared < int(count):
        seeded = numbers.randrange(2**32)
        for difference in differences(seeded):
            different += 1
            print(f"seed {seeded}: {difference}", flush=True)
        compared += _CHUNK
        print(
            f"{compared:,} cases, {different} differ, {time.perf_counter() - begin:.0f} s",
            flush=True,
        )
    sys.exit(bool(different))


def differences(seeded: int) -> Iterator[str]:
    """Yield what differs in the cases of one seed."""
    found: list[str] = []

    @seed(seeded)
    @settings(
        max_examples=_CHUNK,
        phases=[Phase.generate],
        deadline=None,
        database=None,
        derandomize=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(cases())
    def judge(case: tuple[pa.DataFrameSchema, pl.DataFrame]) -> None:
        try:
            compare(*case)
        except AssertionError as error:
            found.append(f"{error}\n{case[0]}\n{case[1]}")

    judge()
    yield from found
