"""Find products by what they are called, are for, hold, and who owns them.

In:  the registry, some words.
Out: products that hold all of them, the best first: by match, then by how much they are read and
whether they kept their promises when the sensor judged them last; those that are shown are judged
anew. A word that no product has is taken for a nearby one that some have; where no product has all
words, those with some of them are found.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import SequenceMatcher
from itertools import islice
from typing import Any, NamedTuple

import sqlalchemy as sa

from mesh_dagster.declare.lifecycle import Deprecated, endings_text
from mesh_dagster.discover.headlines import headlines, worst_states
from mesh_dagster.observe.status import State
from mesh_dagster.run.reads import counts
from mesh_dagster.run.registering import make
from mesh_dagster.run.registry import Registry, ports
from mesh_dagster.run.words import (
    FIELDS,
    LANGUAGE,
    TEAM,
    documents,
    pairs,
    pairs_of,
    said_of,
    words_of,
)

READS_OF = timedelta(days=28)
"""Reads of so many days raise a product."""
_MOST_WORDS = 8
_MOST_CANDIDATES = 200
_MOST_COLUMNS = 5
_SHORTEST_PREFIX = 2
_SHORTEST_MISTYPED = 4
_MOST_LIKE = 100
_LEAST_LIKE = 0.75
_LETTERS_MORE = 2
_STATE_WEIGHTS: Mapping[State | None, float] = {"warn": 0.9, "no_data": 0.6, "breached": 0.6}


@dataclass(frozen=True)
class Hit:
    """One product that was found."""

    key: str
    major: int
    owner: str
    alignment: str
    purpose: str
    addresses: tuple[str, ...]
    columns: tuple[str, ...]
    """Up to five columns that match, each as `port.column`."""
    state: State | None
    """The worst of its promises now; `None` where nothing can be judged yet."""
    deprecated: Mapping[str, Deprecated]
    """Those of its ports that are deprecated, by address."""
    reads: int
    """Of the last 28 days."""
    score: float
    """Comparable within one search only."""

    @property
    def ending(self) -> str:
        """Say in short which of its ports end; empty where none does."""
        return endings_text(self.deprecated, self.addresses)


@dataclass(frozen=True)
class Found:
    """What a search found."""

    words: tuple[str, ...]
    """What was looked for."""
    meant: tuple[str, ...] | None
    """The words that were looked for instead, where some are in no product."""
    partial: bool
    """Whether no product has all words."""
    hits: tuple[Hit, ...]
    more: bool
    """Whether there are more hits than were asked for."""


class _Match(NamedTuple):
    key: str
    major: int
    relevance: float


class _Ranked(NamedTuple):
    key: str
    major: int
    score: float
    reads: int


def search(registry: Registry, text: str, now: datetime, *, limit: int = 20) -> Found:
    """Find products.

    Args:
        registry: Where they are registered.
        text: Words, in any case; the beginning of a word is enough. Eight of them count.
        now: Aware UTC, at which the promises of hits are judged; reads of the 28 days before it
            raise a product.
        limit: The most hits.
    """
    make(registry)
    asked = (word.removeprefix(TEAM) for word in text.casefold().split())
    words = tuple(dict.fromkeys(words_of(" ".join(asked))))[:_MOST_WORDS]
    found, meant, partial = _matching(registry, words), None, False
    if not found and words:
        known = [_known(registry, word) for word in words]
        kept = tuple(dict.fromkeys(word for word in known if word))
        meant = kept if set(kept) - set(words) else None
        found = _matching(registry, kept)
        partial = None in known
        if not found:
            found, partial = _matching(registry, kept, any_word=True), True
    ranked = _ranked(registry, found, now)
    hits = tuple(_hits(registry, ranked[:limit], meant or words, now))
    more = len(ranked) > limit
    return Found(words, meant if hits else None, partial and bool(hits), hits, more)


def _matching(registry: Registry, words: Sequence[str], *, any_word: bool = False) -> list[_Match]:
    """Return what holds all words, or any of them, the most relevant first."""
    if not words:
        return []
    if registry.url.get_backend_name() == "postgresql":
        best = _in_postgresql(words, any_word=any_word)
    else:
        best = _in_sqlite(words, any_word=any_word)
    # What is matched is looked up by its number afterwards, for to read a document takes longer.
    found = best.order_by(sa.desc("relevance")).limit(_MOST_CANDIDATES).subquery("best")
    query = (
        sa.select(documents.c.key, documents.c.major, found.c.relevance)
        .join_from(found, documents, documents.c.rowid == found.c.rowid)
        .order_by(found.c.relevance.desc(), documents.c.key, documents.c.major.desc())
    )
    with registry.begin() as connection:
        return [_Match(*row) for row in connection.execute(query)]


def _in_sqlite(words: Sequence[str], *, any_word: bool) -> sa.Select[Any]:
    # Words are letters and digits only, so nothing in them has a meaning for FTS5.
    asked = [f'"{word}"*' if len(word) >= _SHORTEST_PREFIX else f'"{word}"' for word in words]
    index: sa.ColumnElement[str] = sa.literal_column("search_documents")
    weights = [weight for weight, _ in FIELDS.values()]
    relevance = -sa.func.bm25(index, *weights, type_=sa.Float)
    question = (" OR " if any_word else " AND ").join(asked)
    chosen = sa.select(documents.c.rowid, relevance.label("relevance"))
    return chosen.where(index.op("MATCH")(question))


def _in_postgresql(words: Sequence[str], *, any_word: bool) -> sa.Select[Any]:
    asked = [f"{word}:*" if len(word) >= _SHORTEST_PREFIX else word for word in words]
    question = sa.func.to_tsquery(LANGUAGE, (" | " if any_word else " & ").join(asked))
    relevance = sa.func.ts_rank_cd(documents.c.vector, question, type_=sa.Float)
    chosen = sa.select(documents.c.rowid, relevance.label("relevance"))
    return chosen.where(documents.c.vector.bool_op("@@")(question))


def _known(registry: Registry, word: str) -> str | None:
    """Return a word if a product has it, else the one most like it, else nothing."""
    if _matching(registry, [word]):
        return word
    if len(word) < _SHORTEST_MISTYPED:
        return None
    shared = sa.func.count().label("shared")
    length = pairs.c.letters.between(len(word) - _LETTERS_MORE, len(word) + _LETTERS_MORE)
    query = (
        sa.select(pairs.c.term, shared)
        .where(pairs.c.pair.in_(sorted(pairs_of(word))), length)
        .group_by(pairs.c.term)
        .order_by(shared.desc(), pairs.c.term)
        .limit(_MOST_LIKE)
    )
    matcher = SequenceMatcher(b=word)
    likeness = {row["term"]: _likeness(matcher, row["term"]) for row in registry.rows(query)}
    best = max(likeness, key=lambda term: likeness[term], default=None)
    return best if best is not None and likeness[best] > _LEAST_LIKE else None


def _likeness(matcher: SequenceMatcher[str], term: str) -> float:
    matcher.set_seq1(term)
    return matcher.ratio()


def _ranked(registry: Registry, found: Sequence[_Match], now: datetime) -> list[_Ranked]:
    """Put what is read and keeps its promises first; leave out what was withdrawn."""
    keys = sorted({one.key for one in found})
    if not keys:
        return []
    read = counts(registry, now - READS_OF, keys)
    states = worst_states(registry, keys)
    ranked = []
    for one in found:
        product = f"mesh://{one.key}/v{one.major}"
        if product in states:
            reads, state = read.get(product, 0), states[product]
            score = one.relevance * (1 + math.log1p(reads) / 10) * _STATE_WEIGHTS.get(state, 1.0)
            ranked.append(_Ranked(one.key, one.major, score, reads))
    return sorted(ranked, key=lambda one: (-one.score, one.key, -one.major))


def _hits(
    registry: Registry, ranked: Sequence[_Ranked], words: Sequence[str], now: datetime
) -> Iterator[Hit]:
    """Describe what is shown."""
    shown = headlines(registry, sorted({one.key for one in ranked}), now) if ranked else []
    known = {(one.key, one.major): one for one in shown}
    addresses = [address for one in known.values() for address in one.addresses]
    columns = _columns(registry, addresses, words)
    for one in ranked:
        headline = known[one.key, one.major]
        matching = (name for address in headline.addresses for name in columns.get(address, ()))
        yield Hit(
            key=one.key,
            major=one.major,
            owner=headline.owner,
            alignment=headline.alignment,
            purpose=headline.purpose,
            addresses=headline.addresses,
            columns=tuple(islice(matching, _MOST_COLUMNS)),
            state=headline.state,
            deprecated=headline.deprecated,
            reads=one.reads,
            score=one.score,
        )


def _columns(
    registry: Registry, addresses: Sequence[str], words: Sequence[str]
) -> dict[str, list[str]]:
    """Return for each port the columns whose names hold a word, then those described by one."""
    declared = ports.c.declaration["contract"]["columns"].label("columns")
    query = sa.select(ports.c.address, declared).where(ports.c.address.in_(addresses))
    found = {}
    for row in registry.rows(query):
        port = row["address"].rpartition("/")[2]
        columns = row["columns"] or ()
        named = [one["name"] for one in columns if _names(one["name"], words)]
        said = [one["name"] for one in columns if _says(said_of(one), words)]
        found[row["address"]] = [f"{port}.{name}" for name in dict.fromkeys([*named, *said])]
    return found


def _names(column: str, words: Sequence[str]) -> bool:
    """Say whether a column's name holds a word, or one that another ending would make of it."""
    parts = [part for part in words_of(column) if len(part) >= _SHORTEST_PREFIX]
    return any(part.startswith(word) or word.startswith(part) for part in parts for word in words)


def _says(text: str, words: Sequence[str]) -> bool:
    """Say whether a text holds a word, or begins one; its short words begin too many."""
    parts = words_of(text)
    long = [part for part in parts if len(part) >= _SHORTEST_MISTYPED]
    return any(part.startswith(word) for part in parts for word in words) or any(
        word.startswith(part) for part in long for word in words
    )
