"""Declare what labels offers: record labels, their releases and the numbers on these."""

from datetime import timedelta

import polars as pl

import mesh_dagster as md
from example_domains.labels import build, contracts, source

label_releases = md.DataProduct(
    domain="labels",
    name="releases",
    version="1.0.0",
    owner="team:labels",
    alignment="source",
    purpose="Record labels and what they released, from the public catalogue of releases.",
)

_MONTHLY = "0 6 1 * *"
_WITHIN_A_MONTH = md.Freshness(within=timedelta(days=32), window=timedelta(days=365))


@label_releases.internal(cadence=_MONTHLY)
def raw_labels() -> pl.LazyFrame:
    """Table of labels as the catalogue hands it out."""
    return source.read_table("labels")


@label_releases.internal(cadence=_MONTHLY)
def raw_releases() -> pl.LazyFrame:
    """Table of releases as the catalogue hands it out."""
    return source.read_table("releases")


@label_releases.internal(cadence=_MONTHLY)
def raw_release_labels() -> pl.LazyFrame:
    """Table of labels on releases as the catalogue hands it out."""
    return source.read_table("release_labels")


@label_releases.port(contract=contracts.Label, freshness=_WITHIN_A_MONTH)
def labels(raw_labels: pl.LazyFrame) -> pl.LazyFrame:
    """Every label, its name apart from the number that tells namesakes apart."""
    return build.labels(raw_labels)


@label_releases.port(contract=contracts.Release, freshness=_WITHIN_A_MONTH)
def releases(raw_releases: pl.LazyFrame) -> pl.LazyFrame:
    """Every release, with its date and how exactly that is known."""
    return build.releases(raw_releases)


@label_releases.port(contract=contracts.CatalogueNumber, freshness=_WITHIN_A_MONTH)
def catalogue_numbers(raw_release_labels: pl.LazyFrame, raw_labels: pl.LazyFrame) -> pl.LazyFrame:
    """Every number under which a label lists a release."""
    return build.catalogue_numbers(raw_release_labels, raw_labels)
