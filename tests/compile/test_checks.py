"""What the checks of a port show of a verdict."""

import dagster as dg
import polars as pl
import pytest

from mesh_dagster.compile.checks import results_for
from mesh_dagster.declare.slo import Quality
from mesh_dagster.run.audit import audit
from tests.run.scenario import Line, lines, port_of

BAD = pl.concat([lines(1), lines(2, 3, amount=-1.0)])


@pytest.mark.parametrize(("allowed", "shown"), [(0, {}), (1, {"row_keys": "order=2"})])
def test_rows_are_named_only_where_the_product_allows_it(
    allowed: int, shown: dict[str, str]
) -> None:
    port = port_of(quality=Quality(row_keys=allowed))
    verdict = audit(BAD, Line, row_keys=allowed)

    [values] = [
        result
        for result in results_for(port, verdict, published=False)
        if result.check_name == "values"
    ]

    table = values.metadata["mesh_dagster/rules"]
    assert isinstance(table, dg.TableMetadataValue)
    assert [record.data for record in table.records][-1] == {
        "rule": "amount >= 0",
        "passed": False,
        "failing_rows": 2,
        "level": "error",
        "note": "",
        **shown,
    }
