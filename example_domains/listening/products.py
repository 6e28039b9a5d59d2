"""Declare what listening offers: the sessions of each station and hour."""

from datetime import timedelta

import duckdb

import mesh_dagster as md
from example_domains.listening import build, contracts

sessions = md.DataProduct(
    domain="listening",
    name="sessions",
    version="1.0.0",
    owner="team:listening",
    alignment="aggregate",
    purpose="When the stations played without a pause, hour by hour.",
    inputs={"plays": md.InputPort("mesh://media_player/plays/v1/events")},
)


@sessions.port(contract=contracts.StationHour, freshness=md.Freshness(within=timedelta(hours=6)))
def hourly(plays: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """Sessions, plays, songs and artists of each station in each hour."""
    return build.hourly(plays)
