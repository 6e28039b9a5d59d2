"""A published mesh behind a server: invoices with a hostile description, and a report of them."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, datetime, timezone
from pathlib import Path

import pandera.polars as pa
import polars as pl
from starlette.testclient import TestClient

import mesh_dagster as md
from mesh_dagster.declare.lifecycle import State
from mesh_dagster.declare.product import DataProduct
from mesh_dagster.run.declared import register
from mesh_dagster.run.edges import Edge, Lineage
from mesh_dagster.run.judge import Batch
from mesh_dagster.run.publish import Published, publish
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.store import WHOLE, Store
from mesh_dagster.share.app import application
from mesh_dagster.share.guard import digest_of
from mesh_dagster.share.mesh import Mesh
from tests.discover import scenario

LINES, DAILY = scenario.LINES, scenario.TOTALS
TOKEN = "a token of sixteen"  # noqa: S105 - made up
HOSTILE = (
    "</td></script><script>document.title = 'executed'</script>"
    "<img src=x onerror=\"document.title = 'executed'\"> & '\"` {{ 7 * 7 }} שלום عالم"
)
"""A description that would be executed where it is not escaped, with letters of both directions."""


class Line(pa.DataFrameModel):
    invoice: int = pa.Field(
        ge=1, unique=True, description=HOSTILE, metadata={"entity": "invoice", "example": 7}
    )
    customer: str = pa.Field(metadata={"sensitivity": "personal"})
    amount: float = pa.Field(
        nullable=True, description="What it cost.", metadata={"unit": "EUR"}, ge=0
    )


class Total(pa.DataFrameModel):
    takings: float = pa.Field(description="Of one day.")


def invoices(purpose: str = HOSTILE, state: State = "active") -> DataProduct:
    """Return the product that the report is made from."""
    quality = md.Quality(valid_rows=0.5, otherwise="quarantine")
    return scenario.invoices(
        contract=Line, owner="team:<b>sales</b>", purpose=purpose, quality=quality, state=state
    )


def totals() -> DataProduct:
    """Return the report, which ends."""
    return scenario.totals(Total, md.Deprecated(date(2026, 1, 1), date(2126, 1, 1)))


def fill(root: Path | None = None, *, purpose: str = HOSTILE) -> None:
    """Publish both products: a batch with a bad row, a good one; then one is refused."""
    source, report, store = invoices(purpose), totals(), Store.at(root)
    with closing(Registry(store.registry_url)) as registry:
        for product in (source, report):
            register(product, registry, now)
        _publish((store, registry), source, "lines", rows(1, 2, 3, amount=-1.0), Lineage())
        _publish((store, registry), source, "lines", rows(1, 2, 3), Lineage())
        bad = Batch(source.ports["lines"], rows(-1, -2).lazy(), WHOLE, {}, {}, "run-2")
        publish(bad, store, registry, now)
        made = Lineage({"takings": (Edge(LINES, "amount", "derived", "value"),)})
        _publish(
            (store, registry), report, "daily", pl.DataFrame({"takings": [6.0]}), made, {LINES: 1}
        )


def rows(*invoice_numbers: int, amount: float = 2.0) -> pl.DataFrame:
    """Return one line for each invoice; the last costs `amount`."""
    amounts = [2.0] * (len(invoice_numbers) - 1) + [amount]
    customers = ["SECRET-CUSTOMER"] * len(invoice_numbers)
    return pl.DataFrame({"invoice": invoice_numbers, "customer": customers, "amount": amounts})


@contextmanager
def served(
    token: str | None = None,
    *,
    root: Path | None = None,
    dagster_url: str | None = None,
    host: str = "localhost",
) -> Iterator[TestClient]:
    """Serve the mesh at a root, by default that of the test."""
    with closing(Mesh(Store.at(root), dagster_url=dagster_url)) as mesh:
        app = application(mesh, token_digest=digest_of(token) if token else None)
        with TestClient(app, base_url=f"http://{host}", follow_redirects=False) as client:
            yield client


def now() -> datetime:
    return datetime.now(timezone.utc)


def _publish(
    mesh: tuple[Store, Registry],
    product: DataProduct,
    port: str,
    frame: pl.DataFrame,
    lineage: Lineage,
    inputs: dict[str, int] | None = None,
) -> None:
    batch = Batch(
        product.ports[port], frame.lazy(), WHOLE, {}, inputs or {}, "run-1", lineage=lineage
    )
    outcome = publish(batch, *mesh, now)
    assert isinstance(outcome, Published), outcome.error
