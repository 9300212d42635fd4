"""The one door to vectors: what is near in meaning, by pgvector in our own database, or by Pinecone where a key is given.

Each tenant is alone in both: row security in the one, a namespace of its own in the other.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar
from uuid import UUID

from django.db import connection

from copilot.config import config
from copilot.guard.tenancy import tenant_scope
from copilot.knowledge import embedders
from copilot.knowledge.embedders import BATCH_SECONDS, QUESTION_SECONDS, NoVectors
from copilot.models import RunbookChunk, RunbookMemory, RunbookVector

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from copilot.knowledge.embedders import Embedder

Item = TypeVar("Item")

# Pinecone takes 1000 vectors or 96 texts in one request.
VECTORS_AT_ONCE: Final = 500
TEXTS_AT_ONCE: Final = 96
IDS_AT_ONCE: Final = 1000
# The field of a record from which an index with integrated embedding makes its vector, unless it was made otherwise.
TEXT_FIELD: Final = "chunk_text"

_NEAREST = """
SELECT chunk_id, 1 - distance FROM (
    SELECT chunk_id, "values"::vector <=> %s::real[]::vector AS distance FROM copilot_runbookvector
    WHERE model = %s AND cardinality("values") = %s ORDER BY distance, chunk_id LIMIT %s
) AS near ORDER BY distance, chunk_id
"""


class Forgetful(RuntimeError):
    """Say why nothing can be remembered or found at present."""


@dataclass(frozen=True, slots=True)
class Near:
    """Hold what was found, and how near it is: cosine similarity, or the index's own measure; more is nearer."""

    id: UUID
    score: float


class Memory(Protocol):
    """Remember texts by their ids, and find those that are near in meaning to others, within one tenant.

    What goes wrong is raised as `Forgetful`.
    """

    @property
    def name(self) -> str:
        """Return back end and model; what was remembered under another name is remembered anew."""

    def remember(self, tenant_id: UUID, texts: Sequence[tuple[UUID, str]]) -> None:
        """Keep texts by id; one that is there is replaced."""

    def forget(self, tenant_id: UUID, ids: Iterable[UUID]) -> None:
        """Drop what is kept under these ids; ids that are not there do no harm."""

    def ids(self, tenant_id: UUID) -> set[UUID]:
        """Return the ids of all that is kept of a tenant."""

    def nearest(self, tenant_id: UUID, text: str, *, most: int) -> list[Near]:
        """Return at most so many that are nearest to the text, the nearest first."""


@contextmanager
def _speaking(name: str) -> Iterator[None]:
    """Turn what an embedder or Pinecone raises into a `Forgetful` in our words."""
    try:
        yield
    except NoVectors as error:
        raise Forgetful(str(error)) from error
    except Exception as error:
        from pinecone.errors import PineconeError

        if not isinstance(error, PineconeError):
            raise
        raise Forgetful(f"{name}: {type(error).__name__}: {str(error)[:300]}") from error


class PgvectorMemory:
    """Keep vectors beside the sections that they are of, and compare them all: exact, and private by row security.

    An index for approximate search would not be used: beneath row security PostgreSQL filters by tenant first. What a tenant's
    ten thousand vectors cost, `copilot bench retrieval --dimensions 768` measures.
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    @property
    def name(self) -> str:
        """Return back end and model."""
        return f"pgvector {self._embedder.name}"

    def remember(self, tenant_id: UUID, texts: Sequence[tuple[UUID, str]]) -> None:
        """Keep the texts' vectors; sections that are gone meanwhile are passed over."""
        with _speaking(self.name):
            vectors = self._embedder.embed([text for _, text in texts], seconds=BATCH_SECONDS)
        with tenant_scope(tenant_id), connection.cursor() as cursor:
            there = set(RunbookChunk.objects.filter(id__in=[one for one, _ in texts]).values_list("id", flat=True))
            cursor.executemany(
                'INSERT INTO copilot_runbookvector (tenant_id, chunk_id, model, "values") VALUES (%s, %s, %s, %s)'
                ' ON CONFLICT (chunk_id) DO UPDATE SET model = excluded.model, "values" = excluded."values"',
                [
                    [tenant_id, chunk, self.name, vector]
                    for (chunk, _), vector in zip(texts, vectors, strict=True)
                    if chunk in there
                ],
            )

    def forget(self, tenant_id: UUID, ids: Iterable[UUID]) -> None:
        """Drop vectors."""
        with tenant_scope(tenant_id):
            RunbookVector.objects.filter(chunk__in=list(ids)).delete()

    def ids(self, tenant_id: UUID) -> set[UUID]:
        """Return the sections that have a vector of this model."""
        with tenant_scope(tenant_id):
            return set(RunbookVector.objects.filter(model=self.name).values_list("chunk", flat=True))

    def nearest(self, tenant_id: UUID, text: str, *, most: int) -> list[Near]:
        """Return the nearest sections by cosine."""
        with _speaking(self.name):
            (vector,) = self._embedder.embed([text], seconds=QUESTION_SECONDS)
        with tenant_scope(tenant_id), connection.cursor() as cursor:
            cursor.execute(_NEAREST, [vector, self.name, len(vector), most])
            return [Near(chunk, float(score)) for chunk, score in cursor.fetchall()]


class PineconeMemory:
    """Keep vectors in a Pinecone index, a namespace a tenant.

    Without an embedder the index must have integrated embedding: Pinecone then makes the vectors, of the field `text_field`.
    """

    def __init__(
        self, index: Any, *, name: str, embedder: Embedder | None = None, text_field: str = TEXT_FIELD
    ) -> None:
        self._index = index
        self._name = name
        self._embedder = embedder
        self._text_field = text_field

    @property
    def name(self) -> str:
        """Return index and model."""
        model = self._embedder.name if self._embedder else "integrated"
        return f"pinecone {self._name} {model}"

    @staticmethod
    def namespace(tenant_id: UUID) -> str:
        """Return the namespace of a tenant, which no other tenant's can be."""
        return f"tenant-{tenant_id}"

    def remember(self, tenant_id: UUID, texts: Sequence[tuple[UUID, str]]) -> None:
        """Keep texts, or their vectors where an embedder makes them."""
        namespace = self.namespace(tenant_id)
        with _speaking(self.name):
            if self._embedder is None:
                for part in _parts(texts, TEXTS_AT_ONCE):
                    records = [{"_id": str(one), self._text_field: text or " "} for one, text in part]
                    self._index.upsert_records(namespace=namespace, records=records)
                return
            vectors = self._embedder.embed([text for _, text in texts], seconds=BATCH_SECONDS)
            rows = [{"id": str(one), "values": vector} for (one, _), vector in zip(texts, vectors, strict=True)]
            for batch in _parts(rows, VECTORS_AT_ONCE):
                self._index.upsert(vectors=list(batch), namespace=namespace, show_progress=False)

    def forget(self, tenant_id: UUID, ids: Iterable[UUID]) -> None:
        """Drop what is kept under these ids."""
        with _speaking(self.name):
            for part in _parts([str(one) for one in ids], IDS_AT_ONCE):
                self._index.delete(ids=list(part), namespace=self.namespace(tenant_id))

    def ids(self, tenant_id: UUID) -> set[UUID]:
        """Return all ids of the tenant's namespace."""
        with _speaking(self.name):
            pages = self._index.list(namespace=self.namespace(tenant_id))
            return {UUID(str(one.id)) for page in pages for one in page.vectors}

    def nearest(self, tenant_id: UUID, text: str, *, most: int) -> list[Near]:
        """Return the nearest by the index's measure."""
        namespace = self.namespace(tenant_id)
        with _speaking(self.name):
            if self._embedder is None:
                found = self._index.search(
                    namespace=namespace, top_k=most, inputs={"text": text}, fields=[], timeout=QUESTION_SECONDS
                )
                return [Near(UUID(str(hit.id)), float(hit.score)) for hit in found.result.hits]
            (vector,) = self._embedder.embed([text], seconds=QUESTION_SECONDS)
            answer = self._index.query(vector=vector, top_k=most, namespace=namespace, timeout=QUESTION_SECONDS)
            return [Near(UUID(str(match.id)), float(match.score)) for match in answer.matches]


def _parts(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    for begin in range(0, len(items), size):
        yield items[begin : begin + size]


@lru_cache(maxsize=1)
def configured() -> Memory | None:
    """Return the memory that the settings name: Pinecone with a key, pgvector with an embedder, None without either."""
    settings = config()
    embedder = embedders.configured(settings)
    if settings.pinecone_api_key:
        from pinecone import Pinecone

        client = Pinecone(api_key=settings.pinecone_api_key.get_secret_value(), source_tag="sre_copilot")
        host = settings.pinecone_host
        return PineconeMemory(
            client.Index(host=host), name=host, embedder=embedder, text_field=settings.pinecone_text_field
        )
    return PgvectorMemory(embedder) if embedder and has_pgvector() else None


def has_pgvector() -> bool:
    """Return whether the database can compare vectors."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'vector')")
        row = cursor.fetchone()
    return bool(row and row[0])


def catch_up(tenant_id: UUID, memory: Memory, *, most: int | None = None) -> int:
    """Remember a tenant's sections that are not, `most` of them, and forget those that are gone; return how many were remembered.

    Asks the memory what it holds, whatever was noted of it before.

    :raises Forgetful: where it does not answer; what was remembered by then stays.
    """
    with tenant_scope(tenant_id):
        rows = RunbookChunk.objects.select_related("runbook").order_by("runbook", "position").defer("search")
        wanted = {row.id: f"{row.runbook.title}\n{row.heading}\n{row.text}" for row in rows}
    known = memory.ids(tenant_id)
    missing = [(one, text) for one, text in wanted.items() if one not in known]
    now = missing[:most]
    for part in _parts(now, VECTORS_AT_ONCE):
        memory.remember(tenant_id, part)
    gone = known - wanted.keys()
    if gone:
        memory.forget(tenant_id, gone)
    if len(now) == len(missing):
        with tenant_scope(tenant_id):
            RunbookMemory.objects.update_or_create(
                tenant_id=tenant_id, defaults={"name": memory.name[:600], "digest": _digest(wanted)}
            )
    return len(now)


def is_behind(tenant_id: UUID, memory: Memory) -> bool:
    """Return whether the sections of a tenant are others than those that the memory was noted to hold; asks our rows alone."""
    with tenant_scope(tenant_id):
        there = list(RunbookChunk.objects.order_by().values_list("id", flat=True))
        noted = RunbookMemory.objects.filter(name=memory.name[:600]).values_list("digest", flat=True).first()
    return (noted or _digest(())) != _digest(there)


def _digest(ids: Iterable[UUID]) -> str:
    return hashlib.sha256(b"".join(sorted(one.bytes for one in ids))).hexdigest()


__all__ = [
    "Forgetful",
    "Memory",
    "Near",
    "PgvectorMemory",
    "PineconeMemory",
    "catch_up",
    "configured",
    "has_pgvector",
    "is_behind",
]
