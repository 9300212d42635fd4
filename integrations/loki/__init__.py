"""Loki: templates of the log lines that tell of trouble, before and since the onset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, field_validator

from integrations.base import Category, Health, Integration
from integrations.log_questions import LOOKS
from integrations.loki import looking
from integrations.loki.api import ask
from integrations.server import GrafanaCredentials, Server

if TYPE_CHECKING:
    from collections.abc import Iterable

    from integrations import base
    from integrations.base import Door, Look, Scope, Seen
    from scoring.observations import Observation, Window

__all__ = ["Loki", "LokiCredentials"]


class LokiCredentials(GrafanaCredentials):
    """Hold where a Loki is, how to get in, and how its streams name services."""

    selector: str = Field(
        default="",
        max_length=500,
        description='Stream selector of a service, with $name, $namespace and $workload: {namespace="$namespace", app="$name"}; '
        "empty: found by the labels that collectors usually set",
    )
    level_label: str = Field(
        default="",
        pattern=r"^([a-zA-Z_][a-zA-Z0-9_]*)?$",
        description="Label or structured metadata with a line's level, e.g. detected_level; empty: lines are judged by their words",
    )

    @field_validator("selector")
    @classmethod
    def _selects_a_service(cls, value: str) -> str:
        if value and not (value.startswith("{") and value.endswith("}")):
            raise ValueError('must be a stream selector in braces, e.g. {namespace="$namespace", app="$name"}')
        if value and "$" not in value:
            raise ValueError("must hold $name or $workload: it is filled in for each service")
        return value


class Loki(Integration):
    """Read from Loki which log lines tell of trouble, as templates counted before the incident and since.

    Tested by exchanges recorded in Loki's documented shapes; no Loki server was at hand.
    """

    slug: ClassVar[str] = "loki"
    title: ClassVar[str] = "Loki"
    Credentials: ClassVar[type[base.Credentials]] = LokiCredentials
    gives: ClassVar[str] = (
        "templates of log lines that tell of trouble, counted before and since the onset, with query and link"
    )
    needs: ClassVar[str] = (
        "`query`, `query_range`, `series` and `labels` of its HTTP API; a token or basic authentication where asked for"
    )
    limits: ClassVar[str] = (
        "12 services; 1,000 lines a service and period, counts beyond are scaled; 12 templates a service"
    )
    setup: ClassVar[str] = """
        **Which streams are a service's**: those that carry the service's name or its workload's in one of the labels
        `service_name`, `app`, `app_kubernetes_io_name`, `k8s_deployment_name`, `k8s_statefulset_name`, `deployment`,
        `container`, `container_name`, `k8s_container_name`, `service`, `name`, `compose_service` or `job` (also as
        `namespace/name`), and the service's namespace where they have one (`namespace`, `k8s_namespace_name`,
        `service_namespace`, `kubernetes_namespace_name`); else those of its pods, by their names. The first that fits is
        used. Where yours differ, enter `selector`, which is filled in for each service:

        ```sh
        copilot connect acme loki --set url=https://loki.example.org --set 'selector={cluster="eu", ns="$namespace", component="$name"}'
        ```

        **Which lines**: those with words of trouble (error, exception, timeout, refused and others), by a line filter.
        Where lines do not tell and the level is a label or structured metadata, `level_label=detected_level` asks by level
        instead. Numbers, ids, times and addresses are masked and equal templates counted. Up to 500 lines of a period are
        read whole. Of more, the first and the last 500 are read and all are counted (`count_over_time`); the templates'
        counts are then scaled, and the thread names it among what is missing.
    """
    gathers: ClassVar[bool] = True
    categories: ClassVar[tuple[Category, ...]] = (Category.LOGS,)
    gather_cost: ClassVar[int] = 24
    looks: ClassVar[tuple[Look, ...]] = LOOKS

    def gather(self, door: Door, credentials: LokiCredentials, scope: Scope, window: Window) -> Iterable[Observation]:
        """Yield log patterns with their queries and links; what is not there, and what failed, is yielded as `Gap`.

        :raises SourceError: where Loki does not answer at all.
        """
        from integrations.loki.gathering import gathered

        yield from gathered(door, credentials, scope, window)

    def look(self, door: Door, credentials: LokiCredentials, scope: Scope, window: Window, arguments: Any) -> Seen:
        """Read lines of a service in scope, count them, or list their templates."""
        return looking.look(door, credentials, scope, window, arguments)

    def check(self, door: Door, credentials: LokiCredentials) -> Health:
        """Ask which labels there are: that needs the right tenant and the right to read."""
        with Server(door, credentials, vendor=self.title) as server:
            answer = ask(server, "labels")
        names = sorted(one for one in answer if isinstance(one, str)) if isinstance(answer, list) else []
        if not names:
            tenant = f"tenant {credentials.tenant!r}" if credentials.tenant else "the default tenant"
            return Health(works=True, detail=f"answers, but {tenant} has no logs of the last six hours")
        return Health(works=True, detail=f"answers queries; {len(names)} labels, among them {', '.join(names[:6])}")
