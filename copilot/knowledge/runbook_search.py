"""Find runbooks by words: PostgreSQL full text, weighted by rarity, trigrams for misspellings, and vectors where there are any."""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt
from statistics import fmean, pstdev
from typing import TYPE_CHECKING, Any, Final

from django.db import connection

from copilot import observe
from copilot.guard.tenancy import tenant_scope
from copilot.knowledge import fusion, patience, question
from copilot.knowledge.memory import Forgetful
from copilot.models import Runbook, RunbookChunk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from copilot.knowledge.memory import Memory, Near
    from copilot.knowledge.question import Question

logger = observe.logger(__name__)

# How many of each ranking are put together.
DEPTH: Final = 50
# What an occurrence counts by where it is: D the text, C nothing, B headings, services and causes, A title and keywords.
WEIGHTS: Final = "{0.2, 0.2, 0.4, 1.0}"
SYNONYM: Final = 0.5
CORRECTED: Final = 0.6
# How like a stem of the runbooks an unknown word must be to be taken for a misspelling of it (`similarity` of pg_trgm).
ALIKE: Final = 0.45
# A word in more than this share of the sections tells nothing, as long as another one tells something.
COMMON: Final = 0.25
# About how many sections are looked at closely: those of the rarest terms. A section that has none of them could hardly win.
CANDIDATES: Final = 800
# How many neighbours in meaning are looked at, and by how many standard deviations one must be nearer than they are.
NEIGHBOURS: Final = 100
STANDS_OUT: Final = 3.0

_WORDS = """
SELECT t.lexeme, term.chunks FROM unnest(to_tsvector('english', %s)) t
LEFT JOIN copilot_runbookterm term ON term.word = t.lexeme ORDER BY t.positions[1], t.lexeme
"""
_PHRASES = """
SELECT phraseto_tsquery('english', p.phrase)::text, min(term.chunks)
FROM unnest(%s::text[]) WITH ORDINALITY AS p(phrase, place), LATERAL unnest(to_tsvector('english', p.phrase)) t
LEFT JOIN copilot_runbookterm term ON term.word = t.lexeme
GROUP BY p.place, p.phrase HAVING count(*) = count(term.word) ORDER BY p.place
"""
_CORRECTION = """
SELECT DISTINCT ON (w.word) w.word, term.word, term.chunks FROM unnest(%s::text[]) AS w(word)
JOIN copilot_runbookterm term ON length(term.word) BETWEEN length(w.word) - 3 AND length(w.word) + 3
    AND similarity(term.word, w.word) >= %s
ORDER BY w.word, similarity(term.word, w.word) DESC, term.chunks DESC
"""


@dataclass(frozen=True, slots=True)
class Hit:
    """Hold a runbook that was found: what it is, the section that fits best, its steps word for word, and what found it."""

    id: UUID
    title: str
    services: tuple[str, ...]
    causes: tuple[str, ...]
    source: str
    path: str
    link: str
    version: int
    written_at: datetime | None
    read_at: datetime
    heading: str
    text: str
    steps: tuple[str, ...]
    score: float
    found_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Term:
    query: str
    weight: float
    chunks: int


@dataclass(frozen=True, slots=True)
class _Ranked:
    """Hold one ranking of runbooks, and the section of each that fits best, where the ranking knows it."""

    name: str
    runbooks: tuple[UUID, ...]
    chunks: Mapping[UUID, UUID]


def search(tenant_id: UUID, words: str, *, most: int = 5, memory: Memory | None = None) -> tuple[Hit, ...]:
    """Return the tenant's runbooks that fit the words, the best first.

    Up to three rankings are put together by reciprocal rank: full text with any word of the question, its synonyms and what
    misspelt words may mean (trigrams); full text with every word, as `websearch_to_tsquery` reads it; and nearness of meaning,
    where a memory is given. Where the memory does not answer, the words decide alone.
    """
    asked = question.ask(words)
    if not asked.text:
        return ()
    near = _near(tenant_id, asked.text, memory)
    with tenant_scope(tenant_id):
        rankings = [ranking for ranking in (*_by_words(asked), _by_meaning(near)) if ranking.runbooks]
        fused = fusion.fuse(ranking.runbooks for ranking in rankings)[:most]
        return _hits(fused, rankings)


def _near(tenant_id: UUID, text: str, memory: Memory | None) -> tuple[UUID, ...]:
    """Return the sections that are nearest in meaning; none where the memory does not answer."""
    if memory is None or patience.is_over(memory.name):
        return ()
    try:
        near = memory.nearest(tenant_id, text, most=NEIGHBOURS)
    except Forgetful as error:
        patience.failed(memory.name)
        # A search without vectors is worse, one without an answer is none.
        logger.warning("runbooks are searched by words alone", memory=memory.name, error=str(error))
        return ()
    patience.answered(memory.name)
    return tuple(one.id for one in standing_out(near))


def standing_out(near: Sequence[Near]) -> list[Near]:
    """Return those of the nearest that are nearer than the others by some standard deviations, the nearest first.

    Every section is nearest to something: a question that means none of them must not be answered by what is least far. Of few
    values none can be far from their mean in standard deviations, (n - 1) / √n at most, so that less is asked of them.
    """
    scores = [one.score for one in near]
    if len(scores) < 2:
        return list(near)
    needed = min(STANDS_OUT, 0.7 * (len(scores) - 1) / sqrt(len(scores)))
    least = fmean(scores) + needed * pstdev(scores)
    return [one for one in near if one.score >= least]


def _rows(sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())


def _quoted(lexeme: str) -> str:
    """Return a word stem as a `tsquery` of itself."""
    escaped = lexeme.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def _terms(asked: Question) -> list[_Term]:
    """Return what to look for, each with its weight: how rare it is, less for synonyms and corrected misspellings."""
    total = RunbookChunk.objects.count()
    words = _rows(_WORDS, [asked.text])
    phrases = _rows(_PHRASES, [list(asked.phrases)]) if asked.phrases else []
    unknown = [word for word, chunks in words if chunks is None and len(word) >= 5 and word.isalpha()]
    corrected = _rows(_CORRECTION, [unknown, ALIKE]) if unknown else []
    found: dict[str, tuple[int, float]] = {}
    for query, chunks, weight in (
        *((_quoted(word), chunks, 1.0) for word, chunks in words if chunks),
        *((_quoted(word), chunks, CORRECTED) for _, word, chunks in corrected),
        *((query, chunks, SYNONYM) for query, chunks in phrases),
    ):
        if query and query not in found:
            found[query] = (chunks, weight)
    telling = {query: one for query, one in found.items() if one[0] <= COMMON * total} or found
    return [_Term(query, weight * _rarity(chunks, total), chunks) for query, (chunks, weight) in telling.items()]


def _rarity(chunks: int, total: int) -> float:
    """Return how much a word tells: Robertson's inverse document frequency, as BM25 uses it; always above zero."""
    return log(1.0 + (max(total, chunks) - chunks + 0.5) / (chunks + 0.5))


def _by_words(asked: Question) -> tuple[_Ranked, ...]:
    """Return the rankings by every word and by any word.

    A runbook's score is the sum over the terms of its best section's `ts_rank`, times the term's weight: different sections may
    answer different words. `ts_rank` of one term rises with the occurrences towards a limit, as in BM25.
    """
    terms = _terms(asked)
    if not terms:
        return ()
    ranks = ", ".join(f"ts_rank(%s::real[], search, %s::tsquery) AS r{place}" for place in range(len(terms)))
    whole = " + ".join(f"%s * max(r{place})" for place in range(len(terms)))
    single = " + ".join(f"%s * r{place}" for place in range(len(terms)))
    weights = [term.weight for term in terms]
    # The words of these statements are our own; what people wrote goes in as values.
    sql = f"""
    WITH met AS (
        SELECT id, runbook_id, {ranks}, CASE WHEN search @@ every.query THEN ts_rank_cd(%s::real[], search, every.query) END AS all_of
        FROM copilot_runbookchunk, websearch_to_tsquery('english', %s) AS every(query)
        WHERE search @@ (%s::tsquery || every.query)
    )
    SELECT runbook_id, {whole} AS score, max(all_of), (array_agg(id ORDER BY {single} DESC, id))[1]
    FROM met GROUP BY runbook_id ORDER BY score DESC, runbook_id LIMIT %s
    """  # noqa: S608
    values = [value for term in terms for value in (WEIGHTS, term.query)]
    any_of = " | ".join(f"({query})" for query in _rarest(terms))
    rows = _rows(sql, [*values, WEIGHTS, asked.text, any_of, *weights, *weights, DEPTH])
    best = {runbook: chunk for runbook, _, _, chunk in rows}
    strict = sorted((row for row in rows if row[2] is not None), key=lambda row: -row[2])
    return (
        _Ranked("words", tuple(row[0] for row in rows), best),
        _Ranked("all its words", tuple(row[0] for row in strict), best),
    )


def _rarest(terms: Sequence[_Term]) -> Iterator[str]:
    """Yield the rarest terms until they have candidates enough."""
    sections = 0
    for term in sorted(terms, key=lambda term: term.chunks):
        if sections >= CANDIDATES:
            return
        yield term.query
        sections += term.chunks


def _by_meaning(near: Sequence[UUID]) -> _Ranked:
    runbooks = dict(RunbookChunk.objects.filter(id__in=near).values_list("id", "runbook"))
    best: dict[UUID, UUID] = {}
    for chunk in near:
        if chunk in runbooks:
            best.setdefault(runbooks[chunk], chunk)
    return _Ranked("meaning", tuple(best)[:DEPTH], best)


def _hits(fused: Sequence[tuple[UUID, float]], rankings: Sequence[_Ranked]) -> tuple[Hit, ...]:
    ids = [runbook for runbook, _ in fused]
    rows = {row.id: row for row in Runbook.objects.filter(id__in=ids, removed_at=None)}
    chunks: dict[UUID, list[RunbookChunk]] = {}
    for chunk in RunbookChunk.objects.filter(runbook__in=ids).order_by("position").defer("search"):
        chunks.setdefault(chunk.runbook_id, []).append(chunk)
    found = []
    for runbook, score in fused:
        row, sections = rows.get(runbook), chunks.get(runbook, [])
        if row is None or not sections:
            continue
        best = next((ranking.chunks[runbook] for ranking in rankings if runbook in ranking.chunks), None)
        section = next((one for one in sections if one.id == best), sections[0])
        steps: list[str] = section.steps or next((one.steps for one in sections if one.steps), [])
        found.append(
            Hit(
                id=row.id,
                title=row.title,
                services=tuple(row.services),
                causes=tuple(row.causes),
                source=row.source,
                path=row.path,
                link=row.link,
                version=row.version,
                written_at=row.written_at,
                read_at=row.read_at,
                heading=section.heading,
                text=section.text,
                steps=tuple(steps),
                score=score,
                found_by=tuple(ranking.name for ranking in rankings if runbook in ranking.runbooks),
            )
        )
    return tuple(found)


__all__ = ["Hit", "search"]
