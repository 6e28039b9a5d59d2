"""Run one benchmark: `python -m tests.benchmarks audit [ROWS]`."""

import sys
from importlib import import_module

if __name__ == "__main__":
    import_module(f"tests.benchmarks.{sys.argv[1]}").main(*sys.argv[2:])
