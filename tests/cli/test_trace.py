import json
import re

from tests.cli.scenario import ORDERS, mesh, publish_lines, rows, words
from tests.run.scenario import lines, port_of, publish_well

LIST = "mesh://sales/invoices/v3/lines"


def test_a_publication_is_shown_as_a_tree() -> None:
    publish_lines(rows(1, 2), inputs={LIST: 4})

    result = mesh("trace", ORDERS)

    assert result.exit_code == 0
    assert words(re.sub("[│└─┌]", "", result.stdout)) == words(
        f"""\
{ORDERS} version 0
2 rows, published TIME
contract 1.0.0, run run-1
{LIST} version 4
known to neither the registry nor the store
"""
    )


def test_partitions_that_were_made_alike_are_shown_together() -> None:
    port = port_of(name="list", partition_column="artist")
    for number, slice_ in enumerate("abcde"):
        inputs = {LIST: 5 if slice_ == "a" else 4}
        publish_well(lines(number), port, slice_, inputs=inputs)

    result = mesh("trace", str(port.address))

    assert words(re.sub("[│├└─]", "", result.stdout)) == words(
        f"""\
{port.address} version 4
partition a
1 rows, published TIME
contract 1.0.0, run run-1
{LIST} version 5
known to neither the registry nor the store
4 partitions: b to e
4 rows, published TIME to TIME
contract 1.0.0, run run-1
{LIST} version 4
known to neither the registry nor the store
"""
    )


def test_a_trace_for_scripts_names_each_version_once() -> None:
    publish_lines(rows(1, 2), inputs={LIST: 4})

    traced = json.loads(mesh("trace", f"{ORDERS}?version=0", "--json").stdout)

    assert traced["root"] == {"address": ORDERS, "version": 0}
    [orders, invoices] = traced["versions"]
    assert (orders["address"], orders["parts"][0]["inputs"]) == (ORDERS, {LIST: 4})
    assert orders["parts"][0]["publications"][0]["rows"] == 2
    assert invoices == {"address": LIST, "version": 4, "parts": []}
