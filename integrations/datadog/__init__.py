"""Datadog: webhooks of its monitors, and its metrics as evidence."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pydantic import Field, SecretStr, field_validator

from integrations.base import Category, Credentials, Health, Inbound, Integration, NotGenuine
from integrations.datadog import api, events, looking
from integrations.datadog.events import TEMPLATE
from integrations.genuine import plain, require_header
from integrations.payload import base_address, decode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from integrations.base import Door, Event, Look, Scope, Seen
    from scoring.observations import Observation, Window

__all__ = ["TEMPLATE", "Datadog", "DatadogCredentials"]

# The sites whose application has the same name as the site; the others' begins with `app.`.
_OWN_NAMES: Final = ("us3.", "us5.", "ap1.", "ap2.", "uk1.", "us2.")


class DatadogCredentials(Credentials):
    """Hold the token that Datadog sends, and the keys with which its metrics are read; either may be left out."""

    token: SecretStr | None = Field(
        default=None,
        title="Token",
        description="What the webhook's custom headers send, as `Authorization: Bearer …` or as `X-Copilot-Token`.",
    )
    api_key: SecretStr | None = Field(
        default=None, title="API key", description="Organization Settings → API Keys; for metrics"
    )
    application_key: SecretStr | None = Field(
        default=None,
        title="Application key",
        description="Organization Settings → Application Keys, with the scope timeseries_query; for metrics",
    )
    site: str = Field(
        default="datadoghq.com",
        title="Site",
        pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$",
        description="Where your organization is: datadoghq.com, us3.datadoghq.com, us5.datadoghq.com, datadoghq.eu, ap1.datadoghq.com …",
    )
    api_url: str = Field(
        default="", title="API address", description="Where the API is reached by another address than api.SITE"
    )
    service_tag: str = Field(
        default="service",
        title="Service tag",
        pattern=r"^[a-z][a-z0-9_.-]{0,60}$",
        description="The tag that names services: service, or kube_deployment, kube_app_name …",
    )
    env: str = Field(
        default="", title="Environment", max_length=200, description="Only what has this tag env, e.g. prod; empty: all"
    )

    @field_validator("api_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        return base_address(value) if value else value

    @property
    def address(self) -> str:
        """Return the API's address."""
        return self.api_url or f"https://api.{self.site}"

    @property
    def application(self) -> str:
        """Return the address that people open in a browser."""
        return f"https://{self.site}" if self.site.startswith(_OWN_NAMES) else f"https://app.{self.site}"


class Datadog(Integration):
    """Take webhooks of Datadog's monitors in, and read the metrics of services by their tag.

    Datadog signs nothing, so a token in its custom headers stands for a signature. Tested by exchanges recorded in the shapes
    that Datadog documents; no account was at hand.
    """

    slug: ClassVar[str] = "datadog"
    title: ClassVar[str] = "Datadog"
    Credentials: ClassVar[type[Credentials]] = DatadogCredentials
    gives: ClassVar[str] = (
        "monitors' alerts as incidents, from trigger to recovery, with tags, priority and link; latency, errors and traffic of "
        "traced services, containers, JVM, queues, databases and caches"
    )
    needs: ClassVar[str] = (
        "a webhook with the payload below and the token as a header, named by the monitors as `@webhook-…`; for metrics an API key "
        "and an application key with the scope `timeseries_query`"
    )
    limits: ClassVar[str] = (
        "20 services, asked about together: one question for the names and one for each 10 indicators, so that rate limits are "
        "hardly touched; logs and traces are not asked for; a message without a monitor's transition is ignored"
    )
    setup: ClassVar[str] = """
        **Alerts.** In Datadog: *Integrations → Webhooks → New*, a name (`sre-copilot`), the address as *URL*, *Encode as form* off, and

        - *Custom Headers*: `{{"Authorization": "Bearer TOKEN"}}`, with the token that `connect` printed;
        - *Payload*:

        ```json
        {template}
        ```

        Then write `@webhook-sre-copilot` into the message of each monitor whose alerts shall come here, outside of `{{{{#is_alert}}}}`
        blocks, so that the recovery comes as well. The service is found by the tags `service`, `app`, `kube_deployment`, `pod_name` and
        others, the severity by the monitor's priority (P1 critical, P2 error, P3 warning, P4 and P5 info), else by its kind.

        **Metrics.** Give an API key and an application key, and the site if it is not `datadoghq.com`:

        ```sh
        copilot connect acme datadog --set api_key=… --set application_key=… --set site=datadoghq.eu --set env=prod
        ```

        A service is found by its tag (`service_tag`, usually Datadog's unified `service`), by its name or its workload's. Asked are
        the trace metrics of entry spans (`trace.OPERATION.hits`, `.errors` and the latency distribution), `kubernetes.*`, `jvm.*`,
        consumer lag and queue depth, and the Agent's PostgreSQL, MySQL and Redis metrics that carry the tag; what was not reported is
        not asked for.
    """.format(template=json.dumps(TEMPLATE, indent=2).replace("\n", "\n        "))
    trial: ClassVar[str] = "in Datadog, Test Notifications on the page of a monitor whose message names the webhook"
    receives: ClassVar[bool] = True
    gathers: ClassVar[bool] = True
    categories: ClassVar[tuple[Category, ...]] = (Category.METRICS, Category.DATABASE, Category.CHANGES)
    gather_cost: ClassVar[int] = 6
    generated: ClassVar[tuple[str, ...]] = ("token",)
    looks: ClassVar[tuple[Look, ...]] = looking.LOOKS

    def verify(self, inbound: Inbound, credentials: DatadogCredentials) -> None:
        """Return if the request carries the token.

        :raises NotGenuine: where it does not.
        """
        token = plain(credentials.token)
        if not token:
            raise NotGenuine("this Datadog connection has no token")
        require_header(inbound.headers, token)

    def parse(self, inbound: Inbound) -> tuple[Event, ...]:
        """Return the one event of a webhook.

        :raises BadPayload: where it has no title, or is no JSON object.
        """
        return (events.event(decode(inbound.body), inbound.received_at),)

    def asks(self, credentials: DatadogCredentials) -> bool:
        """Return whether there are keys to read metrics with."""
        return bool(plain(credentials.api_key) and plain(credentials.application_key))

    def gather(
        self, door: Door, credentials: DatadogCredentials, scope: Scope, window: Window
    ) -> Iterable[Observation]:
        """Yield series with their queries and links; what is not there, and what failed, is yielded as `Gap`.

        :raises SourceError: where Datadog does not answer at all.
        """
        from integrations.datadog.gathering import gathered

        yield from gathered(door, credentials, scope, window)

    def look(self, door: Door, credentials: DatadogCredentials, scope: Scope, window: Window, arguments: Any) -> Seen:
        """Read a metric of a service in scope, or list which there are."""
        return looking.look(door, credentials, scope, window, arguments)

    def check(self, door: Door, credentials: DatadogCredentials) -> Health:
        """Ask which metrics there are, which needs both keys and the right site."""
        if not self.asks(credentials):
            return Health(works=None, detail="without an API key and an application key it is asked nothing")
        wanted = f"env:{api.tag_of(credentials.env)}" if credentials.env else f"{credentials.service_tag}:*"
        with api.server(door, credentials) as asked:
            names = api.metrics(asked, wanted, since=time.time() - 3600)
        if not names:
            return Health(works=True, detail=f"answers, but no metric carries {wanted}; check the tag")
        return Health(works=True, detail=f"answers queries; metrics with {wanted}: {len(names)}")
