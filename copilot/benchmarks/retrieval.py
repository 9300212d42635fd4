"""How well and how fast runbooks are found: recall over questions whose runbook is known, latency over many sections."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import yaml

from copilot.benchmarks.installation import installation
from copilot.benchmarks.machine import machine, spread
from copilot.runbooks.origins import Found, Origin

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from copilot.benchmarks.machine import Spread
    from copilot.knowledge.memory import Memory

FILE = Path(__file__).with_name("questions.yaml")
DEEP = 10
ENOUGH = 0.85
METHOD = (
    "60 questions whose runbook of the starter set is known, half in other words than the runbook's, a third held out from all"
    " tuning; {embedder}. Latency: the same questions, one after the other from one process, PostgreSQL on the same cores"
)
BY_WORDS = "no embedder"
BY_VECTORS = (
    "vectors of {dimensions} numbers by hashed letters, which have learnt nothing, in pgvector beside the words"
)
HEADINGS = ("What you see", "Check", "What to do", "Who knows more", "Afterwards")
SECTIONS = len(HEADINGS)
NAMES = (
    "payments",
    "orders",
    "search",
    "ledger",
    "catalog",
    "mail",
    "identity",
    "shipping",
    "pricing",
    "reports",
    "media",
    "quotes",
)
KINDS = ("api", "worker", "gateway", "store", "sync", "cache", "front", "stream")


@dataclass(frozen=True, slots=True)
class Asked:
    """Hold a question, the file of the starter set that answers it, and what kind of question it is."""

    text: str
    runbook: str
    other_words: bool
    held_out: bool


@dataclass(frozen=True, slots=True)
class Recall:
    """Hold how many of some questions found their runbook first and among the first three, and the mean reciprocal rank."""

    questions: int
    at_1: float
    at_3: float
    reciprocal_rank: float


def questions() -> tuple[Asked, ...]:
    """Return the questions that ship with the product."""
    rows = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return tuple(Asked(row["asks"], row["runbook"], row["other_words"], row["held_out"]) for row in rows)


def places(tenant_id: UUID, asked: Iterable[Asked], *, memory: Memory | None = None) -> list[int]:
    """Return at which place each question found its runbook, from 1; 0 where not among the first ten."""
    from copilot.knowledge.runbook_search import search

    found = []
    for one in asked:
        paths = [hit.path for hit in search(tenant_id, one.text, most=DEEP, memory=memory)]
        found.append(paths.index(one.runbook) + 1 if one.runbook in paths else 0)
    return found


def recall(tenant_id: UUID, *, memory: Memory | None = None) -> dict[str, Recall]:
    """Return the recall over a tenant that has the starter set: of all questions, and of their kinds."""
    asked = questions()
    at = places(tenant_id, asked, memory=memory)
    kinds = {
        "all": [True] * len(asked),
        "own words": [not one.other_words for one in asked],
        "other words": [one.other_words for one in asked],
        "held out": [one.held_out for one in asked],
        "held out, other words": [one.held_out and one.other_words for one in asked],
    }
    return {
        name: _recall([place for place, kept in zip(at, chosen, strict=True) if kept]) for name, chosen in kinds.items()
    }


def _recall(at: list[int]) -> Recall:
    return Recall(
        len(at),
        round(sum(place == 1 for place in at) / len(at), 3),
        round(sum(1 <= place <= 3 for place in at) / len(at), 3),
        round(sum(1 / place for place in at if place) / len(at), 3),
    )


def many(sections: int, *, seed: int = 7) -> Origin:
    """Return a source of about so many sections: the starter set's sentences, shuffled and sprinkled with made-up names.

    Each of its runbooks has five sections of the starter set's length. Names such as `payments-api-17` make the words of a real
    company's runbooks: many that are rare, besides those of the field that are in all of them.
    """
    from copilot.runbooks import starter

    random = Random(seed)
    texts = [found.text.split("---", 2)[2] for found in starter.origin().found]
    sentences = [line for text in texts for line in text.splitlines() if line and not line.startswith("#")]
    titles = [text.strip().splitlines()[0].lstrip("# ") for text in texts]
    found = []
    for number in range(-(-sections // SECTIONS)):
        service = f"{random.choice(NAMES)}-{random.choice(KINDS)}-{number}"
        parts = [
            f"## {heading}\n\n"
            + "\n".join(random.sample(sentences, 4))
            + f"\nAsk team {random.choice(NAMES)} about {service}.\n"
            for heading in HEADINGS
        ]
        text = f"# {service}: {random.choice(titles)}\n\n" + "\n".join(parts)
        found.append(Found(f"{service}.md", text))
    return Origin("benchmark", tuple(found), whole=True)


def latency(tenant_id: UUID, *, rounds: int, memory: Memory | None = None) -> Spread:
    """Return how long searches take, in seconds: all questions, `rounds` times, one after the other in this process."""
    from copilot.knowledge.runbook_search import search

    asked = questions()
    for one in asked[:10]:
        search(tenant_id, one.text, memory=memory)
    took = []
    for _ in range(rounds):
        for one in asked:
            began = time.perf_counter()
            search(tenant_id, one.text, memory=memory)
            took.append(time.perf_counter() - began)
    return spread(took)


def measure(*, sections: int, rounds: int, dimensions: int = 0) -> dict[str, Any]:
    """Measure in a process of its own, with a PostgreSQL that serves nobody else; `dimensions` is how long vectors are, 0 for none.

    :raises RuntimeError: where that process failed; the text is what it said.
    """
    on = machine()
    with installation(COPILOT_LOG_LEVEL="WARNING") as installed:
        found: dict[str, Any] = json.loads(installed.run("-m", __name__, str(sections), str(rounds), str(dimensions)))
    embedder = BY_VECTORS.format(dimensions=dimensions) if dimensions else BY_WORDS
    return {"machine": on, "method": METHOD.format(embedder=embedder), **found}


def figures(sections: int, rounds: int, dimensions: int = 0) -> dict[str, Any]:
    """Return what is measured in this process."""
    from django.db import connection

    from copilot.benchmarks.hashed import Hashed
    from copilot.knowledge.memory import PgvectorMemory, catch_up
    from copilot.models import Tenant
    from copilot.runbooks import library, starter

    few = Tenant.objects.create(slug="few", name="few")
    starter.load(few.id, by="benchmark")
    much = Tenant.objects.create(slug="much", name="much")
    library.bring_up_to_date(much.id, many(sections), by="benchmark")
    memory = PgvectorMemory(Hashed(dimensions)) if dimensions else None
    if memory:
        catch_up(few.id, memory)
        catch_up(much.id, memory)
    with connection.cursor() as cursor:
        # As autovacuum would have done soon.
        cursor.execute("ANALYZE")
    took = latency(much.id, rounds=rounds, memory=memory)
    return {
        "recall": {name: asdict(one) for name, one in recall(few.id, memory=memory).items()},
        "sections": sections,
        "latency": {
            "searches": took.count,
            "p50_ms": round(took.median * 1e3, 1),
            "p95_ms": round(took.p95 * 1e3, 1),
            "p99_ms": round(took.p99 * 1e3, 1),
            "max_ms": round(took.largest * 1e3, 1),
        },
    }


__all__ = ["Asked", "Recall", "figures", "latency", "many", "measure", "places", "questions", "recall"]


if __name__ == "__main__":
    import django

    django.setup()
    sys.stdout.write(json.dumps(figures(*map(int, sys.argv[1:4]))))
