"""Logging and metrics, set up once per process."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

import structlog
from prometheus_client import Counter, Histogram

from copilot import tracing
from copilot.config import config

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

# Labels never hold a tenant's name or an incident's id.
webhooks = Counter("copilot_webhooks_total", "Webhooks by integration and answer.", ("kind", "status"))
webhook_seconds = Histogram(
    "copilot_webhook_seconds",
    "Time until a webhook was answered, its row committed.",
    ("kind",),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
slack_seconds = Histogram(
    "copilot_slack_seconds",
    "Time of one call of Slack's API.",
    ("method", "outcome"),
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10),
)
confidence = Histogram(
    "copilot_confidence",
    "Confidence of the first hypothesis of a ranking, 0 to 1.",
    ("verdict",),
    buckets=(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
)
stage_seconds = Histogram(
    "copilot_stage_seconds",
    "Time of one stage of a run.",
    ("stage",),
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 40, 80),
)
source_seconds = Histogram(
    "copilot_source_seconds",
    "Time a source took to answer.",
    ("source", "status"),
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20),
)
agent_polls = Counter(
    "copilot_agent_polls_total", "Polls and answers of agents by the HTTP status they got.", ("status",)
)
agent_requests = Counter(
    "copilot_agent_requests_total", "Requests to agents by what was asked and how they ended.", ("kind", "state")
)
tool_seconds = Histogram(
    "copilot_tool_seconds",
    "Time of one call of a tool, or of asking one source in a run.",
    ("category", "caller", "outcome"),
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 40),
)
tool_refusals = Counter(
    "copilot_tool_refusals_total",
    "Calls of tools, and sources of a run, that were refused before anything was asked.",
    ("category", "caller", "reason"),
)
runs_finished = Counter("copilot_runs_finished_total", "Runs by how they ended.", ("outcome",))
limits_reached = Counter("copilot_limits_reached_total", "Times that a tenant came to the end of a limit.", ("limit",))
feedback_given = Counter("copilot_feedback_total", "Verdicts by value.", ("value",))
model_tokens = Counter("copilot_model_tokens_total", "Tokens by model and direction.", ("model", "direction"))
model_dollars = Counter("copilot_model_dollars_total", "US dollars spent on the model.", ("model",))

# The HTTP clients tell each request's full address, which may hold keys; Celery tells each sweep.
TOO_TALKATIVE = (
    "celery.app.trace",
    "celery.beat",
    "celery.worker.strategy",
    "httpcore",
    "httpcore2",
    "httpx",
    "httpx2",
    "slack_bolt",
    "slack_sdk",
    "urllib3",
    "uvicorn.access",
)


def _tracebacks() -> structlog.tracebacks.ExceptionDictTransformer:
    """Return what turns exceptions into JSON, without the local variables: they hold what must not be in a log."""
    return structlog.tracebacks.ExceptionDictTransformer(show_locals=False)


def set_up(process: str) -> None:
    """Send every log line, structlog's and the standard library's, to standard error in one shape."""
    settings = config()
    shared: list[Callable[[Any, str, MutableMapping[str, Any]], Any]] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        tracing.ids,
    ]
    last: list[Any] = (
        [structlog.processors.ExceptionRenderer(_tracebacks()), structlog.processors.JSONRenderer()]
        if settings.log_json
        else [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    )
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level)
    for name in TOO_TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(process=process)


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return a logger that binds key-value pairs."""
    bound: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return bound
