"""Hand the products of sales to Dagster."""

import mesh_dagster as md
from example_domains.sales.products import sales

defs = md.definitions(sales)
