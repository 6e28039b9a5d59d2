import runpy
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest

import mesh_dagster as md
from mesh_dagster.declare.transcribe import written
from mesh_dagster.declare.written import WrittenContract
from mesh_dagster.errors import CheckSettingsError
from mesh_dagster.govern.checkup import Checkup, check_up
from mesh_dagster.govern.place import Place
from mesh_dagster.govern.policies import POLICIES
from mesh_dagster.govern.policy import AssetPath, Fault, Landscape
from mesh_dagster.govern.waivers import Strictness, Waiver, load_strictness

TODAY = date(2026, 6, 1)
NAMES = [policy.name for policy in POLICIES]
ADDRESS = "mesh://sales/orders/v1/lines"
GOOD = pa.DataFrameSchema({"order_id": pa.Column(int, unique=True, description="Its number.")})


SAID = {
    "domain": "sales",
    "name": "orders",
    "version": "1.0.0",
    "owner": "team:sales",
    "alignment": "source",
    "purpose": "Every order that a customer placed.",
}


class Numbered(pa.DataFrameModel):
    order_id: int = pa.Field(unique=True)


class Line(Numbered):
    artist: str = pa.Field(description="Who played.")
    in_euro: float = pa.Field(
        alias="Amount",
        ge=0,
    )


def orders(
    contract: pa.DataFrameSchema | type[pa.DataFrameModel] = GOOD,
    *,
    fresh: bool = True,
    described: bool = True,
    **said: Any,  # Any: arguments of a product
) -> md.DataProduct:
    """Return a product without a fault; each argument makes one."""
    product = md.DataProduct(**{**SAID, **said})

    @product.internal
    def raw() -> pl.LazyFrame:
        raise NotImplementedError

    @product.port(
        contract=contract,
        freshness=md.Freshness(within=timedelta(days=1)) if fresh else None,
        description="One row an order." if described else None,
    )
    def lines(raw: pl.LazyFrame) -> pl.LazyFrame:
        raise NotImplementedError

    return product


def checked(
    *products: md.DataProduct,
    strictness: Strictness | None = None,
    reads: Mapping[AssetPath, list[AssetPath]] | None = None,
    registered: Mapping[str, WrittenContract] | None = None,
    addresses: tuple[str, ...] = (),
) -> Checkup:
    landscape = Landscape(products, TODAY, reads or {}, registered or {}, addresses)
    return check_up(landscape, POLICIES, strictness or Strictness({}))


def faults(found: Checkup) -> list[tuple[str, str, str, str]]:
    return [(one.level, one.policy, one.fault.subject, one.fault.problem) for one in found.breaches]


def with_column(name: str, column: pa.Column) -> pa.DataFrameSchema:
    return GOOD.add_columns({name: column})


def test_a_product_with_everything_a_mesh_needs_has_no_fault() -> None:
    found = checked(orders())

    assert faults(found) == []
    assert not found.failed


@pytest.mark.parametrize(
    ("product", "expected"),
    [
        (
            orders(purpose="Orders."),
            ("error", "purpose", "sales/orders", "says hardly anything of its purpose"),
        ),
        (
            orders(owner="ann@example.com"),
            ("warning", "team-owner", "sales/orders", "is owned by one person"),
        ),
        (
            orders(described=False),
            ("error", "port-description", ADDRESS, "has no description"),
        ),
        (
            orders(with_column("paid", pa.Column(bool))),
            ("warning", "column-description", f"{ADDRESS}#paid", "has no description"),
        ),
        (orders(fresh=False), ("error", "promise", ADDRESS, "promises no freshness")),
        (
            orders(pa.DataFrameSchema({"order_id": pa.Column(int, description="Its number.")})),
            ("warning", "key", ADDRESS, "has no key"),
        ),
        (
            orders(with_column("Paid By", pa.Column(str, description="How."))),
            ("note", "column-name", f"{ADDRESS}#Paid By", "is not in snake case"),
        ),
        (
            orders(with_column("customer_email", pa.Column(str, description="Where to."))),
            (
                "error",
                "sensitivity",
                f"{ADDRESS}#customer_email",
                "looks like personal data and is not classified",
            ),
        ),
        (
            orders(version="0.3.0"),
            (
                "error",
                "version",
                "sales/orders",
                "has version 0.3.0 and yet 1 ports that are no drafts",
            ),
        ),
        (
            orders(state=md.Deprecated(date(2026, 1, 1), date(2026, 5, 31), "mesh://a/b/v2/c")),
            ("error", "deprecation", ADDRESS, "should have ended on 2026-05-31"),
        ),
        (
            orders(state=md.Deprecated(date(2026, 1, 1), date(2026, 6, 1))),
            ("error", "deprecation", ADDRESS, "is deprecated without a successor"),
        ),
    ],
    ids=lambda given: given[1] if isinstance(given, tuple) else "",
)
def test_a_fault_is_named_with_its_policy(
    product: md.DataProduct, expected: tuple[str, str, str, str]
) -> None:
    address = expected[2].replace("/v1/", f"/v{product.major}/")

    assert faults(checked(product)) == [(*expected[:2], address, expected[3])]


@pytest.mark.parametrize(
    "product",
    [
        orders(fresh=False, state="draft"),
        orders(version="0.3.0", state="draft"),
        orders(
            with_column(
                "email",
                pa.Column(str, description="Of a shop.", metadata={"sensitivity": "public"}),
            )
        ),
        orders(with_column("zipped", pa.Column(bool, description="Whether it is packed."))),
    ],
)
def test_what_is_said_on_purpose_is_no_fault(product: md.DataProduct) -> None:
    assert faults(checked(product)) == []


@pytest.mark.parametrize(("remarks", "problem"), [(1, "1 remark"), (2, "2 remarks")])
def test_remarks_left_for_review_are_one_note_for_each_file(
    tmp_path: Path, remarks: int, problem: str
) -> None:
    source = "text = '# review: none'\ndef one(): ...\ndef two(): ...\n" + "# review: a\n" * remarks
    (tmp_path / "orders.py").write_text(source, encoding="utf-8")
    module = runpy.run_path(str(tmp_path / "orders.py"))
    said: dict[str, Any] = SAID  # Any: arguments of a product
    product = md.DataProduct(**said)
    for name in ("one", "two"):
        product.port(contract=GOOD, state="draft", description="One row an order.")(module[name])

    found = checked(product)

    problem = f"has {problem} 'review' left in its file"
    assert faults(found) == [("note", "review", "sales/orders", problem)]
    assert found.breaches[0].fault.place == Place(str(tmp_path / "orders.py"), 4)


def test_two_teams_in_one_domain_are_a_warning() -> None:
    found = checked(orders(), orders(name="refunds", owner="team:care"))

    assert faults(found) == [
        (
            "warning",
            "domain-owner",
            "sales/refunds",
            "has another owner than the first product of domain 'sales'",
        )
    ]


def test_who_reads_a_deprecated_port_is_told_what_to_read_instead() -> None:
    ending = md.Deprecated(date(2026, 5, 1), date(2026, 9, 1), "mesh://sales/orders/v2/lines")
    reader = orders(name="kpis", inputs={"lines_of_orders": md.InputPort(ADDRESS)})

    [breach] = checked(orders(state=ending), reader, orders(version="2.0.0")).breaches

    assert breach.level == "warning"
    assert breach.fault == Fault(
        "sales/kpis",
        f"reads '{ADDRESS}' by the input 'lines_of_orders', which ends on 2026-09-01",
        "Read 'mesh://sales/orders/v2/lines'.",
        breach.fault.place,
    )


def test_what_is_registered_as_deprecated_is_told_unless_it_is_declared_otherwise_here() -> None:
    ending = md.Deprecated(date(2026, 5, 1), date(2026, 9, 1))
    reader = orders(name="kpis", inputs={"lines_of_orders": md.InputPort(ADDRESS)})

    def found(*products: md.DataProduct) -> list[str]:
        landscape = Landscape(products, TODAY, deprecated={ADDRESS: ending})
        return [one.policy for one in check_up(landscape, POLICIES, Strictness({})).breaches]

    assert found(reader) == ["deprecated-input"]
    assert found(reader, orders()) == []


def test_a_successor_is_a_port_that_somebody_declares() -> None:
    later, elsewhere = "mesh://sales/orders/v2/lines", "mesh://shop/orders/v1/lines"

    def found(successor: str, *others: md.DataProduct, known: tuple[str, ...] = ()) -> Checkup:
        state = md.Deprecated(date(2026, 5, 1), date(2026, 9, 1), successor)
        return checked(orders(state=state), *others, addresses=known)

    [fault] = faults(found(later, known=(f"{later}_old",)))

    clause = f"has the successor '{later}', which nobody declares; '{later}_old' is declared"
    assert fault == ("error", "successor", ADDRESS, clause)
    assert [one.fault.remedy for one in found(later).breaches] == [
        "Declare the successor, or name a port that is there."
    ]
    assert faults(found(later, orders(version="2.0.0"))) == []
    assert faults(found(later, known=(later,))) == []
    # Without a registry nobody knows what other domains declare.
    assert faults(found(elsewhere)) == []
    assert len(faults(found(elsewhere, known=(ADDRESS,)))) == 1


def test_an_asset_outside_the_product_that_reads_an_internal_is_an_error() -> None:
    raw: AssetPath = ("sales", "orders", "internal", "raw")
    reads: dict[AssetPath, list[AssetPath]] = {
        ("report",): [raw],
        ("sales", "orders", "v1", "lines"): [raw],
    }

    found = checked(orders(), reads=reads)

    problem = "has its internal 'raw' read by the asset 'report'"
    assert faults(found) == [("error", "internal", "sales/orders", problem)]


def test_a_fault_stands_where_its_build_function_stands() -> None:
    [breach] = checked(orders(fresh=False)).breaches

    assert breach.fault.place is not None
    lines = Path(breach.fault.place.file).read_text(encoding="utf-8").splitlines()
    assert breach.fault.place.file == __file__
    assert "@product.port(" in lines[breach.fault.place.line - 1]


def test_a_fault_of_a_column_stands_where_its_model_declares_it() -> None:
    class Local(pa.DataFrameModel):
        order_id: int = pa.Field(unique=True)

    found = [*checked(orders(Line)).breaches, *checked(orders(Local)).breaches]

    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    assert [
        (one.policy, one.fault.subject, place.file, lines[place.line - 1].strip())
        for one in found
        if (place := one.fault.place)
    ] == [
        ("column-description", f"{ADDRESS}#Amount", __file__, "in_euro: float = pa.Field("),
        (
            *("column-description", f"{ADDRESS}#order_id", __file__),
            "order_id: int = pa.Field(unique=True)",
        ),
        ("column-name", f"{ADDRESS}#Amount", __file__, "in_euro: float = pa.Field("),
        # The source of a class within a function is not sure to be its own.
        ("column-description", f"{ADDRESS}#order_id", __file__, "@product.port("),
    ]
    assert {one.fault.remedy for one in found if one.policy == "column-description"} == {
        "Write pa.Field(description='...') in its contract."
    }


def test_a_waiver_accepts_a_fault_until_it_ends() -> None:
    product = orders(fresh=False, described=False)
    holding = Waiver("promise", "mesh://sales/*", "Moves in summer.", date(2026, 6, 1))
    ended = Waiver("port-description", ADDRESS, "Comes in May.", date(2026, 5, 31))

    found = checked(product, strictness=Strictness({}, (holding, ended)))

    assert [(one.policy, one.waiver) for one in found.breaches] == [
        ("port-description", None),
        ("promise", holding),
    ]
    assert [one.policy for one in found.open] == ["port-description"]
    assert found.unused == (ended,)


def test_a_level_may_be_raised_lowered_and_switched_off() -> None:
    product = orders(with_column("paid", pa.Column(bool)), fresh=False, described=False)
    strictness = Strictness(
        {"column-description": "error", "promise": "note", "port-description": "off"}
    )

    found = checked(product, strictness=strictness)

    assert [(one.level, one.policy) for one in found.breaches] == [
        ("error", "column-description"),
        ("note", "promise"),
    ]
    assert found.failed


def test_strictness_is_read_from_plain_yaml(tmp_path: Path) -> None:
    path = tmp_path / "mesh_check.yaml"
    path.write_text(
        "levels: {key: error}\n"
        "waivers:\n"
        "  - {policy: promise, on: 'mesh://sales/*', because: Moving., until: 2026-09-30}\n"
        "  - {policy: key, on: 'mesh://*', because: Logs have none.}\n",
        encoding="utf-8",
    )

    assert load_strictness(path, NAMES) == Strictness(
        {"key": "error"},
        (
            Waiver("promise", "mesh://sales/*", "Moving.", date(2026, 9, 30)),
            Waiver("key", "mesh://*", "Logs have none."),
        ),
    )


def test_without_a_file_every_policy_has_its_own_level(tmp_path: Path) -> None:
    assert load_strictness(tmp_path / "mesh_check.yaml", NAMES) == Strictness({})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[]", "holds no mapping."),
        ("level: {key: off}", "has the unknown key 'level'. Did you mean 'levels'?"),
        ("levels: [key]", "has no mapping under 'levels'."),
        ("levels: {keys: off}", "names the unknown policy 'keys'. Did you mean 'key'?"),
        ("levels: {key: high}", "gives 'key' no level of error, warning, note, off."),
        ("waivers: {}", "has no list under 'waivers'."),
        (
            "waivers: [{policy: key, on: '*'}]",
            (
                "has as waiver 1 something else than 'policy', 'on', 'because' and, if wanted, "
                "'until'."
            ),
        ),
        ("waivers: [{policy: key, on: '*', because: ' '}]", "gives no reason in waiver 1."),
        (
            "waivers: [{policy: key, on: '*', because: Later., until: May}]",
            "has in waiver 1 an 'until' that is no date.",
        ),
        ("a: &b 1", "has an anchor or alias in line 1."),
    ],
)
def test_settings_that_cannot_stand_are_refused(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "mesh_check.yaml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(CheckSettingsError) as refused:
        load_strictness(path, NAMES)

    assert str(refused.value) == (
        f"The file of settings '{path}' {problem} Correct it. Nothing was checked."
    )


def test_what_is_expected_in_vain_is_a_fault_wherever_the_port_is_known_from() -> None:
    wanting = orders(
        domain="report",
        owner="team:report",
        inputs={"sold": md.InputPort(ADDRESS, columns=["order_id", "region"])},
    )
    contract = written(orders().ports["lines"].contract)

    found = [
        faults(checked(wanting)),
        faults(checked(wanting, orders())),
        faults(checked(wanting, registered={ADDRESS: contract})),
    ]

    problem = (
        f"expects by its input 'sold' what '{ADDRESS}' does not promise: 'region' any type, "
        "promised no such column"
    )
    fault = ("error", "expectation", "report/orders", problem)
    assert found == [[], [fault], [fault]]
