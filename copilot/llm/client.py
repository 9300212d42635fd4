"""The connection to Anthropic: one streamed question under a deadline, and what came of it, whatever that is."""

from __future__ import annotations

import atexit
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from copilot import tracing
from copilot.config import config
from copilot.guard.http import tls
from copilot.llm.budget import Tokens, estimate
from copilot.observe import logger
from integrations.base import TimedOut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import httpx2
    from anthropic import Anthropic, APIRequest, APIResponse, CallNext
    from anthropic.types import Message

    from copilot.guard.http.deadline import Deadline

# The API keeps a stream alive with pings; a longer silence is a dead connection.
SILENCE_SECONDS = 20.0
CONNECT_SECONDS = 5.0
# Longer than any answer of the allowed tokens: a stream that goes on is no answer.
CHARACTERS_PER_TOKEN = 40

log = logger(__name__)
_clients: dict[tuple[str, str | None], Anthropic] = {}
_lock = threading.Lock()


class Outcome(StrEnum):
    """Say how a question ended: the API's own stop reasons that matter here, and what can go wrong."""

    ANSWERED = "end_turn"
    REFUSED = "refusal"
    MAX_TOKENS = "max_tokens"
    CONTEXT_EXCEEDED = "model_context_window_exceeded"
    STOPPED = "stopped"
    CUT_OFF = "cut off"
    OVERLOADED = "overloaded"
    RATE_LIMITED = "rate limited"
    TIMED_OUT = "timed out"
    UNREACHABLE = "unreachable"
    UNAUTHORISED = "unauthorised"
    UNKNOWN_MODEL = "unknown model"
    REJECTED = "rejected"
    BROKEN = "broken answer"
    # It ended as it should, and is not what was asked for.
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class Reply:
    """Hold what came back: the text so far, how it ended, what it was, and the bill as far as the API told it."""

    outcome: Outcome
    text: str = field(default="", repr=False)
    detail: str = ""
    tokens: Tokens = field(default_factory=Tokens)
    request_id: str = ""
    seconds: float = 0.0


def client() -> Anthropic:
    """Return this process's client for the configured key and address; connections are kept between runs.

    Importing the SDK costs over a second and some 80 MB: only a process that gets here pays for it.
    """
    settings = config()
    if settings.anthropic_api_key is None:
        raise RuntimeError("ANTHROPIC_API_KEY is not set")
    place = (settings.anthropic_api_key.get_secret_value(), settings.anthropic_base_url)
    with _lock:
        if place not in _clients:
            import httpx2

            _clients[place] = connect(*place, httpx2.HTTPTransport(verify=tls.context(verify=True)))
        return _clients[place]


def connect(api_key: str, base_url: str | None, transport: httpx2.BaseTransport) -> Anthropic:
    """Return a client that speaks through `transport`.

    The operator sets the address, and it may be a stand-in on this machine: the guard that keeps tenants' connections
    from private addresses does not apply. No redirect is followed: it would carry the key to a place that nobody
    entered. The SDK makes two attempts more by itself; nothing around it tries again.
    """
    import httpx2
    from anthropic import Anthropic

    return Anthropic(
        api_key=api_key,
        base_url=base_url,
        max_retries=2,
        http_client=httpx2.Client(transport=transport, trust_env=False, follow_redirects=False),
    )


@atexit.register
def close() -> None:
    """Close all connections."""
    with _lock:
        for one in _clients.values():
            one.close()
        _clients.clear()


def ask(
    through: Anthropic,
    *,
    model: str,
    system: str,
    question: str,
    schema: dict[str, Any],
    max_tokens: int,
    deadline: Deadline,
) -> Reply:
    """Return what the model answers; trouble of any kind is a reply too, with the bill as far as it is known.

    The answer is streamed although nobody watches it grow: the first event already tells what the input cost, so that
    an answer that is cut off, or that we stop at the deadline, still has its bill, and a stream that pings tells a
    thinking model from a dead connection. An answer in one piece would lose both.
    """
    started = time.monotonic()
    heard = Heard()
    with traced(model) as bill:
        try:
            outcome, detail = _listen(through, heard, model, system, question, schema, max_tokens, deadline)
        except Exception as error:  # noqa: BLE001 - a stream that makes no sense can raise anything inside the SDK; the run goes on without it
            outcome, detail = ending(heard.message) if heard.is_whole else trouble_of(error, heard, deadline)
            log.warning(
                "model_call_failed", model=model, outcome=outcome.value, error=type(error).__name__, detail=detail
            )
        bill(outcome, heard.tokens())
    return Reply(
        outcome,
        text=heard.text,
        detail=detail,
        tokens=heard.tokens(),
        request_id=heard.request_id,
        seconds=time.monotonic() - started,
    )


@contextmanager
def traced(model: str) -> Iterator[Callable[[Outcome, Tokens], None]]:
    """Trace one call of the model, in the words of OpenTelemetry's conventions for generative AI; gives what tells its bill.

    https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/
    """
    about = {"gen_ai.provider.name": "anthropic", "gen_ai.operation.name": "chat", "gen_ai.request.model": model}
    with tracing.span(f"chat {model}", about, kind="client") as span:

        def bill(outcome: Outcome, tokens: Tokens) -> None:
            span.note(
                {
                    "gen_ai.usage.input_tokens": tokens.input,
                    "gen_ai.usage.output_tokens": tokens.output,
                    "copilot.outcome": outcome.value,
                }
            )

        yield bill


@dataclass
class Heard:
    """Gather what has come of a stream."""

    message: Message | None = None
    request_id: str = ""
    is_whole: bool = False

    @property
    def text(self) -> str:
        """Return what was said so far."""
        if self.message is None:
            return ""
        text = "".join(block.text for block in self.message.content if block.type == "text")
        # A stream may be cut between the halves of a surrogate pair, each escaped in an event of its own.
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    def tokens(self) -> Tokens:
        """Return the bill so far."""
        if self.message is None:
            return Tokens()
        usage = self.message.usage
        output = usage.output_tokens or 0
        return Tokens(
            input=usage.input_tokens or 0,
            # The API counts what it wrote at the end; without an end, what was received is the better count.
            output=output if self.is_whole else max(output, estimate(self.text)),
            cache_write=usage.cache_creation_input_tokens or 0,
            cache_read=usage.cache_read_input_tokens or 0,
        )


def _listen(
    through: Anthropic,
    heard: Heard,
    model: str,
    system: str,
    question: str,
    schema: dict[str, Any],
    max_tokens: int,
    deadline: Deadline,
) -> tuple[Outcome, str]:
    with through.with_options(middleware=[bounded_by(deadline)]).messages.stream(
        model=model,
        max_tokens=max_tokens,
        # The system text is the same for every incident and tenant, and the only part worth an hour in the cache.
        system=[{"type": "text", "text": system, "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        messages=[{"role": "user", "content": [{"type": "text", "text": question}]}],
        output_config={"format": {"type": "json_schema", "schema": schema}},
    ) as stream:
        heard.request_id = stream.request_id or ""
        has_begun = False
        for event in stream:
            has_begun = has_begun or event.type == "message_start"
            if has_begun:
                heard.message = stream.current_message_snapshot
            if deadline.remaining() <= 0 and event.type != "message_stop":
                return Outcome.TIMED_OUT, ""
            if event.type == "text" and len(event.snapshot) > max_tokens * CHARACTERS_PER_TOKEN:
                return Outcome.BROKEN, "the answer did not end"
            heard.is_whole = heard.is_whole or event.type == "message_stop"
    return ending(heard.message) if heard.is_whole else (Outcome.CUT_OFF, "")


def ending(message: Message | None) -> tuple[Outcome, str]:
    """Return how a message ended, with a detail for people."""
    reason = message.stop_reason if message else None
    if reason is None:
        return Outcome.CUT_OFF, ""
    if reason == "refusal":
        details = message.stop_details if message else None
        return Outcome.REFUSED, (details.category if details else None) or ""
    try:
        return Outcome(reason), ""
    except ValueError:
        return Outcome.STOPPED, str(reason)[:40]


def bounded_by(deadline: Deadline) -> Callable[[APIRequest, CallNext], APIResponse[Any]]:
    """Return a middleware that runs around each of the SDK's attempts and keeps all of them within the deadline."""
    import httpx2

    def attempt(request: APIRequest, call_next: CallNext) -> APIResponse[Any]:
        left = deadline.limit(None, "Anthropic")
        limits = httpx2.Timeout(min(left, SILENCE_SECONDS), connect=min(left, CONNECT_SECONDS))
        response = call_next(request.copy(timeout=limits))
        headers = response.http_response.headers
        # The SDK waits as long as Retry-After says, be it an hour; a wait that outlasts the deadline is a no.
        if _wait(headers.get("retry-after-ms"), headers.get("retry-after")) > deadline.remaining():
            headers["x-should-retry"] = "false"
        return response

    return attempt


def _wait(milliseconds: str | None, seconds: str | None) -> float:
    """Return the seconds that a server asks to wait; a date counts as too long: no API sends one for a short wait."""
    try:
        return float(milliseconds) / 1000 if milliseconds else float(seconds) if seconds else 0.0
    except ValueError:
        return float("inf")


# The error's own type comes first: it also arrives inside a stream that began with 200.
_BY_TYPE: Mapping[str, Outcome] = {
    "overloaded_error": Outcome.OVERLOADED,
    "api_error": Outcome.OVERLOADED,
    "rate_limit_error": Outcome.RATE_LIMITED,
    "authentication_error": Outcome.UNAUTHORISED,
    "permission_error": Outcome.UNAUTHORISED,
    "timeout_error": Outcome.TIMED_OUT,
    "not_found_error": Outcome.UNKNOWN_MODEL,
}
_BY_STATUS: Mapping[int, Outcome] = {
    401: Outcome.UNAUTHORISED,
    403: Outcome.UNAUTHORISED,
    404: Outcome.UNKNOWN_MODEL,
    408: Outcome.TIMED_OUT,
    429: Outcome.RATE_LIMITED,
    504: Outcome.TIMED_OUT,
}


def trouble_of(error: Exception, heard: Heard, deadline: Deadline) -> tuple[Outcome, str]:
    """Return what an error means."""
    import anthropic
    import httpx2

    if isinstance(error, anthropic.APIStatusError):
        heard.request_id = error.request_id or heard.request_id
        status = error.status_code
        outcome = _BY_TYPE.get(error.type or "") or _BY_STATUS.get(status)
        return outcome or (Outcome.OVERLOADED if status >= 500 else Outcome.REJECTED), str(
            status
        ) if status >= 400 else ""
    if deadline.remaining() <= 0 or isinstance(error, (anthropic.APITimeoutError, httpx2.TimeoutException, TimedOut)):
        return Outcome.TIMED_OUT, ""
    if heard.message is not None:
        # A line that is half there is no JSON.
        return Outcome.CUT_OFF if isinstance(error, (httpx2.HTTPError, ValueError)) else Outcome.BROKEN, ""
    if isinstance(error, (anthropic.APIConnectionError, httpx2.HTTPError)):
        return Outcome.UNREACHABLE, ""
    return Outcome.BROKEN, ""
