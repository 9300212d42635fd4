"""Turn texts into vectors: a port, and the one adapter for any endpoint that speaks OpenAI's `/v1/embeddings`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from copilot.config import config
from copilot.guard.http import HttpDoor, translate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from copilot.config import Config

# A search waits for its question's vector, and goes on without it after this.
QUESTION_SECONDS = 3.0
BATCH_SECONDS = 60.0
BATCH = 64
# What the usual models take at most is some thousand tokens; sections are far shorter.
LONGEST = 8000


class NoVectors(RuntimeError):
    """Say why texts could not be turned into vectors."""


class Embedder(Protocol):
    """Turn texts into vectors of one length; `name` changes whenever vectors would no longer be comparable."""

    @property
    def name(self) -> str:
        """Return model and length."""

    def embed(self, texts: Sequence[str], *, seconds: float) -> list[list[float]]:
        """Return one vector a text, in order.

        :raises NoVectors: where that did not work within the time.
        """


class OpenAiEmbedder:
    """Ask an endpoint that speaks OpenAI's embeddings API: OpenAI, Azure, vLLM, Ollama, LM Studio, text-embeddings-inference."""

    def __init__(self, url: str, model: str, *, key: str = "", dimensions: int = 0) -> None:
        self._url = url.rstrip("/")
        self._model = model
        self._key = key
        self._dimensions = dimensions

    def __repr__(self) -> str:
        return f"OpenAiEmbedder({self._url!r}, {self._model!r})"

    @property
    def name(self) -> str:
        """Return model and length."""
        return f"{self._model}:{self._dimensions}" if self._dimensions else self._model

    def embed(self, texts: Sequence[str], *, seconds: float) -> list[list[float]]:
        """Return one vector a text, asked for in batches.

        :raises NoVectors: where the endpoint does not answer as it should.
        """
        door = HttpDoor(deadline_seconds=seconds, allowed_private=config().allowed_private_networks)
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        found: list[list[float]] = []
        try:
            with door.client(self._url, headers=headers) as client:
                for begin in range(0, len(texts), BATCH):
                    batch = [text[:LONGEST] or " " for text in texts[begin : begin + BATCH]]
                    body: dict[str, Any] = {"model": self._model, "input": batch, "encoding_format": "float"}
                    if self._dimensions:
                        body["dimensions"] = self._dimensions
                    answer = client.post(f"{self._url}/embeddings", json=body).raise_for_status().json()
                    found.extend(_vectors(answer, len(batch)))
        except NoVectors:
            raise
        except Exception as error:
            raise NoVectors(f"{self._url}/embeddings: {translate(error, 'the embedder').reason}") from error
        return found


def _vectors(answer: Any, count: int) -> list[list[float]]:
    """Return the vectors of an answer in the order of the question.

    :raises NoVectors: where there are not as many as were asked for, all of one length.
    """
    try:
        rows = sorted(answer["data"], key=lambda row: int(row["index"]))
        vectors = [[float(number) for number in row["embedding"]] for row in rows]
    except (KeyError, TypeError, ValueError) as error:
        raise NoVectors("the answer is not in the form of OpenAI's embeddings API") from error
    if len(vectors) != count or len({len(vector) for vector in vectors}) != 1 or not vectors[0]:
        raise NoVectors(f"{count} vectors of one length were asked for, {len(vectors)} came")
    return vectors


def configured(settings: Config) -> Embedder | None:
    """Return the embedder that the settings name, or None: words alone then decide."""
    if not settings.embedding_url:
        return None
    key = settings.embedding_api_key.get_secret_value() if settings.embedding_api_key else ""
    return OpenAiEmbedder(
        settings.embedding_url, settings.embedding_model, key=key, dimensions=settings.embedding_dimensions
    )


__all__ = ["BATCH_SECONDS", "QUESTION_SECONDS", "Embedder", "NoVectors", "OpenAiEmbedder", "configured"]
