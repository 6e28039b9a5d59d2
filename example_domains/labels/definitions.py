"""Hand the products of labels to Dagster."""

import mesh_dagster as md
from example_domains.labels.products import label_releases

defs = md.definitions(label_releases)
