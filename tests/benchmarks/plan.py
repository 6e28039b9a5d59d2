"""Say how exactly `mesh plan` names the consumers that break, and how long it takes.

    python -m tests.benchmarks plan [COMMAND]

COMMAND is `datacontract` of datacontract-cli, installed in its own environment; with it each change
is put to `datacontract breaking` too, as ODCS, and every difference is printed. Of 74 changes both
judge 49 alike. Why they differ on the others:

| changes | why it sees nothing |
| --- | --- |
| 3: a column becomes optional, a key column may be missing, a rule only warns | not compared |
| 4: a time zone, the values of an enum, a unit | written as custom properties |
| 7: bounds of a range, patterns, rules in code | written as custom checks |
| 11: of freshness (8), quality (2) and retention (1) | breaks no consumer there |
"""

import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import yaml

from mesh_dagster.discover.odcs.ports import port_document, port_of
from mesh_dagster.govern.declared import Declared
from mesh_dagster.govern.plan import plan
from mesh_dagster.run.declared import port_row, product_row
from tests.govern.mutations import MUTATIONS, Mutation
from tests.govern.scenario import NOW, TODAY, declared, orders, readers
from tests.govern.witnesses import broken_by

_MANY = 1_000


def main(command: str | None = None) -> None:
    """Print recall and precision, the cost of a plan, and what another tool says."""
    consumers = [declared(reader) for reader in readers()]
    _print_precision(consumers)
    _print_cost(consumers)
    if command:
        _print_second_opinion(command)


def _print_precision(consumers: list[Declared]) -> None:
    named_in_all = broken_in_all = both = 0
    for name, mutation in MUTATIONS.items():
        made = plan([declared(mutation.made())], [declared(orders())], consumers, TODAY)
        named = {one.consumer.name for one in made.products[0].ports[0].breaks}
        broken = broken_by(mutation.contract()) | mutation.also
        named_in_all += len(named)
        broken_in_all += len(broken)
        both += len(named & broken)
        for one in sorted(named ^ broken):
            print(f"  {'not named' if one in broken else 'named in vain'}: {one}, when {name}")
    pairs = len(MUTATIONS) * len(consumers)
    print(f"{len(MUTATIONS)} changes x {len(consumers)} consumers = {pairs} pairs")
    print(f"recall {both}/{broken_in_all} = {both / broken_in_all:.1%}")
    print(f"precision {both}/{named_in_all} = {both / named_in_all:.1%}")


def _print_cost(consumers: list[Declared]) -> None:
    old, new = declared(orders()), declared(MUTATIONS["a lower bound falls"].made())
    keys = [f"shop_{number}/orders" for number in range(_MANY)]
    released, tree = ([replace(side, key=key) for key in keys] for side in (old, new))
    begun = time.process_time()
    plan(tree, released, consumers, TODAY)
    print(f"plan of {_MANY:,} changed products: {time.process_time() - begun:.2f} s of CPU")


def _print_second_opinion(command: str) -> None:
    agreed = 0
    with tempfile.TemporaryDirectory() as folder:
        before = _document(Mutation(), Path(folder) / "before.yaml")
        for name, mutation in MUTATIONS.items():
            after = _document(mutation, Path(folder) / "after.yaml")
            theirs, ours = _breaks(command, before, after), mutation.step == "major"
            agreed += theirs == ours
            if theirs != ours:
                print(
                    f"  {name}: {'only mesh plan' if ours else 'only datacontract'} says it breaks"
                )
    print(f"datacontract breaking agrees on {agreed} of {len(MUTATIONS)} changes")


def _document(mutation: Mutation, path: Path) -> Path:
    product = mutation.made()
    [port] = product.ports.values()
    row = {**port_row(product, port, NOW), "withdrawn_at": None}
    known = port_of(row, product_row(product, NOW))
    path.write_text(yaml.safe_dump(port_document(known, [])), encoding="utf-8")
    return path


def _breaks(command: str, before: Path, after: Path) -> bool:
    arguments = [command, "breaking", str(before), str(after)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        sys.exit(done.stdout + done.stderr)
    return done.returncode == 1
