"""Follow runs on the screen, and sum up what they made.

In:  jobs as they run, outcomes as they come.
Out: on a terminal a bar and a line for each product; elsewhere the lines alone.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from mesh_dagster.cli.output import console, print_all
from mesh_dagster.declare.lifecycle import ending_text
from mesh_dagster.errors import listed

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table
    from rich.text import Text

    from mesh_dagster.cli.materialize import Materializer
    from mesh_dagster.cli.outcome import Outcome, State

STYLES: "dict[State, str]" = {
    "published": "green",
    "skipped": "dim",
    "refused": "yellow",
    "failed": "red",
}
"""The colour of each state, the worst state last."""


def follow(materializer: "Materializer", *, quiet: bool = False) -> "list[Outcome]":
    """Run all jobs and return every outcome; a quiet run writes nothing."""
    if quiet:
        return [outcome for job in materializer.jobs for outcome in materializer.run(job)]
    screen = console()
    outcomes: list[Outcome] = []
    with _bar(screen, len(materializer.jobs)) as bar:
        for product, jobs in groupby(materializer.jobs, key=lambda job: job.step.product):
            began = time.monotonic()
            own: list[Outcome] = []
            for job in jobs:
                bar.update(bar.task_ids[0], description=f"{product} {job.slice}".strip())
                made = list(materializer.run(job))
                for outcome in made:
                    if outcome.note:
                        _print_line(screen, outcome)
                own += made
                bar.advance(bar.task_ids[0])
            screen.print(_product_line(product, own, time.monotonic() - began))
            leaving = {a: state for one in own for a, state in one.deprecated_inputs.items()}
            for address, state in leaving.items():
                screen.print(f"  reads {address}: {ending_text(state)}", style="yellow")
            outcomes += own
    return outcomes


def print_summary(outcomes: "Sequence[Outcome]") -> None:
    """Print a table with a line for each port, and for each internal that was not built."""
    screen = console()
    screen.print()
    if not outcomes:
        screen.print("Everything that is selected is published already.")
        return
    print_all(screen, table_of(outcomes))
    if failed := failed_runs(outcomes):
        screen.print(f"\n{_where_kept(failed)}")


def failed_runs(outcomes: "Sequence[Outcome]") -> list[str]:
    """Return the Dagster runs in which something failed, and was not refused."""
    return list(dict.fromkeys(o.run_id for o in outcomes if o.state == "failed" and o.run_id))


def _where_kept(failed: "Sequence[str]") -> str:
    runs = f"run{'s' * (len(failed) > 1)} {listed(failed)}"
    return f"Dagster keeps each error whole, in {runs}; 'mesh --traceback run ...' prints it."


def table_of(outcomes: "Sequence[Outcome]") -> "Table":
    """Sum up the outcomes of each port over its partitions: the rows kept out, and what is read."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("PORT", no_wrap=True)
    table.add_column("OUTCOME", no_wrap=True)
    for name in ("REFUSED", "REJECTED"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("NOW READ", no_wrap=True)
    together: defaultdict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        if outcome.role == "port" or outcome.state != "published":
            together[outcome.name].append(outcome)
    for name, same in together.items():
        table.add_row(name, *_summed(same))
    return table


def _summed(same: "Sequence[Outcome]") -> "Iterator[Text | str]":
    from rich.text import Text

    counts = Counter(outcome.state for outcome in same)
    worst = max(counts, key=list(STYLES).index)
    all_alike = len(counts) == 1
    yield Text(worst if all_alike else f"{worst} {counts[worst]} of {len(same)}", STYLES[worst])
    if same[-1].role == "port":
        yield f"{sum(outcome.refused_rows for outcome in same):,}"
        yield f"{sum(outcome.rejected_rows for outcome in same):,}"
        yield _read_now(same[-1])


def _read_now(last: "Outcome") -> str:
    if last.version is None or last.rows is None:
        return "nothing yet"
    return f"version {last.version}, {last.rows:,} row{'' if last.rows == 1 else 's'}"


def _print_line(screen: "Console", outcome: "Outcome") -> None:
    slice_ = f" of {outcome.slice}" if outcome.slice else ""
    line = f"  {outcome.name}{slice_} {outcome.state}: {outcome.note}"
    screen.print(line, style=STYLES[outcome.state])


def _product_line(product: str, outcomes: "Sequence[Outcome]", seconds: float) -> str:
    ports = [outcome for outcome in outcomes if outcome.role == "port"]
    kinds = {"partition" if outcome.slice else "port" for outcome in ports}
    what = kinds.pop() if len(kinds) == 1 else "publication"
    counts = Counter(outcome.state for outcome in ports)
    done = [
        f"{counts[state]} {what}{'s' if counts[state] > 1 else ''} {state}"
        for state in STYLES
        if counts[state]
    ]
    return f"{product}: {', '.join(done) or 'internals only'} ({seconds:.1f} s)"


def _bar(screen: "Console", total: int) -> "Progress":
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

    bar = Progress(
        SpinnerColumn(),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.description}", markup=False),
        console=screen,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
        disable=not screen.is_terminal,
    )
    bar.add_task("", total=total)
    return bar
