"""Count sessions in SQL.

In and out: DuckDB relations on one connection.
"""

from typing import cast

import duckdb

# Hours are cut from the epoch: a cut by the calendar would depend on the session's time zone.
_HOURLY = """
WITH paused AS (
    SELECT
        play_id,
        station,
        played_at,
        song,
        artist,
        epoch(played_at) - epoch(lag(played_at) OVER of_station) AS pause
    FROM plays
    WINDOW of_station AS (PARTITION BY station ORDER BY played_at, play_id)
),
in_session AS (
    SELECT
        *,
        CAST(pause IS NULL OR pause > 30 * 60 AS INTEGER) AS begins,
        sum(begins) OVER (of_station ROWS UNBOUNDED PRECEDING) AS session
    FROM paused
    WINDOW of_station AS (PARTITION BY station ORDER BY played_at, play_id)
)
SELECT
    station,
    to_timestamp(3600 * floor(epoch(played_at) / 3600)) AS hour,
    count(DISTINCT session) AS sessions,
    CAST(sum(begins) AS BIGINT) AS sessions_begun,
    count(*) AS plays,
    count(DISTINCT (song, artist)) AS songs,
    count(DISTINCT artist) AS artists,
    CAST(max(pause) AS BIGINT) AS longest_pause_seconds
FROM in_session
GROUP BY station, hour
ORDER BY hour, station
"""


def hourly(plays: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """Count each station's sessions in each hour; a pause of over 30 minutes ends a session."""
    # A query that selects always gives a relation; other statements give none.
    return cast("duckdb.DuckDBPyRelation", plays.query("plays", _HOURLY))
