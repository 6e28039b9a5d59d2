"""Hand the products of the media player to Dagster."""

import mesh_dagster as md
from example_domains.media_player.products import plays, songs

defs = md.definitions(plays, songs)
