"""Hand the products of the catalogue to Dagster."""

import mesh_dagster as md
from example_domains.catalogue.products import music

defs = md.definitions(music)
