"""Score how much the company needs a data mesh.

In:  the registry, answers as options.
Out: the five answers with their origin, their sum and what it means.
"""

import click

from mesh_dagster.cli.output import as_json_option, columns, write_json

_COUNT = click.IntRange(min=0)
_SCALE = click.IntRange(min=1, max=10)


@click.command()
@click.option("--sources", type=_COUNT, help="Data sources; default: source-aligned products.")
@click.option("--team-size", type=_COUNT, help="People who work on data.")
@click.option("--domains", type=_COUNT, help="Domains; default: those that are registered.")
@click.option("--bottleneck", type=_SCALE, help="How often data engineers hold products up.")
@click.option("--governance", type=_SCALE, help="How much governance matters.")
@as_json_option
def score(*, as_json: bool, **answers: int | None) -> None:
    """Score by five questions how much the company needs a data mesh.

    What the registry knows is counted; an option says otherwise. Under 15 means not yet, 15 to 30
    some of its practices, over 30 a mesh.
    """
    from mesh_dagster.cli.registry import open_registry
    from mesh_dagster.discover.score import Question
    from mesh_dagster.discover.score import score as add_up
    from mesh_dagster.run.consumers import offered

    given: dict[Question, int] = {
        name: value  # type: ignore[misc]  # the options are named as the questions
        for name, value in answers.items()
        if value is not None
    }
    with open_registry() as registry:
        living = offered(registry)
        products = [one for one in registry.products() if (one["key"], one["major"]) in living]
        found = add_up(products, given)
    if as_json:
        write_json(found)
        return
    rows = [
        (one.asked, "" if one.value is None else str(one.value), one.origin)
        for one in found.answers
    ]
    click.echo(columns(("QUESTION", "ANSWER", "FROM"), rows, (1,)))
    click.echo()
    if found.total is None:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in found.unanswered)
        click.echo(f"Not scored yet: answer with {options}.")
    else:
        click.echo(f"Data mesh score: {found.total}. {found.meaning}")
