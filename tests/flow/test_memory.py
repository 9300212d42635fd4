"""What is near in meaning is found in either back end: the same tests for pgvector and for Pinecone's own SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from django.db import connection

from copilot import celery, tasks
from copilot.benchmarks import retrieval
from copilot.config import Config
from copilot.guard.tenancy import tenant_scope
from copilot.knowledge import embedders, memory, patience, remembering, runbook_search
from copilot.knowledge.embedders import NoVectors, OpenAiEmbedder
from copilot.knowledge.memory import Forgetful, Memory, Near, PgvectorMemory, PineconeMemory, catch_up
from copilot.models import Runbook, RunbookChunk, Tenant
from copilot.runbooks import library, starter
from copilot.runbooks.origins import Found, Origin
from tests.servers import embeddings
from tests.servers import pinecone as pinecones
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from uuid import UUID

    from tests.servers.embeddings import Embeddings
    from tests.servers.pinecone import Index

pytestmark = pytest.mark.xdist_group("pinecone")
TEXTS = (
    "# Disk\n\nDelete old logs.",
    "# Queue\n\nRestart the worker.",
    "# Cache\n\nRaise the memory.",
    "# Mail\n\nCall Bob.",
)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Embeddings]:
    with embeddings.serving() as running:
        yield running


@pytest.fixture
def embedder(endpoint: Embeddings) -> OpenAiEmbedder:
    endpoint.asked.clear()
    endpoint.fails_with, endpoint.instead = 0, None
    return OpenAiEmbedder(endpoint.url, "hashed", key="sk-of-nobody")


@pytest.fixture(scope="module")
def index(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    if reason := pinecones.skip_reason(shared):
        pytest.skip(reason)
    with pinecones.serving(shared, tmp_path_factory.mktemp("pinecone")) as running:
        yield running


def sdk(index: Index) -> Any:
    from pinecone import Pinecone

    return Pinecone(api_key="pc-of-nobody").Index(host=index.url)


@pytest.fixture(params=["pgvector", "pinecone, our embedder", "pinecone, integrated embedding"])
def back_end(request: pytest.FixtureRequest, embedder: OpenAiEmbedder) -> Memory:
    if request.param == "pgvector":
        return PgvectorMemory(embedder)
    index: Index = request.getfixturevalue("index")
    return PineconeMemory(sdk(index), name="test", embedder=embedder if "our" in request.param else None)


def sections(tenant: Tenant) -> dict[str, UUID]:
    """Add four runbooks and return the id of each one's section."""
    found = tuple(Found(f"{number}.md", text) for number, text in enumerate(TEXTS))
    library.bring_up_to_date(tenant.id, Origin("test", found, whole=True), by="test")
    with tenant_scope(tenant.id):
        return dict(RunbookChunk.objects.values_list("runbook__title", "id"))


# Both back ends ------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_nearest_text_comes_first_and_most_bounds_how_many(tenant: Tenant, back_end: Memory) -> None:
    ids = sections(tenant)
    assert catch_up(tenant.id, back_end) == 4
    near = back_end.nearest(tenant.id, "Queue: restart the worker", most=2)

    assert near[0].id == ids["Queue"]
    assert len(near) == 2
    assert 1.0 >= near[0].score > near[1].score


@pytest.mark.django_db
def test_catching_up_twice_remembers_nothing_more_and_what_is_gone_is_forgotten(
    tenant: Tenant, back_end: Memory
) -> None:
    ids = sections(tenant)
    assert (catch_up(tenant.id, back_end), catch_up(tenant.id, back_end)) == (4, 0)
    library.remove(tenant.id, [library.named(tenant.id, "Disk")], by="test")

    assert catch_up(tenant.id, back_end) == 0
    assert back_end.ids(tenant.id) == set(ids.values()) - {ids["Disk"]}


@pytest.mark.django_db
def test_a_changed_text_is_remembered_anew_under_its_new_section(tenant: Tenant, back_end: Memory) -> None:
    before = sections(tenant)
    catch_up(tenant.id, back_end)
    changed = (Found("0.md", "# Disk\n\nEnlarge the volume."), *(Found(f"{n}.md", TEXTS[n]) for n in (1, 2, 3)))
    library.bring_up_to_date(tenant.id, Origin("test", changed, whole=True), by="test")

    assert catch_up(tenant.id, back_end) == 1
    assert before["Disk"] not in back_end.ids(tenant.id)
    assert len(back_end.ids(tenant.id)) == 4


@pytest.mark.django_db
def test_tenants_find_nothing_of_each_other(tenant: Tenant, other_tenant: Tenant, back_end: Memory) -> None:
    sections(tenant)
    catch_up(tenant.id, back_end)

    assert back_end.nearest(other_tenant.id, "restart the worker", most=5) == []
    assert back_end.ids(other_tenant.id) == set()
    back_end.forget(other_tenant.id, back_end.ids(tenant.id))
    assert len(back_end.ids(tenant.id)) == 4


@pytest.mark.django_db
def test_to_forget_what_is_not_there_does_no_harm(tenant: Tenant, back_end: Memory) -> None:
    back_end.forget(tenant.id, [uuid4()])

    assert back_end.ids(tenant.id) == set()


@pytest.mark.django_db
def test_a_question_in_other_letters_finds_its_runbook_by_meaning(tenant: Tenant, back_end: Memory) -> None:
    sections(tenant)
    catch_up(tenant.id, back_end)
    # No stem of these is in any text, and none is like one: the letters alone are near.
    with_vectors = runbook_search.search(tenant.id, "xrestartx workerx", memory=back_end)

    assert [hit.title for hit in runbook_search.search(tenant.id, "zzz")] == []
    assert with_vectors[0].title == "Queue"
    assert "meaning" in with_vectors[0].found_by


# What is of one alone -----------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_vectors_of_another_model_are_not_compared(
    tenant: Tenant, embedder: OpenAiEmbedder, endpoint: Embeddings
) -> None:
    sections(tenant)
    catch_up(tenant.id, PgvectorMemory(embedder))
    other = PgvectorMemory(OpenAiEmbedder(endpoint.url, "other"))

    assert other.ids(tenant.id) == set()
    assert other.nearest(tenant.id, "restart the worker", most=5) == []
    assert catch_up(tenant.id, other) == 4


def test_a_namespace_belongs_to_one_tenant_and_the_key_goes_in_its_header(index: Index) -> None:
    tenant_id, text_id = uuid4(), uuid4()
    PineconeMemory(sdk(index), name="test").remember(tenant_id, [(text_id, "words")])

    assert list(index.namespaces[f"tenant-{tenant_id}"]) == [str(text_id)]
    assert index.keys == {"pc-of-nobody"}


def test_prism_refuses_what_breaks_the_spec(index: Index) -> None:
    import httpx

    headers = {"Api-Key": "pc-of-nobody", "X-Pinecone-Api-Version": "2026-04"}
    answer = httpx.post(f"{index.url}/query", json={"topK": "many"}, headers=headers, trust_env=False, timeout=PATIENCE)

    assert answer.status_code == 422
    assert "topK" in answer.text


def test_pinecone_that_does_not_answer_is_told_in_words() -> None:
    from pinecone import Pinecone, RetryConfig

    once = Pinecone(api_key="pc-of-nobody", retry_config=RetryConfig(max_retries=0)).Index(host="http://127.0.0.1:1")
    with pytest.raises(Forgetful, match="pinecone test integrated: Pinecone"):
        PineconeMemory(once, name="test").nearest(uuid4(), "words", most=3)


@pytest.mark.django_db
def test_a_memory_that_does_not_answer_leaves_the_search_to_words(
    tenant: Tenant, embedder: OpenAiEmbedder, endpoint: Embeddings
) -> None:
    sections(tenant)
    endpoint.fails_with = 500
    hits = runbook_search.search(tenant.id, "restart the worker", memory=PgvectorMemory(embedder))

    assert hits[0].title == "Queue"
    assert "meaning" not in hits[0].found_by


# Made up for later --------------------------------------------------------------------------------------------------


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no other test's failures count, nor these for others, and no clock: a slow machine must not end a pause or a round."""
    monkeypatch.setattr(patience, "_failures", {})
    monkeypatch.setattr(patience, "SECONDS", float("inf"))
    monkeypatch.setattr(remembering, "SECONDS", float("inf"))


@pytest.mark.django_db
@pytest.mark.usefixtures("patient")
def test_what_came_in_while_nobody_made_vectors_is_found_by_meaning_after_a_round(
    tenant: Tenant, other_tenant: Tenant, back_end: Memory
) -> None:
    sections(tenant)
    sections(other_tenant)

    assert remembering.catch_all_up(back_end) == 8

    assert runbook_search.search(tenant.id, "xrestartx workerx", memory=back_end)[0].title == "Queue"
    assert [len(back_end.ids(one.id)) for one in (tenant, other_tenant)] == [4, 4]
    # What is there is not asked for again; what is gone since goes from the memory, too.
    library.remove(tenant.id, [library.named(tenant.id, "Disk")], by="test")
    assert [memory.is_behind(one.id, back_end) for one in (tenant, other_tenant)] == [True, False]
    assert remembering.catch_all_up(back_end) == 0
    assert [len(back_end.ids(one.id)) for one in (tenant, other_tenant)] == [3, 4]
    assert not memory.is_behind(tenant.id, back_end)


@pytest.mark.django_db
@pytest.mark.usefixtures("patient")
def test_a_round_takes_a_part_of_many_and_the_next_ones_the_rest(
    tenant: Tenant, embedder: OpenAiEmbedder, endpoint: Embeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembering, "MOST_OF_ONE", 3)
    sections(tenant)
    vectors = PgvectorMemory(embedder)

    assert [remembering.catch_all_up(vectors) for _ in range(3)] == [3, 1, 0]
    assert [len(one["input"]) for one in endpoint.asked] == [3, 1]


@pytest.mark.django_db
@pytest.mark.usefixtures("patient")
def test_an_embedder_that_is_away_is_asked_twice_a_round_left_alone_and_made_up_for(
    tenant: Tenant,
    other_tenant: Tenant,
    embedder: OpenAiEmbedder,
    endpoint: Embeddings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    third = Tenant.objects.create(slug="third", name="Third")
    for one in (tenant, other_tenant, third):
        sections(one)
    vectors = PgvectorMemory(embedder)
    asked: list[UUID] = []
    catching_up = memory.catch_up

    def counted(tenant_id: UUID, back_end: Memory, **more: Any) -> int:
        asked.append(tenant_id)
        return catching_up(tenant_id, back_end, **more)

    monkeypatch.setattr(memory, "catch_up", counted)
    endpoint.fails_with = 503

    assert remembering.catch_all_up(vectors) == 0
    assert len(asked) == 2
    # Searches do not wait for it either.
    endpoint.asked.clear()
    assert runbook_search.search(tenant.id, "restart the worker", memory=vectors)[0].title == "Queue"
    assert remembering.catch_all_up(vectors) == 0
    assert (len(asked), endpoint.asked) == (2, [])

    endpoint.fails_with = 0
    monkeypatch.setattr(patience, "SECONDS", 0.0)
    assert remembering.catch_all_up(vectors) == 12


@pytest.mark.django_db
@pytest.mark.usefixtures("patient")
def test_beat_has_it_done_and_without_a_memory_there_is_nothing_to_do(
    tenant: Tenant, embedder: OpenAiEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = celery.app.conf.beat_schedule["remember-runbooks"]
    sections(tenant)
    vectors = PgvectorMemory(embedder)

    assert (entry["task"], entry["schedule"]) == (tasks.remember_runbooks.name, 300.0)
    monkeypatch.setattr(memory, "configured", lambda: None)
    tasks.remember_runbooks()
    assert vectors.ids(tenant.id) == set()
    monkeypatch.setattr(memory, "configured", lambda: vectors)
    tasks.remember_runbooks()
    assert len(vectors.ids(tenant.id)) == 4


# The embedder -------------------------------------------------------------------------------------------------------


def test_texts_are_embedded_in_order_and_in_batches_with_the_key(
    embedder: OpenAiEmbedder, endpoint: Embeddings
) -> None:
    texts = [f"text {number}" for number in range(70)]
    vectors = embedder.embed(texts, seconds=10)

    assert vectors == [pytest.approx(embeddings.vector(text)) for text in texts]
    assert [len(one["input"]) for one in endpoint.asked] == [64, 6]
    assert endpoint.asked[0]["model"] == "hashed"
    assert "dimensions" not in endpoint.asked[0]
    assert set(endpoint.authorizations) >= {"Bearer sk-of-nobody"}
    assert "sk-of-nobody" not in repr(embedder)


@pytest.mark.parametrize(
    ("instead", "status", "says"),
    [
        ({"data": []}, 200, "1 vectors of one length were asked for, 0 came"),
        ({"hello": 1}, 200, "not in the form of OpenAI's embeddings API"),
        ({"error": "no"}, 401, "refused the credentials"),
    ],
)
def test_an_answer_that_is_no_vectors_is_told_in_words(
    embedder: OpenAiEmbedder, endpoint: Embeddings, instead: Any, status: int, says: str
) -> None:
    endpoint.instead, endpoint.fails_with = instead, status
    with pytest.raises(NoVectors, match=says):
        embedder.embed(["words"], seconds=5)


def test_no_embedder_is_the_default_and_settings_choose_one() -> None:
    assert embedders.configured(Config()) is None
    chosen = embedders.configured(
        Config(embedding_url="http://127.0.0.1:11434/v1", embedding_model="nomic-embed-text", embedding_dimensions=256)
    )

    assert chosen is not None
    assert chosen.name == "nomic-embed-text:256"


@pytest.mark.django_db
def test_the_database_of_the_tests_has_pgvector_and_no_memory_is_the_default() -> None:
    assert memory.has_pgvector()
    memory.configured.cache_clear()
    assert memory.configured() is None


@pytest.mark.django_db
def test_vectors_are_kept_beside_their_row() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attstorage FROM pg_attribute WHERE attrelid = 'copilot_runbookvector'::regclass AND attname = 'values'"
        )
        assert cursor.fetchone() == ("m",)


# The search over both -----------------------------------------------------------------------------------------------


def test_only_what_stands_out_is_near() -> None:
    flat = [Near(uuid4(), 0.5 - number / 1000) for number in range(100)]
    peak = Near(uuid4(), 0.9)

    assert runbook_search.standing_out(flat) == []
    assert runbook_search.standing_out([peak, *flat]) == [peak]
    # Of two, the nearer one can only be a single deviation away from their mean.
    assert runbook_search.standing_out(flat[:2]) == [flat[0]]


@pytest.mark.django_db
def test_recall_is_not_lower_once_vectors_join_in(tenant: Tenant, embedder: OpenAiEmbedder) -> None:
    starter.load(tenant.id, by="test")
    vectors = PgvectorMemory(embedder)
    catch_up(tenant.id, vectors)
    with_words, with_both = retrieval.recall(tenant.id), retrieval.recall(tenant.id, memory=vectors)

    for kind in ("all", "own words", "other words", "held out"):
        assert with_both[kind].at_3 >= with_words[kind].at_3, kind


@pytest.mark.django_db
def test_a_misspelt_word_finds_what_it_means_and_a_removed_runbook_is_not_found(tenant: Tenant) -> None:
    starter.load(tenant.id, by="test")

    assert runbook_search.search(tenant.id, "CrashLopBackof")[0].path == "crash-loop.md"
    assert runbook_search.search(tenant.id, "certifcate")[0].path == "certificate-expired.md"
    library.remove(tenant.id, [library.named(tenant.id, "Memory leak")], by="test")
    assert "memory-leak.md" not in [hit.path for hit in runbook_search.search(tenant.id, "memory leak", most=10)]


@pytest.mark.django_db
@pytest.mark.parametrize("words", ["", "   ", "the of and", "'\"\\:*&|!()<->", "\x00", "a" * 5000, "-not -this", "!!!"])
def test_any_words_may_be_asked(tenant: Tenant, words: str) -> None:
    sections(tenant)

    assert len(runbook_search.search(tenant.id, words)) <= 5


@pytest.mark.django_db
def test_what_is_found_quotes_its_steps_with_source_and_date(tenant: Tenant) -> None:
    starter.load(tenant.id, by="test")
    hit = runbook_search.search(tenant.id, "pod was OOMKilled")[0]
    with tenant_scope(tenant.id):
        text = Runbook.objects.get(id=hit.id).versions.get().text

    assert hit.path == "oom-killed.md"
    assert len(hit.steps) == 5
    assert all(step in text for step in hit.steps)
    assert (hit.source, hit.version, f"{hit.written_at:%Y-%m-%d}") == ("starter", 1, "2026-11-21")
