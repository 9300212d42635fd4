"""Prometheus: golden signals, containers, pools, queues and nodes, asked by a declarative query pack."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator

from integrations import base
from integrations.base import Category, Health, Integration
from integrations.prometheus import looking
from integrations.prometheus import pack as packs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from integrations.base import Door, Look, Scope, Seen
    from integrations.prometheus.pack import Pack
    from integrations.survey import Survey
    from scoring.observations import Observation, Window

__all__ = ["Prometheus", "PrometheusCredentials"]


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
    """Ask Prometheus, or what speaks its HTTP API (Thanos, Mimir, VictoriaMetrics), about the services of an incident."""

    slug: ClassVar[str] = "prometheus"
    title: ClassVar[str] = "Prometheus"
    Credentials: ClassVar[type[base.Credentials]] = PrometheusCredentials
    gives: ClassVar[str] = (
        "series of latency, errors, traffic, saturation, restarts, pools, queues and nodes, and of PostgreSQL, MySQL and Redis "
        "through their exporters, each with its query and a link"
    )
    needs: ClassVar[str] = (
        "the query API, and `/-/ready` where the server has it; a bearer token or basic authentication where it asks for one"
    )
    limits: ClassVar[str] = (
        "20 services, 240 points and 20 series a question, 1,200 questions an incident; requests signed by AWS SigV4 are not made"
    )
    setup: ClassVar[str] = "Step by step: [connect](../connect.md#prometheus)."
    gathers: ClassVar[bool] = True
    categories: ClassVar[tuple[Category, ...]] = (
        Category.METRICS,
        Category.DATABASE,
        Category.KUBERNETES,
        Category.NETWORK,
    )
    gather_cost: ClassVar[int] = 60
    surveys: ClassVar[bool] = True
    loads: ClassVar[tuple[str, ...]] = ("prometheus_api_client",)
    looks: ClassVar[tuple[Look, ...]] = looking.LOOKS

    def gather(
        self, door: Door, credentials: PrometheusCredentials, scope: Scope, window: Window
    ) -> Iterable[Observation]:
        """Yield series with their queries and links; what is not there, and what failed, is yielded as `Gap`.

        :raises SourceError: where Prometheus does not answer at all.
        """
        # Imported when used: a process that only lists the integrations needs neither numpy nor requests.
        from integrations.prometheus.gathering import gathered

        yield from gathered(door, credentials, scope, window)

    def survey(self, door: Door, credentials: PrometheusCredentials, scope: Scope, window: Window) -> Survey:
        """Return who calls whom."""
        from integrations.prometheus.survey import surveyed

        return surveyed(door, credentials, scope, window)

    def look(
        self, door: Door, credentials: PrometheusCredentials, scope: Scope, window: Window, arguments: Any
    ) -> Seen:
        """Read a metric of a service in scope, or list which there are."""
        return looking.look(door, credentials, scope, window, arguments)

    def check(self, door: Door, credentials: PrometheusCredentials) -> Health:
        """Ask whether Prometheus is ready, for one trivial value, and whether it understands the tenant's queries."""
        from integrations.prometheus.api import Api
        from integrations.prometheus.gathering import refused

        with Api(door, credentials) as api:
            api.ready()
            targets = api.instant("count(up == 1) or vector(0)")
            up = int(float(targets[0]["value"][1])) if targets else 0
            bad = refused(api, credentials)
        if bad:
            return Health(works=False, detail=bad)
        if not up:
            return Health(works=True, detail="answers queries, but no scrape target is up")
        return Health(works=True, detail=f"answers queries; {up} scrape targets are up")
