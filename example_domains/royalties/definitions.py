"""Hand the products of royalties to Dagster."""

import mesh_dagster as md
from example_domains.royalties.products import royalties

defs = md.definitions(royalties)
