"""Prometheus: golden signals, containers, pools, queues and nodes, asked by a declarative query pack."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator

from integrations import base
from integrations.base import Health, Integration, Rejected, SourceError, TooLarge
from integrations.prometheus import pack as packs
from integrations.prometheus.answers import SOURCE, missing, observations
from integrations.prometheus.api import Api
from integrations.prometheus.questions import ask, prepare
from integrations.prometheus.subjects import Subject, counted, identified
from scoring.observations import Gap

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from integrations.base import Door, Scope
    from integrations.prometheus.pack import Pack
    from scoring.observations import Observation, Window

__all__ = ["Prometheus", "PrometheusCredentials"]

MAX_SERVICES = 20
POINTS = 240


class PrometheusCredentials(base.Credentials):
    """Hold where a Prometheus is, how to get in, and what the tenant wants asked besides."""

    model_config = ConfigDict(hide_input_in_errors=True)

    url: str = Field(
        description="Address of Prometheus (or Thanos, Mimir, VictoriaMetrics), e.g. https://prometheus.example.org"
    )
    bearer_token: SecretStr | None = Field(default=None, description="Bearer token, where one is asked for")
    username: str = Field(default="", description="User name for basic authentication, where it is asked for")
    password: SecretStr | None = Field(default=None, description="Password for basic authentication")
    verify_tls: bool = Field(default=True, description="Check the server's certificate")
    ca_certificate: str = Field(
        default="", description="PEM text of the certificate authority, where it is a private one"
    )
    external_url: str = Field(default="", description="Address that people open in a browser, where it differs")
    queries: str = Field(
        default="", description="YAML: indicators of your own, see the query pack in the documentation"
    )
    step: int | None = Field(
        default=None, ge=5, le=300, description="Seconds between samples; twice the scrape interval is good"
    )

    @field_validator("url", "external_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in {"http", "https"} or not parts.hostname):
            raise ValueError("must be an address that begins with http:// or https://")
        if parts.username or parts.password:
            raise ValueError("must not hold a user name or password; they have fields of their own")
        return value.rstrip("/")

    @field_validator("queries", mode="before")
    @classmethod
    def _indented_text_stays_yaml(cls, value: object) -> object:
        # Blanks are stripped from the ends of what is entered: that would move the first line of an indented list alone.
        return textwrap.dedent(value) if isinstance(value, str) else value

    @field_validator("queries")
    @classmethod
    def _queries_are_a_pack(cls, value: str) -> str:
        if value:
            packs.builtin().extended(packs.parse(value))
        return value

    @model_validator(mode="after")
    def _one_way_in(self) -> PrometheusCredentials:
        if not self.url:
            raise ValueError("url: must not be empty")
        if self.bearer_token and self.username:
            raise ValueError("bearer_token, username: give one of the two ways to sign in, not both")
        return self

    def pack(self) -> Pack:
        """Return the built-in query pack with the tenant's entries."""
        return packs.builtin().extended(packs.parse(self.queries)) if self.queries else packs.builtin()


class Prometheus(Integration):
    """Ask Prometheus about the services of an incident."""

    slug: ClassVar[str] = "prometheus"
    title: ClassVar[str] = "Prometheus"
    Credentials: ClassVar[type[base.Credentials]] = PrometheusCredentials
    gathers: ClassVar[bool] = True
    loads: ClassVar[tuple[str, ...]] = ("prometheus_api_client",)

    def gather(
        self, door: Door, credentials: PrometheusCredentials, scope: Scope, window: Window
    ) -> Iterable[Observation]:
        """Yield series with their queries and links; what is not there, and what failed, is yielded as `Gap`.

        :raises SourceError: where Prometheus does not answer at all.
        """
        with Api(door, credentials) as api:
            yield from _gather(api, credentials, scope, window)

    def check(self, door: Door, credentials: PrometheusCredentials) -> Health:
        """Ask whether Prometheus is ready, for one trivial value, and whether it understands the tenant's queries."""
        with Api(door, credentials) as api:
            api.ready()
            targets = api.instant("count(up == 1) or vector(0)")
            up = int(float(targets[0]["value"][1])) if targets else 0
            bad = _refused(api, credentials)
        if bad:
            return Health(works=False, detail=bad)
        if not up:
            return Health(works=True, detail="answers queries, but no scrape target is up")
        return Health(works=True, detail=f"answers queries; {up} scrape targets are up")


def _gather(api: Api, credentials: PrometheusCredentials, scope: Scope, window: Window) -> Iterator[Observation]:
    pack = credentials.pack()
    step = step_of(window, credentials.step)
    # Whole steps let Prometheus and caches in front of it reuse what they know.
    start, end = math.floor(window.start / step) * step, math.ceil(window.end / step) * step
    services = scope.services[:MAX_SERVICES]
    for left_out in scope.services[MAX_SERVICES:]:
        yield Gap(SOURCE, f"metrics of {left_out.name}", f"asked about the first {MAX_SERVICES} services only")
    subjects = tuple(Subject(service) for service in services)
    metrics = tuple(dict.fromkeys((*pack.metrics(), *counted(pack.metrics(of_service=True)))))
    names: frozenset[str] | None
    try:
        names = api.metric_names(metrics, start=start, end=end)
    except (Rejected, TooLarge) as error:
        # Without the list every convention is asked for: slower, and as good.
        yield Gap(SOURCE, "which metrics exist", error.reason)
        names = None
    try:
        subjects = identified(subjects, api, names, pack.metrics(of_service=True), start=start, end=end)
    except SourceError as error:
        yield Gap(SOURCE, "which labels name the services", error.reason)
    questions = prepare(pack, subjects, names, _durations(window, step))
    answers = ask(api, questions, start=start, end=end, step=step)
    if questions and answers.failures and not answers.results:
        raise next(iter(answers.failures.values()))
    external = credentials.external_url or credentials.url
    yield from observations(questions, answers, subjects, external_url=external, start=start, end=end)
    golden = [
        metric for one in pack.indicators if one.golden for query in one.queries for metric in packs.metrics_of(query)
    ]
    yield from missing(answers, subjects, tuple(dict.fromkeys(golden)))
    for warning in api.warnings:
        yield Gap(SOURCE, "completeness of the answers", warning)


def step_of(window: Window, wanted: int | None) -> int:
    """Return the seconds between samples: what is wanted, or a multiple of 15 s, from 30 s, for some 240 points."""
    fewest = math.ceil((window.end - window.start) / (4 * POINTS))
    if wanted:
        return max(wanted, fewest)
    return max(30, math.ceil((window.end - window.start) / POINTS / 15) * 15)


def _durations(window: Window, step: int) -> dict[str, str]:
    # A rate needs two samples: four steps hold them even where scrapes are as far apart as two steps.
    return {
        "rate": f"{max(120, 4 * step)}s",
        "step": f"{step}s",
        "window": f"{max(60, int(window.end - window.start))}s",
    }


def _refused(api: Api, credentials: PrometheusCredentials) -> str:
    """Return what Prometheus says against one of the tenant's queries, or nothing."""
    if not credentials.queries:
        return ""
    own = packs.parse(credentials.queries)
    subject = Subject(base.ServiceScope(name="name", namespace="namespace", workload="workload", selector='job="name"'))
    subject = Subject(subject.scope, matchers=subject.scope.selector)
    durations = {"rate": "120s", "step": "30s", "window": "3600s"}
    for question in prepare(own, (subject,), None, durations)[:40]:
        try:
            api.instant(question.query)
        except Rejected as error:
            return f"indicator {question.indicator.key}: {error.reason} (asked: {question.query})"
    return ""
