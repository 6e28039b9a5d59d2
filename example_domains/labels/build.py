"""Turn the catalogue's tables into labels, releases and catalogue numbers.

In and out: polars plans. Keys that point outside the tables stay and are marked: the catalogue
hands out samples.
"""

import polars as pl

_NUMBER = r" ?\((\d+)\)$"
_NO_YEAR = "0000"


def labels(raw_labels: pl.LazyFrame) -> pl.LazyFrame:
    """Split the number of namesakes off each name, and mark the owners that are known."""
    known = raw_labels.select(parent_id="label_id", parent_known=pl.lit(True))  # noqa: FBT003 - a column of it
    return raw_labels.join(known, on="parent_id", how="left", maintain_order="left").select(
        label_id=pl.col("label_id").cast(pl.Int64),
        name=_without_number("name"),
        homonym_number=pl.col("name").str.extract(_NUMBER).cast(pl.Int32),
        profile=_filled("profile"),
        data_quality="data_quality",
        parent_id=pl.col("parent_id").cast(pl.Int64),
        parent_name=_without_number("parent_name"),
        parent_known=pl.col("parent_known").fill_null(value=False),
        urls=pl.col("n_urls").cast(pl.Int64),
        sublabels=pl.col("n_sub").cast(pl.Int64),
        has_contact=pl.col("has_contactinfo") == "true",
    )


def releases(raw_releases: pl.LazyFrame) -> pl.LazyFrame:
    """Read three kinds of dates (`1999`, `1999-03-00`, `1999-07-13`) and say how exact each is."""
    written = pl.col("released")
    first_day = (
        pl.when(written.str.len_chars() == len(_NO_YEAR))
        .then(written + "-01-01")
        .otherwise(written.str.replace_all("-00", "-01", literal=True))
    )
    dated = pl.when(~written.str.starts_with(_NO_YEAR)).then(first_day)
    return raw_releases.with_columns(on=dated.str.to_date("%Y-%m-%d", strict=False)).select(
        release_id=pl.col("release_id").cast(pl.Int64),
        title=pl.col("title").str.replace_all(r"\s+", " ").str.strip_chars(),
        status="status",
        country=_filled("country"),
        released_on="on",
        released_precision=pl.when(pl.col("on").is_null())
        .then(pl.lit("unknown"))
        .when(written.str.contains(r"^\d{4}(-00-00)?$"))
        .then(pl.lit("year"))
        .when(written.str.ends_with("-00"))
        .then(pl.lit("month"))
        .otherwise(pl.lit("day")),
        master_id=pl.col("master_id").cast(pl.Int64),
        data_quality="data_quality",
    )


def catalogue_numbers(raw_release_labels: pl.LazyFrame, raw_labels: pl.LazyFrame) -> pl.LazyFrame:
    """Leave the word `none` out of the numbers, and mark the labels that are known."""
    known = raw_labels.select("label_id", label_known=pl.lit(True))  # noqa: FBT003 - a column of it
    number = _filled("catno")
    return raw_release_labels.join(known, on="label_id", how="left", maintain_order="left").select(
        release_id=pl.col("release_id").cast(pl.Int64),
        label_id=pl.col("label_id").cast(pl.Int64),
        label_name=_without_number("label_name"),
        label_known=pl.col("label_known").fill_null(value=False),
        catalogue_number=pl.when(number.str.to_lowercase() != "none").then(number),
    )


def _without_number(column: str) -> pl.Expr:
    return pl.col(column).str.replace(_NUMBER, "").str.strip_chars()


def _filled(column: str) -> pl.Expr:
    text = pl.col(column).str.strip_chars()
    return pl.when(text != "").then(text)
