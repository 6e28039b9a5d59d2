"""Hand the products of listening to Dagster."""

import mesh_dagster as md
from example_domains.listening.products import sessions

defs = md.definitions(sessions)
