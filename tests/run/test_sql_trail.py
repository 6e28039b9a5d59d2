import duckdb
import polars as pl
import pytest
from sqlglot import exp
from sqlglot.lineage import lineage

from mesh_dagster.run.sql_trail import columns_read, sql_trail

PLAYS = pl.DataFrame(
    {
        "play_id": [1, 2, 3, 4, 5],
        "station": ["K", "K", "W", "W", "X"],
        "Song": ["a", "b", "a", "c", "b"],
        "pause": [5, 40, 3, 60, 1],
    }
)
STATIONS = pl.DataFrame({"station": ["K", "W", "X"], "listeners": [10, 20, 20]})
VIEWS = {"plays": PLAYS.columns, "stations": STATIONS.columns}

FOLLOWED: dict[str, dict[str, tuple[list[str], list[str]]]] = {
    "SELECT station, Song FROM plays WHERE pause > 4": {
        "station": (["plays.station"], ["plays.pause"]),
        "Song": (["plays.Song"], ["plays.pause"]),
    },
    "SELECT station, count(*) AS n, max(pause) AS longest FROM plays GROUP BY ALL": {
        "station": (["plays.station"], []),
        "n": ([], ["plays.station"]),
        "longest": (["plays.pause"], ["plays.station"]),
    },
    "SELECT count(*) FROM plays GROUP BY station HAVING max(pause) > 4": {
        "count_star()": ([], ["plays.pause", "plays.station"]),
    },
    "SELECT p.song AS title, listeners FROM plays AS p JOIN stations USING (station)": {
        "title": (["plays.Song"], ["plays.station", "stations.station"]),
        "listeners": (["stations.listeners"], ["plays.station", "stations.station"]),
    },
    "SELECT sum(pause) OVER w AS s FROM plays WINDOW w AS (PARTITION BY song ORDER BY play_id)": {
        "s": (["plays.pause"], ["plays.Song", "plays.play_id"]),
    },
    "SELECT sum(pause) FILTER (WHERE song = 'a') AS s FROM plays": {
        "s": (["plays.pause"], ["plays.Song"]),
    },
    "SELECT play_id FROM plays QUALIFY row_number() OVER (PARTITION BY song ORDER BY pause) = 1": {
        "play_id": (["plays.play_id"], ["plays.Song", "plays.pause"]),
    },
    "SELECT play_id FROM plays ORDER BY pause LIMIT 2": {
        "play_id": (["plays.play_id"], ["plays.pause"]),
    },
    "SELECT DISTINCT station, song FROM plays": {
        "station": (["plays.station"], ["plays.Song"]),
        "Song": (["plays.Song"], ["plays.station"]),
    },
    "SELECT song FROM plays WHERE station IN (SELECT station FROM stations WHERE listeners > 10)": {
        "Song": (["plays.Song"], ["plays.station", "stations.listeners", "stations.station"]),
    },
    """SELECT song, (SELECT max(listeners) FROM stations AS s WHERE s.station = p.station) AS heard
    FROM plays AS p""": {
        "Song": (["plays.Song"], []),
        "heard": (["stations.listeners"], ["plays.station", "stations.station"]),
    },
    """WITH plays AS (SELECT * FROM plays WHERE pause > 2),
    every AS (SELECT station AS name FROM plays UNION ALL SELECT station FROM stations)
    SELECT upper(name) AS name FROM every""": {
        "name": (["plays.station", "stations.station"], ["plays.pause"]),
    },
    "SELECT count(*) AS n FROM (SELECT pause FROM plays WHERE pause > 4)": {
        "n": ([], ["plays.pause"]),
    },
    """SELECT max(song) AS last FROM (SELECT song, station FROM plays WHERE pause > 4)
    WHERE station IN (SELECT station FROM stations ORDER BY listeners LIMIT 1)""": {
        "last": (
            ["plays.Song"],
            ["plays.pause", "plays.station", "stations.listeners", "stations.station"],
        ),
    },
    """SELECT station, n FROM (SELECT station, count(*) AS n FROM plays GROUP BY station) AS a
    LEFT JOIN (SELECT station FROM stations WHERE listeners > 10) AS b USING (station)""": {
        "station": (["plays.station", "stations.station"], ["stations.listeners"]),
        "n": ([], ["plays.station", "stations.listeners", "stations.station"]),
    },
    "SELECT song FROM plays EXCEPT SELECT song FROM plays WHERE pause > 4": {
        "Song": (["plays.Song"], ["plays.pause"]),
    },
    "SELECT CASE WHEN pause > 4 THEN song END AS late FROM plays": {
        "late": (["plays.Song", "plays.pause"], []),
    },
    "FROM plays SELECT * EXCLUDE (pause, song)": {
        "play_id": (["plays.play_id"], []),
        "station": (["plays.station"], []),
    },
    "FROM plays JOIN stations USING (station) SELECT song": {
        "Song": (["plays.Song"], ["plays.station", "stations.station"]),
    },
    "SELECT song FROM (plays JOIN stations USING (station))": {
        "Song": (["plays.Song"], ["plays.station", "stations.station"]),
    },
    "SELECT song FROM plays LIMIT (SELECT min(listeners) // 10 FROM stations)": {
        "Song": (["plays.Song"], ["stations.listeners"]),
    },
    "SELECT song FROM plays OFFSET (SELECT max(listeners) // 10 FROM stations)": {
        "Song": (["plays.Song"], ["stations.listeners"]),
    },
    """SELECT song, pause FROM plays UNION ALL SELECT station, listeners FROM stations
    ORDER BY pause LIMIT 3""": {
        "Song": (["plays.Song", "stations.station"], ["plays.pause", "stations.listeners"]),
        "pause": (["plays.pause", "stations.listeners"], []),
    },
    """SELECT song FROM (SELECT song, pause FROM plays UNION ALL SELECT station, listeners
    FROM stations ORDER BY ALL DESC LIMIT 3)""": {
        "Song": (["plays.Song", "stations.station"], ["plays.pause", "stations.listeners"]),
    },
    "SELECT station, song FROM plays UNION ALL BY NAME SELECT listeners, station FROM stations": {
        "station": (["plays.station", "stations.station"], []),
        "Song": (["plays.Song"], []),
        "listeners": (["stations.listeners"], []),
    },
    """SELECT song FROM (SELECT song, station FROM plays
    UNION BY NAME SELECT station FROM stations)""": {
        "Song": (["plays.Song"], ["plays.station", "stations.station"]),
    },
    "WITH heard AS (SELECT * FROM plays JOIN stations ON pause > 4) SELECT station FROM heard": {
        "station": (["plays.station"], ["plays.pause"]),
    },
    "SELECT p.station, s.station, s.station FROM plays AS p JOIN stations AS s ON pause > 4": {
        "station": (["plays.station"], ["plays.pause"]),
        "station_1": (["stations.station"], ["plays.pause"]),
        "station_2": (["stations.station"], ["plays.pause"]),
    },
    "SELECT station, one FROM plays, unnest([song, station]) AS t(one)": {
        "station": (["plays.station"], ["plays.Song"]),
        "one": (["plays.Song", "plays.station"], []),
    },
    "SELECT station, unnest(range(pause)) AS n FROM plays": {
        "station": (["plays.station"], ["plays.pause"]),
        "n": (["plays.pause"], []),
    },
    """SELECT p.song, s.most FROM plays AS p, LATERAL (SELECT max(listeners) AS most
    FROM stations AS s WHERE s.station = p.station) AS s""": {
        "Song": (["plays.Song"], ["plays.station", "stations.station"]),
        "most": (["stations.listeners"], ["plays.station", "stations.station"]),
    },
    """SELECT song, word FROM plays
    JOIN (VALUES (1, 'one'), (2, 'two')) AS words(id, word) ON id = play_id""": {
        "Song": (["plays.Song"], ["plays.play_id"]),
        "word": ([], ["plays.play_id"]),
    },
    "SELECT p.song, to_json(s) AS heard FROM plays AS p JOIN stations AS s ON hash(s) > pause": {
        "Song": (["plays.Song"], ["plays.pause", "stations.listeners", "stations.station"]),
        "heard": (["stations.listeners", "stations.station"], ["plays.pause"]),
    },
}  # fmt: skip
OTHERWISE = {query for query in FOLLOWED if "BY NAME" in query or "station_2" in FOLLOWED[query]}
"""What the library itself reads in another way than DuckDB."""
LOST = [
    "SELECT pause AS i FROM plays ORDER BY #1",
    "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT i FROM n",
    "SELECT * FROM (SELECT song AS i, pause AS i FROM plays)",
    "SELECT t.i FROM plays, LATERAL unnest([pause]) AS t(i)",
    "SELECT t.pause AS i FROM stations, LATERAL (SELECT pause, song FROM plays) AS t(song, pause)",
    "SELECT t.unnest AS i FROM plays, unnest([1, 2]) AS t",
    "SELECT song AS i FROM plays, range(pause) AS t(k)",
    "SELECT song AS i FROM plays UNION SELECT song, pause FROM plays",
    "SELECT song AS i FROM plays UNION ALL SELECT song FROM plays ORDER BY pause",
    "SELECT song, pause FROM plays",
    "SELECT COLUMNS('s.*') FROM plays",
    "SELECT station FROM elsewhere.plays",
    "SELECT i FROM range(3) AS r(i)",
    "this is no SQL (",
]


def connected() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.register("plays", PLAYS.to_arrow())
    connection.register("stations", STATIONS.to_arrow())
    return connection


@pytest.mark.parametrize("query", FOLLOWED)
def test_a_query_is_followed_to_the_columns_of_its_views(query: str) -> None:
    with connected() as connection:
        relation = connection.sql(query)

        trail = sql_trail(relation.sql_query(), relation.columns, VIEWS)

    assert trail is not None
    assert {
        name: tuple(
            sorted(f"{o.place}.{o.column}" for o in origins if o.kind == kind)
            for kind in ("value", "row")
        )
        for name, origins in trail.items()
    } == FOLLOWED[query]


@pytest.mark.parametrize("query", FOLLOWED)
def test_no_column_that_a_value_depends_on_is_missing(query: str) -> None:
    frames = {"plays": PLAYS, "stations": STATIONS}
    missing = []
    with connected() as connection:
        before = connection.sql(query).pl()
        trail = sql_trail(query, before.columns, VIEWS)
        assert trail is not None

        for view, frame in frames.items():
            for column in frame.columns:
                with duckdb.connect() as other:
                    changed = frame.with_columns(pl.col(column).shift(1).alias(column))
                    for name, one in {**frames, view: changed}.items():
                        other.register(name, one.to_arrow())
                    after = other.sql(query).pl()
                missing += [
                    (name, view, column)
                    for name in before.columns
                    if before[name].sort().to_list() != after[name].sort().to_list()
                    and (view, column) not in {origin[:2] for origin in trail[name]}
                ]

    assert missing == []


@pytest.mark.parametrize("query", [query for query in FOLLOWED if query not in OTHERWISE])
def test_the_lineage_of_the_library_finds_no_value_that_is_missing_here(query: str) -> None:
    with connected() as connection:
        columns = connection.sql(query).columns
    schema: dict[str, object] = {v: dict.fromkeys(names, "unknown") for v, names in VIEWS.items()}
    trail = sql_trail(query, columns, VIEWS)
    assert trail is not None

    known = lineage(None, query, schema, dialect="duckdb")
    assert isinstance(known, dict)
    for column, root in zip(columns, known.values(), strict=True):
        leaves = {
            (node.expression.name, node.name.rpartition(".")[2])
            for node in root.walk()
            if isinstance(node.expression, exp.Table)
        }
        assert leaves <= {(o.place, o.column.lower()) for o in trail[column]}


@pytest.mark.parametrize("query", LOST)
def test_a_query_that_is_not_followed_to_the_end_has_no_trail(query: str) -> None:
    assert sql_trail(query, ["i"], VIEWS) is None


def test_relations_are_followed_as_the_sql_that_they_run() -> None:
    with connected() as connection:
        plays, stations = connection.view("plays"), connection.view("stations")
        joined = plays.filter("pause > 2").join(stations, "station").project("listeners + 1 AS n")

        trail = sql_trail(joined.sql_query(), joined.columns, VIEWS)

    assert trail is not None
    assert sorted(trail["n"]) == [
        ("plays", "pause", "row"),
        ("plays", "station", "row"),
        ("stations", "listeners", "value"),
        ("stations", "station", "row"),
    ]


@pytest.mark.parametrize(
    ("query", "read"),
    [
        ("SELECT p.Song FROM a.Plays AS p WHERE pause > 4", {"a.plays": ["Song", "pause"]}),
        ("SELECT count(*) FROM a.plays", {"a.plays": []}),
        ("FROM a.stations", {"a.stations": STATIONS.columns}),
        (
            """WITH s AS (SELECT * FROM a.stations)
            SELECT p.song FROM a.plays p SEMI JOIN s USING (station)""",
            {"a.plays": ["Song", "station"], "a.stations": ["listeners", "station"]},
        ),
        (
            """SELECT song FROM a.plays p WHERE EXISTS
            (SELECT 1 FROM b.plays AS q WHERE q.play_id = p.play_id ORDER BY q.pause)""",
            {"a.plays": ["Song", "play_id"], "b.plays": ["pause", "play_id"]},
        ),
        ("SELECT to_json(p) FROM a.plays AS p", {"a.plays": PLAYS.columns}),
        (
            "WITH s AS (SELECT listeners FROM a.stations) SELECT to_json(s) FROM s",
            {"a.stations": ["listeners"]},
        ),
        ("SELECT COLUMNS('s.*') FROM a.plays", None),
        ("SELECT nothing FROM a.plays", None),
        ("SELECT song FROM elsewhere.plays", None),
    ],
)
def test_the_columns_that_a_query_names_are_known(
    query: str, read: dict[str, list[str]] | None
) -> None:
    views = {"a.plays": PLAYS.columns, "b.plays": PLAYS.columns, "a.stations": STATIONS.columns}

    found = columns_read(query, views)

    assert found == (None if read is None else {**{view: [] for view in views}, **sorted_(read)})


def sorted_(read: dict[str, list[str]]) -> dict[str, list[str]]:
    return {view: sorted(names) for view, names in read.items()}
