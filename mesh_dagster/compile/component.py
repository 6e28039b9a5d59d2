"""Declare a data product in `defs.yaml`, as a component of `dg`.

In:  YAML attributes: what a product is, and where its build functions and contracts stand.
Out: the same definitions as `md.definitions` makes: the assets by `DataProduct`, what a location
carries once by `MeshLocation`.
The YAML says what; how stays in Python, in files beside it (`build.py:orders`) or in any module
(`company.orders:orders`). `dg` imports this module to list what there is, so it imports no more
than Dagster; everything else waits until definitions are built.
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import dagster as dg
from pydantic import Field

from mesh_dagster.errors import DeclarationError

if TYPE_CHECKING:
    from mesh_dagster.declare import product as declared
    from mesh_dagster.declare import slo


class Freshness(dg.Model, dg.Resolvable):
    """A promise on the age of the newest data; spans are written such as `36h` or `2d`."""

    within: str
    by: str | None = None
    per: str | None = None
    warn: str | None = None
    deadline: str | None = None
    timezone: str = "UTC"


class Quality(dg.Model, dg.Resolvable):
    """A promise on the share of valid rows."""

    valid_rows: float = 1.0
    otherwise: Literal["refuse", "quarantine"] = "refuse"


class Input(dg.Model, dg.Resolvable):
    """An input port."""

    address: str
    columns: list[str] | None = None
    """All that is relied on; everything is handed over without it."""


class Internal(dg.Model, dg.Resolvable):
    """A step whose result nobody outside may read."""

    build: str
    """The build function, such as `build.py:raw_orders`; its name becomes the internal's."""
    cadence: str | None = None


class Port(dg.Model, dg.Resolvable):
    """An output port."""

    build: str
    """The build function; its name becomes the port's."""
    contract: str
    """A pandera model or schema, or what `md.odcs` returns, such as `build.py:Order`."""
    description: str | None = None
    cadence: str | None = None
    freshness: Freshness | None = None
    quality: Quality | None = None


class MeshLocation(dg.Component, dg.Model, dg.Resolvable):
    """What a code location carries once, however many products it has: sensors and resources."""

    root: str | None = None
    """As of `md.MeshResource`."""
    registry: str | None = None
    """Likewise."""

    @classmethod
    def get_spec(cls) -> dg.ComponentTypeSpec:
        """Describe the component in lists of `dg`."""
        about = "The sensors and resources of a mesh's code location; one of them in a project."
        produces = ["sensor", "resource"]
        return dg.ComponentTypeSpec(description=about, tags=["mesh"], produces=produces)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Build the sensors and resources."""
        del context
        # Later than `dg` lists components, for which nothing of this is needed.
        from mesh_dagster.compile.definitions import definitions_of_location  # noqa: PLC0415
        from mesh_dagster.compile.resources import MeshResource  # noqa: PLC0415

        given = self.root or self.registry
        mesh = MeshResource(root=self.root, registry=self.registry)
        return definitions_of_location({"mesh": mesh} if given else None)


class DataProductScaffolder(dg.Scaffolder[Any]):
    """Writes a product that runs at once: `defs.yaml`, and `build.py` beside it.

    The location's own component is written into the folder `mesh`, where there is none yet.
    """

    def scaffold(self, request: dg.ScaffoldRequest[Any]) -> None:
        """Write both files."""
        name = request.target_path.name.replace("-", "_")
        location = request.target_path.parent / "mesh" / "defs.yaml"
        if not location.exists():
            location.parent.mkdir(exist_ok=True)
            location.write_text(f"type: {MeshLocation.__module__}.MeshLocation\n", encoding="utf-8")
        (request.target_path / "build.py").write_text(_BUILD, encoding="utf-8")
        dg.scaffold_component(
            request,
            {
                "domain": "example",
                "name": name,
                "owner": "team:example",
                "alignment": "source",
                "purpose": "Two rows that stand for your own.",
                "internals": [{"build": "build.py:raw_rows", "cadence": "0 6 * * *"}],
                "ports": [
                    {
                        "build": "build.py:rows",
                        "contract": "build.py:Row",
                        "freshness": {"within": "2d"},
                    }
                ],
            },
        )


@dg.scaffold_with(DataProductScaffolder)
class DataProduct(dg.Component, dg.Model, dg.Resolvable):
    """A data product with its internals and ports."""

    domain: str
    name: str
    version: str = "1.0.0"
    owner: str
    alignment: Literal["source", "aggregate", "consumer"]
    purpose: str
    inputs: dict[str, Input] = Field(default_factory=dict)
    internals: list[Internal] = Field(default_factory=list)
    ports: list[Port]
    tags: dict[str, str] = Field(default_factory=dict)

    @classmethod
    def get_spec(cls) -> dg.ComponentTypeSpec:
        """Describe the component in lists of `dg`."""
        about = "A data product: hidden internals and audited output ports with an address."
        produces = ["asset", "asset_check"]
        return dg.ComponentTypeSpec(description=about, tags=["mesh"], produces=produces)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Build the assets of this product.

        Raises:
            DeclarationError: A reference leads nowhere, or something cannot stand.
        """
        # Later than `dg` lists components, for which nothing of this is needed.
        from mesh_dagster.compile.definitions import definitions_of_products  # noqa: PLC0415
        from mesh_dagster.declare.port import InputPort  # noqa: PLC0415
        from mesh_dagster.declare.product import DataProduct as Product  # noqa: PLC0415

        product = Product(
            domain=self.domain,
            name=self.name,
            version=self.version,
            owner=self.owner,
            alignment=self.alignment,
            purpose=self.purpose,
            inputs={
                name: InputPort(given.address, columns=given.columns)
                for name, given in self.inputs.items()
            },
            tags=self.tags,
        )
        for internal in self.internals:
            product.internal(cadence=internal.cadence)(self._named(internal.build, context))
        for port in self.ports:
            self._declare(product, port, context)
        return definitions_of_products(product)

    def _declare(
        self, product: "declared.DataProduct", port: Port, context: dg.ComponentLoadContext
    ) -> None:
        product.port(
            contract=self._named(port.contract, context),
            freshness=_freshness(port.freshness) if port.freshness else None,
            quality=_quality(port.quality) if port.quality else None,
            description=port.description,
            cadence=port.cadence,
        )(self._named(port.build, context))

    def _named(self, reference: str, context: dg.ComponentLoadContext) -> Any:  # noqa: ANN401 - whatever stands there
        place, _, name = reference.partition(":")
        try:
            if place.endswith(".py"):
                module = context.load_defs_relative_python_module(Path(place))
            else:
                module = import_module(place)
            return getattr(module, name)
        except (ImportError, AttributeError) as error:
            raise DeclarationError(
                f"Product '{self.domain}/{self.name}'",
                f"names '{reference}', which is not there",
                "Write a file beside defs.yaml or a module, ':' and a name, as build.py:orders.",
            ) from error


def _freshness(given: Freshness) -> "slo.Freshness":
    from mesh_dagster.declare import slo  # noqa: PLC0415 - as above
    from mesh_dagster.observe.spans import parse_span  # noqa: PLC0415 - as above

    return slo.Freshness(
        within=parse_span(given.within),
        by=given.by,
        per=given.per,
        warn=parse_span(given.warn) if given.warn else None,
        deadline=given.deadline,
        timezone=given.timezone,
    )


def _quality(given: Quality) -> "slo.Quality":
    from mesh_dagster.declare import slo  # noqa: PLC0415 - as above

    return slo.Quality(given.valid_rows, given.otherwise)


_BUILD = '''"""Build the rows of this product, and say what they keep."""

import pandera.polars as pa
import polars as pl


class Row(pa.DataFrameModel):
    """One row."""

    id: int = pa.Field(unique=True, ge=1, description="Its number.")
    name: str = pa.Field(description="What it is called.")


def raw_rows() -> pl.LazyFrame:
    """Read the rows as their source left them."""
    return pl.LazyFrame({"id": [1, 2], "name": ["first", "second"]})


def rows(raw_rows: pl.LazyFrame) -> pl.LazyFrame:
    """Return every row once."""
    return raw_rows
'''
