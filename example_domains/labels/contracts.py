"""Promise what the ports of labels hold."""

from datetime import date

import pandera.polars as pa
import polars as pl

_TRIMMED = r"^\S(.*\S)?$"
_ENDS_IN_A_NUMBER = r"\(\d+\)$"
_DATA_QUALITIES = [
    "Needs Vote",
    "Needs Major Changes",
    "Needs Minor Changes",
    "Needs Minor Edits",
    "Correct",
    "Complete and Correct",
]


class Label(pa.DataFrameModel):
    """One record label, as the public catalogue of releases knows it."""

    label_id: int = pa.Field(unique=True, ge=1, description="The catalogue's number of the label.")
    name: str = pa.Field(
        str_matches=_TRIMMED, description="Name, without the number that tells namesakes apart."
    )
    homonym_number: pl.Int32 = pa.Field(
        nullable=True,
        ge=2,
        description="2 for the second label of this name, and so on; empty for the first.",
    )
    profile: str = pa.Field(
        nullable=True,
        str_length={"min_value": 1},
        description="Free text on the label, with line breaks and links; empty for most.",
    )
    data_quality: str = pa.Field(
        isin=_DATA_QUALITIES, description="How far the catalogue trusts its entry."
    )
    parent_id: int = pa.Field(nullable=True, ge=1, description="The label that owns this one.")
    parent_name: str = pa.Field(
        nullable=True, str_matches=_TRIMMED, description="That label's name, without its number."
    )
    parent_known: bool = pa.Field(description="Whether the owning label stands in this port.")
    urls: int = pa.Field(ge=0, le=1_000, description="Web addresses that the entry lists.")
    sublabels: int = pa.Field(ge=0, le=10_000, description="Labels that this one owns.")
    has_contact: bool = pa.Field(description="Whether the entry has contact data (kept there).")

    class Config:
        """Namesakes differ in their number."""

        unique = ["name", "homonym_number"]  # noqa: RUF012 - pandera reads a list

    @pa.check("name", name="bare", error="has no number at its end")
    @classmethod
    def bare(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """Catch a name whose number was not split off."""
        return data.lazyframe.select(~pl.col("name").str.contains(_ENDS_IN_A_NUMBER))

    @pa.dataframe_check(name="whole_parent", error="parent_id and parent_name go together")
    @classmethod
    def whole_parent(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """Hold the two columns on the owner together."""
        named = pl.col("parent_name").is_not_null()
        return data.lazyframe.select(pl.col("parent_id").is_not_null() == named)

    @pa.dataframe_check(name="other_parent", error="parent_id is another label")
    @classmethod
    def other_parent(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """Let no label own itself."""
        return data.lazyframe.select(pl.col("parent_id").ne_missing(pl.col("label_id")))


class Release(pa.DataFrameModel):
    """One release: a record as it was put on sale."""

    release_id: int = pa.Field(
        unique=True, ge=1, description="The catalogue's number of the release."
    )
    title: str = pa.Field(str_matches=_TRIMMED, description="Title, blanks tidied.")
    status: str = pa.Field(isin=["Accepted"], description="Whether the entry was accepted.")
    country: str = pa.Field(
        nullable=True,
        str_matches=_TRIMMED,
        description="Country or region of sale, as the catalogue words it; empty if unknown.",
    )
    released_on: pl.Date = pa.Field(
        nullable=True,
        ge=date(1860, 1, 1),
        le=date(2020, 12, 31),
        description="First day of the day, month or year of the release; see the precision.",
    )
    released_precision: str = pa.Field(
        isin=["day", "month", "year", "unknown"],
        description="How exactly the date is known: to the day, month or year, or not at all.",
    )
    master_id: int = pa.Field(
        nullable=True, ge=1, description="The work of which this is one release; empty if none."
    )
    data_quality: str = pa.Field(
        isin=_DATA_QUALITIES, description="How far the catalogue trusts its entry."
    )

    @pa.dataframe_check(name="dated", error="released_on is there unless unknown")
    @classmethod
    def dated(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """Hold the date and its precision together."""
        known = pl.col("released_precision") != "unknown"
        return data.lazyframe.select(pl.col("released_on").is_not_null() == known)

    @pa.dataframe_check(name="first_day", error="released_on is the first day of its period")
    @classmethod
    def first_day(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """Let no date claim more than is known."""
        on, precision = pl.col("released_on"), pl.col("released_precision")
        of_year = (precision != "year") | (on.dt.ordinal_day() == 1)
        of_month = (precision != "month") | (on.dt.day() == 1)
        return data.lazyframe.select(of_year & of_month)


class CatalogueNumber(pa.DataFrameModel):
    """One number under which a label lists a release; a release may have several."""

    release_id: int = pa.Field(ge=1, description="The release that carries the number.")
    label_id: int = pa.Field(ge=1, description="The label that gave the number.")
    label_name: str = pa.Field(str_matches=_TRIMMED, description="Its name, without its number.")
    label_known: bool = pa.Field(description="Whether that label stands in the port of labels.")
    catalogue_number: str = pa.Field(
        nullable=True,
        str_matches=_TRIMMED,
        str_length={"max_value": 100},
        description="The number as printed; empty where the record carries none.",
    )

    class Config:
        """A label gives a release one number once."""

        unique = ["release_id", "label_id", "catalogue_number"]  # noqa: RUF012 - as above

    @pa.check("catalogue_number", name="a_number", error="is not the word none")
    @classmethod
    def a_number(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """Catch the word that stands for no number."""
        return data.lazyframe.select(pl.col("catalogue_number").str.to_lowercase() != "none")
