"""Time arms against each other: every round runs each once, in another order.

In:  named functions without arguments.
Out: processor seconds of the whole process per arm and round; ratios are taken within a round.
"""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

Arms = Mapping[str, Callable[[], object]]
Times = dict[str, list[float]]


def timed(arms: Arms, rounds: int) -> Times:
    """Run every arm once per round, after one run that does not count."""
    times: Times = {name: [] for name in arms}
    for number in range(rounds + 1):
        order = list(arms)
        random.Random(number).shuffle(order)  # noqa: S311 - an order, not a secret
        for name in order:
            begin = time.process_time()
            arms[name]()
            if number:
                times[name].append(time.process_time() - begin)
    return times


def show(times: Times, above: str, below: str, bar: str) -> None:
    """Print the ratio of two arms: its median, its range, and the bar."""
    ratios = [a / b for a, b in zip(times[above], times[below], strict=True)]
    spread = f"[{min(ratios):.2f} to {max(ratios):.2f}]"
    seconds = f"{median(times[above]):.2f} s / {median(times[below]):.2f} s"
    print(f"{above} / {below}: {median(ratios):.2f} {spread}, {seconds}, bar {bar}", flush=True)


def peak_megabytes(code: str) -> int:
    """Run Python code in a process of its own; say how much memory `act()` took above the rest."""
    script = (
        f"{code}\nimport gc; gc.collect()\n"
        "def read(name):\n"
        "    lines = open('/proc/self/status').read().splitlines()\n"
        "    return next(int(l.split()[1]) for l in lines if l.startswith(name))\n"
        "open('/proc/self/clear_refs', 'w').write('5')\n"
        "before = read('VmRSS')\n"
        "act()\n"
        "print((read('VmHWM') - before) // 1024)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=True
    )
    return int(done.stdout.split()[-1])


def machine() -> str:
    """Say what the machine was doing."""
    return f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {Path.cwd().name}"
