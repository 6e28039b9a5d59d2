"""Fill a registry with many products, then search it and list it.

Prints the time of one search, at the median and at the 95th percentile, and of `mesh ls` as a
process.
"""

import os
import random
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from mesh_dagster.declare.slo import Freshness, Quality
from mesh_dagster.discover.search import search
from mesh_dagster.run.declared import freshness_row, quality_row
from mesh_dagster.run.reads import reads
from mesh_dagster.run.registering import register_rows
from mesh_dagster.run.registry import Publication, Registry

NOW = datetime(2026, 11, 1, 6, 30, tzinfo=timezone.utc)
_SYLLABLES = ("ba", "co", "di", "fu", "ge", "ha", "lo", "mi", "na", "pe", "ri", "so", "ta", "vu")
_COLUMNS_OF_A_PORT = 12
_SEARCHES = 200
_LISTS = 5
_CHUNK = 1_000
_RULE = {"text": "a >= 0", "check": "greater_than_or_equal_to", "arguments": {"min_value": 0}}


def main(products: str = "10000") -> None:
    """Fill a registry, then search and list it."""
    dice = random.Random(7)  # noqa: S311 - no secret
    words = ["".join(dice.choices(_SYLLABLES, k=dice.randint(2, 4))) for _ in range(5_000)]
    with tempfile.TemporaryDirectory() as folder:
        registry = Registry(f"sqlite:///{Path(folder) / 'registry.sqlite'}")
        # As long as somebody holds it open, SQLite does not tidy up behind every transaction.
        with closing(sqlite3.connect(str(registry.url.database))) as held:
            held.execute("SELECT count(*) FROM products")
            begin = time.process_time()
            _fill(registry, int(products), words, dice)
            each = (time.process_time() - begin) / int(products)
        print(
            f"{int(products):,} products registered, {1000 * each:.1f} ms of CPU each", flush=True
        )
        _searched(registry, words, dice)
        registry.close()
        _listed(folder, int(products))


def _searched(registry: Registry, words: list[str], dice: random.Random) -> None:
    for kind in ("known words", "mistyped words", "one word of every product"):
        waited, spent, hits = [], [], 0
        for _ in range(_SEARCHES):
            asked = dice.sample(words, dice.randint(1, 2))
            if kind == "mistyped words":
                asked = [_mistyped(word, dice) for word in asked]
            text = "product" if kind.startswith("one") else " ".join(asked)
            begin, wall = time.process_time(), time.perf_counter()
            hits += len(search(registry, text, NOW).hits)
            spent.append(1000 * (time.process_time() - begin))
            waited.append(1000 * (time.perf_counter() - wall))
        print(
            f"search, {kind}: {_spread(spent)} of CPU, {_spread(waited)} waited, bar p95 50 ms, "
            f"{hits / _SEARCHES:.1f} hits each",
            flush=True,
        )


def _spread(milliseconds: list[float]) -> str:
    late = statistics.quantiles(milliseconds, n=20)[-1]
    return f"median {statistics.median(milliseconds):.1f} ms, p95 {late:.1f} ms"


def _listed(folder: str, products: int) -> None:
    command = [str(Path(sys.executable).with_name("mesh")), "ls"]
    spent, before = [], resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(_LISTS):
        begin = time.perf_counter()
        done = subprocess.run(
            command, env={**os.environ, "MESH_ROOT": folder}, capture_output=True, check=True
        )
        spent.append(time.perf_counter() - begin)
    after, lines = resource.getrusage(resource.RUSAGE_CHILDREN), len(done.stdout.splitlines())
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        f"mesh ls as a process: {lines:,} lines, {used / _LISTS:.2f} s of CPU, median "
        f"{statistics.median(spent):.2f} s waited, bar 0.6 s at {products:,} products",
        flush=True,
    )


def _fill(registry: Registry, products: int, words: list[str], dice: random.Random) -> None:
    made, read = [], []
    for number in range(products):
        key = f"{words[number % 97]}/{dice.choice(words)}_{number}"
        address = f"mesh://{key}/v1/{dice.choice(words)}"
        register_rows(registry, _product(key, words, dice), [_port(address, key, words, dice)])
        digest = "0" * 64
        moment = NOW - timedelta(minutes=number % 1440)
        made.append(
            Publication(address, 0, f"p{number}", moment, "1.0.0", digest, digest, "", 9, 9)
        )
        read.append(_read(address, key, number))
        if len(made) == _CHUNK or number == products - 1:
            registry.record(*made)
            with registry.begin() as connection:
                connection.execute(reads.insert(), read)
            made.clear()
            read.clear()


def _product(key: str, words: list[str], dice: random.Random) -> dict[str, Any]:  # Any: JSON
    return {
        "key": key,
        "major": 1,
        "guid": key,
        "version": "1.0.0",
        "owner": f"team:{dice.choice(words)}",
        "alignment": "source",
        "purpose": f"A product of {' '.join(dice.choices(words, k=8))}.",
        "declaration": {"inputs": {}, "tags": {"tier": dice.choice(words)}},
        "registered_at": NOW,
    }


def _port(address: str, key: str, words: list[str], dice: random.Random) -> dict[str, Any]:
    columns = [
        {
            "name": f"{dice.choice(words)}_{number}",
            "dtype": "Int64",
            "description": " ".join(dice.choices(words, k=6)),
            "metadata": {"entity": dice.choice(words)},
            "rules": [_RULE],
        }
        for number in range(_COLUMNS_OF_A_PORT)
    ]
    declaration = {
        "version": "1.0.0",
        "contract": {"name": "Contract", "digest": "", "columns": columns, "rules": []},
        "quality": quality_row(Quality()),
        "freshness": freshness_row(Freshness(within=timedelta(hours=24))),
    }
    return {
        "address": address,
        "product_key": key,
        "description": " ".join(dice.choices(words, k=12)),
        "declaration": declaration,
        "registered_at": NOW,
    }


def _read(address: str, key: str, number: int) -> dict[str, Any]:  # Any: a row of many types
    return {
        "address": address,
        "version": 0,
        "reader": "ann",
        "way": "python",
        "purpose": "",
        "day": f"{NOW:%Y-%m-%d}",
        "product_key": key,
        "reads": number % 50,
        "first_read_at": NOW,
        "last_read_at": NOW,
        "columns": None,
    }


def _mistyped(word: str, dice: random.Random) -> str:
    place = dice.randrange(len(word) - 1)
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]
