"""Keep the words under which products are found, in the full text index of the database.

In:  the rows of a product and its ports.
Out: one document for each product, and every word that occurs, by its pairs of letters.
FTS5 in SQLite, `tsvector` in PostgreSQL; both know English endings. `discover/search.py` asks.
"""

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from mesh_dagster.run.dialects import insert_into, insert_new
from mesh_dagster.run.registry import Registry

Row = Mapping[str, Any]  # Any: JSON
FIELDS = {
    "names": (10.0, "A"),
    "purpose": (5.0, "B"),
    "columns": (4.0, "B"),
    "tags": (4.0, "B"),
    "owner": (3.0, "C"),
    "descriptions": (1.0, "D"),
}
"""Each part of a document, with how much a match there weighs: a factor, a class of PostgreSQL."""
LANGUAGE = "english"
TEAM = "team:"
"""What the owner of a product may begin with; as a word it would find every product."""
MOST_LETTERS = 64
"""Of a word; what is longer is cut."""
_MOST_WORDS = 2_000
"""Of each part of a document; PostgreSQL indexes one of at most a megabyte."""
_WORD = re.compile(r"[^\W_]+")
_METADATA = sa.MetaData()
_IN_POSTGRESQL = sa.MetaData()
_FTS5 = sa.text(
    "CREATE VIRTUAL TABLE IF NOT EXISTS search_documents USING fts5("
    "names, purpose, columns, tags, owner, descriptions, key UNINDEXED, major UNINDEXED, "
    "tokenize = 'porter unicode61', prefix = '2 3')"
)


class _Vector(sa.types.UserDefinedType[str]):
    """The words of a document, as PostgreSQL indexes them."""

    cache_ok = True

    def get_col_spec(self, **_asked: object) -> str:
        """Return the name of the type."""
        return "TSVECTOR"


terms = sa.Table("search_terms", _METADATA, sa.Column("term", sa.String, primary_key=True))
pairs = sa.Table(
    "search_pairs",
    _METADATA,
    sa.Column("pair", sa.String, primary_key=True),
    sa.Column("letters", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("term", sa.String, primary_key=True),
)
documents = sa.Table(
    "search_documents",
    _IN_POSTGRESQL,
    sa.Column("rowid", sa.BigInteger, primary_key=True, autoincrement=False),
    *(sa.Column(name, sa.String, nullable=False) for name in FIELDS),
    sa.Column("key", sa.String, nullable=False),
    sa.Column("major", sa.Integer, nullable=False),
    sa.Column("vector", _Vector),
    sa.Index("ix_search_documents_vector", "vector", postgresql_using="gin"),
)
"""In SQLite a virtual table without `vector`."""


def make(registry: Registry) -> None:
    """Make the index, if it is missing."""
    if registry.url.get_backend_name() == "postgresql":
        registry.make(_METADATA)
        registry.make(_IN_POSTGRESQL)
        return
    if registry.make(_METADATA):
        with registry.begin() as connection:
            connection.execute(_FTS5)


def words_of(text: str) -> list[str]:
    """Return the words of a text: letters and digits, without case and accents."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    found = _WORD.findall("".join(c for c in plain if not unicodedata.combining(c)))
    return [word[:MOST_LETTERS] for word in found[:_MOST_WORDS]]


def pairs_of(word: str) -> set[str]:
    """Return every two letters that stand beside each other, the ends marked."""
    marked = f"^{word}$"
    return {marked[n : n + 2] for n in range(len(marked) - 1)}


def index(connection: sa.Connection, product: Row, its_ports: Sequence[Row]) -> None:
    """Put a product into the index, in place of what was there."""
    parts = {name: words_of(" ".join(texts)) for name, texts in _texts(product, its_ports).items()}
    identity = f"{product['key']} {product['major']}".encode()
    document = {
        "rowid": int.from_bytes(hashlib.sha256(identity).digest()[:8], "big") >> 1,
        **{name: " ".join(found) for name, found in parts.items()},
        "key": product["key"],
        "major": product["major"],
    }
    if connection.dialect.name == "postgresql":
        _put_into_postgresql(connection, document)
    else:
        mine = documents.c.rowid == document["rowid"]
        connection.execute(sa.delete(documents).where(mine))
        connection.execute(sa.insert(documents), document)
    _learn(connection, {word for found in parts.values() for word in found})


def _texts(product: Row, its_ports: Sequence[Row]) -> dict[str, list[str]]:
    declared = product["declaration"]
    columns = [column for port in its_ports for column in columns_of(port["declaration"])]
    tags = declared.get("tags", {})
    names = [product["key"], *(port["address"].rpartition("/")[2] for port in its_ports)]
    described = [*(port["description"] for port in its_ports), *(map(said_of, columns))]
    return {
        "names": names,
        "purpose": [product["purpose"]],
        "columns": [column["name"] for column in columns],
        "tags": [f"{name} {value}" for name, value in tags.items()],
        "owner": [product["owner"].removeprefix(TEAM)],
        "descriptions": [text for text in described if text],
    }


def columns_of(declaration: Row) -> Sequence[Row]:
    """Return the columns of a registered port."""
    found: Sequence[Row] = (declaration.get("contract") or {}).get("columns", ())
    return found


def said_of(column: Row) -> str:
    """Return what a column is said to be: its title, description, entity and unit."""
    known = column.get("metadata") or {}
    said = (column.get("title"), column.get("description"), known.get("entity"), known.get("unit"))
    return " ".join(str(text) for text in said if text)


def _put_into_postgresql(connection: sa.Connection, document: Row) -> None:
    vector: Any = sa.literal("")  # Any: SQLAlchemy has no type for what `||` joins
    for name, (_, weight) in FIELDS.items():
        heavy = sa.literal(weight, literal_execute=True)  # of a type that no driver sends
        part = sa.func.setweight(sa.func.to_tsvector(LANGUAGE, document[name]), heavy)
        vector = part if name == next(iter(FIELDS)) else vector.op("||")(part)
    insert = insert_into(connection.dialect.name, documents).values(**document, vector=vector)
    changing = (column.name for column in documents.c if not column.primary_key)
    rest = {name: insert.excluded[name] for name in changing}
    connection.execute(
        insert.on_conflict_do_update(index_elements=documents.primary_key, set_=rest)
    )


def _learn(connection: sa.Connection, found: set[str]) -> None:
    """Keep words that no product had so far, for whoever mistypes them."""
    known = connection.scalars(sa.select(terms.c.term).where(terms.c.term.in_(sorted(found))))
    new = sorted(found - set(known))
    rows = [
        {"pair": pair, "letters": len(word), "term": word}
        for word in new
        for pair in sorted(pairs_of(word))
    ]
    insert_new(connection, terms, [{"term": word} for word in new])
    insert_new(connection, pairs, rows)
