import pytest
import sqlalchemy as sa

from mesh_dagster.discover.search import Found, search
from mesh_dagster.observe.alerts import record as judge
from mesh_dagster.observe.judgement import statuses
from mesh_dagster.observe.watch import Watcher, take_over, withdraw
from mesh_dagster.run.count import Read, count, settle
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.words import pairs, terms, words_of
from tests.discover.scenario import (
    ENDING,
    HOUR,
    LEAVING,
    LINES,
    NOW,
    TOTALS,
    Line,
    declare,
    invoices,
    totals,
)


@pytest.fixture(autouse=True)
def mesh(registry: Registry) -> None:
    declare(registry, invoices(), totals())


def keys(found: Found) -> list[str]:
    return [f"{hit.key} v{hit.major}" for hit in found.hits]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sales", ["sales/invoices v1"]),
        ("INVOICES", ["sales/invoices v1"]),
        ("invoice", ["sales/invoices v1"]),
        ("invoicing", ["sales/invoices v1"]),
        ("sold store", ["sales/invoices v1"]),
        ("daily", ["report/totals v1"]),
        ("customer", ["sales/invoices v1"]),
        ("gold", ["sales/invoices v1"]),
        ("team report", ["report/totals v1"]),
        ("what it cost", ["sales/invoices v1"]),
        ("eur", ["sales/invoices v1"]),
        ("tak", ["report/totals v1"]),
        ("amount", ["report/totals v1", "sales/invoices v1"]),
    ],
)
def test_a_product_is_found_by_all_that_is_said_of_it(
    registry: Registry, text: str, expected: list[str]
) -> None:
    assert sorted(keys(search(registry, text, NOW))) == expected


def test_a_hit_says_what_is_found_and_where(registry: Registry) -> None:
    judge(statuses(registry, NOW), registry, NOW)
    count(
        registry.url.render_as_string(hide_password=False),
        Read(LINES, 0, "python", NOW, "ann"),
        Read(LINES, 0, "python", NOW - 24 * 29 * HOUR, "ann"),
    )
    settle()

    (hit,) = search(registry, "sale customer", NOW + 7 * HOUR).hits

    assert (hit.key, hit.major, hit.owner, hit.purpose) == (
        "sales/invoices",
        1,
        "team:sales",
        "What the store sold.",
    )
    assert (hit.addresses, hit.columns) == ((LINES,), ("lines.customer",))
    assert (hit.state, hit.reads) == ("no_data", 1)


def test_an_owner_is_found_as_it_is_printed(registry: Registry) -> None:
    found = search(registry, "Team:report", NOW)

    assert (keys(found), found.partial) == (["report/totals v1"], False)


def test_reads_count_for_the_major_version_that_was_read(registry: Registry) -> None:
    declare(registry, invoices("2.0.0"))
    url = registry.url.render_as_string(hide_password=False)
    count(url, Read(LINES, 0, "python", NOW, "ann"))
    settle()

    hits = search(registry, "invoices", NOW).hits

    assert {hit.major: hit.reads for hit in hits} == {1: 1, 2: 0}


@pytest.mark.parametrize("text", ["what it cost", "costing", "eur"])
def test_a_hit_says_which_column_is_described_so(registry: Registry, text: str) -> None:
    found = search(registry, text, NOW)

    assert ([hit.columns for hit in found.hits], found.partial) == ([("lines.amount",)], False)


def test_a_hit_says_that_its_port_ends(registry: Registry) -> None:
    declare(registry, invoices(state=LEAVING))

    found = {hit.key: hit for hit in search(registry, "amount", NOW).hits}

    assert found["sales/invoices"].deprecated == {LINES: LEAVING}
    assert {key: hit.ending for key, hit in found.items()} == {
        "sales/invoices": ENDING,
        "report/totals": "",
    }


def test_a_name_weighs_more_than_a_description(registry: Registry) -> None:
    declare(registry, invoices(), totals())
    report = totals()
    report.purpose = "Sums of invoices."
    declare(registry, report)

    assert keys(search(registry, "invoices", NOW)) == ["sales/invoices v1", "report/totals v1"]


def test_what_is_read_and_keeps_its_promises_comes_first(registry: Registry) -> None:
    def first() -> str:
        return search(registry, "twin", NOW + 7 * HOUR).hits[0].key

    for name in ("twin_a", "twin_b"):
        twin = invoices(name=name)
        declare(registry, twin)
    alone = first()
    url = registry.url.render_as_string(hide_password=False)
    count(url, *[Read("mesh://sales/twin_b/v1/lines", 0, "python", NOW, f"r{n}") for n in range(9)])
    settle()

    read = first()
    only_b = [one for one in statuses(registry, NOW + 7 * HOUR) if "twin_b" in one.address]
    judge(only_b, registry, NOW + 7 * HOUR)

    assert (alone, read, first()) == ("sales/twin_a", "sales/twin_b", "sales/twin_a")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("invioces", ("invoices",)),
        ("custmer", ("customer",)),
        ("totals invioces", ("totals", "invoices")),
    ],
)
def test_a_mistyped_word_is_taken_for_the_one_like_it(
    registry: Registry, text: str, meant: tuple[str, ...]
) -> None:
    found = search(registry, text, NOW)

    assert found.meant == meant
    assert "sales/invoices v1" in keys(found)


def test_what_has_some_of_the_words_is_found_where_nothing_has_all(registry: Registry) -> None:
    both = search(registry, "customer takings", NOW)
    one = search(registry, "customer xylophone", NOW)

    assert (sorted(keys(both)), both.partial, both.meant) == (
        ["report/totals v1", "sales/invoices v1"],
        True,
        None,
    )
    assert (keys(one), one.partial, one.meant) == (["sales/invoices v1"], True, None)


@pytest.mark.parametrize(
    "text", ["", " ", "xylophone", '"', "* OR (", "xyz AND NOT", "'; --", "\0", "🎵", "x" * 100_000]
)
def test_no_text_breaks_the_search(registry: Registry, text: str) -> None:
    found = search(registry, text, NOW)

    assert found.hits == ()
    assert (found.meant, found.partial, found.more) == (None, False, False)


def test_there_may_be_more_than_is_asked_for(registry: Registry) -> None:
    found = search(registry, "amount", NOW, limit=1)

    assert (len(found.hits), found.more) == (1, True)


def test_a_product_is_found_by_what_it_says_now_only(registry: Registry) -> None:
    renamed = invoices()
    renamed.purpose = "Receipts."

    declare(registry, renamed)

    assert keys(search(registry, "receipts", NOW)) == ["sales/invoices v1"]
    assert keys(search(registry, "sold", NOW)) == []


def test_what_was_withdrawn_is_not_found(registry: Registry) -> None:
    watcher = Watcher("here", frozenset({"sales"}))
    take_over([LINES], registry, NOW, watcher=watcher)
    withdraw(set(), registry, NOW, watcher=watcher)

    assert keys(search(registry, "invoices", NOW)) == []
    assert keys(search(registry, "takings", NOW)) == ["report/totals v1"]
    assert search(registry, "takings", NOW).hits[0].addresses == (TOTALS,)


def test_a_declaration_that_is_known_is_not_indexed_again(registry: Registry) -> None:
    with registry.begin() as connection:
        connection.execute(sa.delete(terms))
        connection.execute(sa.delete(pairs))

    declare(registry, invoices(), at=NOW + HOUR)
    unchanged = registry.rows(sa.select(terms))
    declare(registry, invoices("1.1.0", Line, "team:store"), at=NOW + HOUR)

    assert unchanged == []
    assert {"store", "invoices"} <= {row["term"] for row in registry.rows(sa.select(terms))}


def test_words_are_letters_and_digits_without_case_and_accents() -> None:
    assert words_of("mesh://media_player/Plays v1: Café, ÉTÉ-24!") == [
        "mesh",
        "media",
        "player",
        "plays",
        "v1",
        "cafe",
        "ete",
        "24",
    ]


def test_a_product_that_says_very_much_is_found_by_how_it_begins(registry: Registry) -> None:
    talkative = invoices(name="talkative")
    talkative.purpose = " ".join(f"{number:060}" for number in range(20_000))

    declare(registry, talkative)

    assert keys(search(registry, "talkative", NOW)) == ["sales/talkative v1"]
    assert keys(search(registry, f"{0:060}", NOW)) == ["sales/talkative v1"]
