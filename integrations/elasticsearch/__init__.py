"""Elasticsearch and OpenSearch: templates of the log lines that tell of trouble, before and since the onset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self
from urllib.parse import quote

from pydantic import Field, SecretStr, field_validator, model_validator

from integrations.base import Category, Health, Integration
from integrations.log_questions import LOOKS
from integrations.payload import base_address, iso
from integrations.server import Server, ServerCredentials

if TYPE_CHECKING:
    from collections.abc import Iterable

    from integrations import base
    from integrations.base import Door, Look, Scope, Seen
    from scoring.observations import Observation, Window

__all__ = ["Elasticsearch", "ElasticsearchCredentials"]

# Names and comma separated lists of names of fields; nothing that a path or a query would read otherwise.
_FIELDS = r"^[A-Za-z0-9@_./, -]*$"


class ElasticsearchCredentials(ServerCredentials):
    """Hold where an Elasticsearch or OpenSearch is, how to get in, and how its documents name services."""

    api_key: SecretStr | None = Field(
        default=None, description="Encoded API key, sent as `Authorization: ApiKey …` (Elasticsearch)"
    )
    index: str = Field(
        default="logs-*,filebeat-*,logstash-*,fluent-bit-*,ss4o_logs-*",
        min_length=1,
        max_length=300,
        pattern=r"^[A-Za-z0-9*._,:<>{}+-]+$",
        description="Index patterns that hold logs, comma separated",
    )
    time_field: str = Field(
        default="@timestamp", pattern=r"^[A-Za-z0-9@_.-]+$", description="Field with the time of a line"
    )
    service_field: str = Field(
        default="", max_length=300, pattern=_FIELDS,
        description="Fields that name the service, comma separated; empty: those of ECS, OpenTelemetry and Fluent Bit",
    )  # fmt: skip
    namespace_field: str = Field(
        default="",
        max_length=300,
        pattern=_FIELDS,
        description="Fields with the Kubernetes namespace; empty: the usual ones",
    )
    message_field: str = Field(
        default="",
        max_length=300,
        pattern=_FIELDS,
        description="Fields with the line itself; empty: message, body, log, msg",
    )
    level_field: str = Field(
        default="",
        max_length=300,
        pattern=_FIELDS,
        description="Fields with the level; empty: log.level, severity_text, level",
    )
    dashboards_url: str = Field(
        default="", description="Address of Kibana or OpenSearch Dashboards, for links that open a search there"
    )

    @field_validator("dashboards_url")
    @classmethod
    def _dashboards_are_an_address(cls, value: str) -> str:
        return base_address(value) if value else value

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if self.api_key and (self.bearer_token or self.username):
            raise ValueError("api_key, bearer_token, username: give one of the ways to sign in, not several")
        return self

    def headers(self) -> dict[str, str]:
        """Return the headers that every request carries besides basic authentication."""
        key = {"Authorization": f"ApiKey {self.api_key.get_secret_value()}"} if self.api_key else {}
        return {**super().headers(), **key}

    def discover(self, words: str, window: Window) -> str:
        """Return a link that opens a search in Discover, or an empty text where the address is not known."""
        if not self.dashboards_url:
            return ""
        searched = quote(words.replace("!", "!!").replace("'", "!'"), safe="")
        time = f"(time:(from:'{iso(window.start)}',to:'{iso(window.end)}'))"
        return f"{self.dashboards_url}/app/discover#/?_g={time}&_a=(query:(language:kuery,query:'{searched}'))"


class Elasticsearch(Integration):
    """Read from Elasticsearch or OpenSearch which log lines tell of trouble, as templates counted before and since.

    Both speak the same search API; nothing is asked that only one of them knows.

    Tested by exchanges recorded in the documented shapes of both; no server was at hand.
    """

    slug: ClassVar[str] = "elasticsearch"
    title: ClassVar[str] = "Elasticsearch or OpenSearch"
    Credentials: ClassVar[type[base.Credentials]] = ElasticsearchCredentials
    gives: ClassVar[str] = (
        "templates of log lines that tell of trouble, counted before and since the onset, with query and link"
    )
    needs: ClassVar[str] = (
        "`read` and `view_index_metadata` on the indices: `_field_caps` and `_search`; API key, basic or bearer"
    )
    limits: ClassVar[str] = (
        "12 services; 1,000 lines a service and period, counts beyond are scaled; no requests signed by AWS SigV4"
    )
    setup: ClassVar[str] = """
        An API key that may read the logs and nothing else (Kibana's *Dev Tools*; `encoded` of the answer is what to enter):

        ```json
        POST /_security/api_key
        {"name": "sre-copilot", "role_descriptors": {"logs": {"indices": [
          {"names": ["logs-*"], "privileges": ["read", "view_index_metadata"]}]}}}
        ```

        ```sh
        copilot connect acme elasticsearch --set url=https://search.example.org --set api_key=@key --set 'index=logs-*'
        ```

        OpenSearch signs in with `username` and `password`, or a `bearer_token`.

        **Which documents are a service's**: those that hold the service's name or its workload's in one of the fields
        `service.name`, `resource.attributes.service.name`, `kubernetes.labels.app_kubernetes_io/name`,
        `kubernetes.labels.app.kubernetes.io/name`, `kubernetes.labels.app`, `kubernetes.labels.k8s-app`,
        `kubernetes.deployment.name`, `k8s.deployment.name`, `resource.attributes.k8s.deployment.name`,
        `kubernetes.container.name`, `kubernetes.container_name`, `container.name` or `app`, as far as they are keywords (or
        have one beside them, `.keyword`), and that are of the service's namespace where they tell one. Where yours
        differ, enter `service_field` and `namespace_field`.

        **Which lines**: those whose level is a warning or worse, and those with words of trouble (error, exception, timeout,
        refused and others). Numbers, ids, times and addresses are masked and equal templates counted. Of more than 500 lines
        of a period the first and the last 500 are read; the templates' counts are scaled to the number of all, and the
        thread names it among what is missing. Where a shard fails, the answer counts as none.
    """
    gathers: ClassVar[bool] = True
    categories: ClassVar[tuple[Category, ...]] = (Category.LOGS,)
    gather_cost: ClassVar[int] = 24
    looks: ClassVar[tuple[Look, ...]] = LOOKS

    def gather(
        self, door: Door, credentials: ElasticsearchCredentials, scope: Scope, window: Window
    ) -> Iterable[Observation]:
        """Yield log patterns with their queries and links; what is not there, and what failed, is yielded as `Gap`.

        :raises SourceError: where the server does not answer at all.
        """
        from integrations.elasticsearch.gathering import gathered

        yield from gathered(door, credentials, scope, window)

    def look(
        self, door: Door, credentials: ElasticsearchCredentials, scope: Scope, window: Window, arguments: Any
    ) -> Seen:
        """Read lines of a service in scope, count them, or list their templates."""
        from integrations.elasticsearch.looking import look

        return look(door, credentials, scope, window, arguments)

    def check(self, door: Door, credentials: ElasticsearchCredentials) -> Health:
        """Ask which fields the indices have: that needs the right to read them."""
        from integrations.elasticsearch import fields, gathering

        with Server(door, credentials, vendor=gathering.VENDOR) as server:
            known = fields.found(server, credentials)
        if why := gathering.unusable(known, credentials):
            return Health(works=False, detail=why)
        named = ", ".join(known.services[:4])
        return Health(
            works=True, detail=f"{known.indices} indices match {credentials.index}; services are named by {named}"
        )
