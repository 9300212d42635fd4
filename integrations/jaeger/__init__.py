"""Jaeger: who calls whom, how long calls take and how many fail, from traces of the whole window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, field_validator

from integrations.base import Category, Health, Integration, Seen
from integrations.payload import base_address
from integrations.questions import in_scope
from integrations.server import Server, ServerCredentials
from integrations.tracing import looking

if TYPE_CHECKING:
    from collections.abc import Iterable

    from integrations import base
    from integrations.base import Door, Look, Scope
    from integrations.survey import Survey
    from scoring.observations import Observation, Window

__all__ = ["Jaeger", "JaegerCredentials"]

_TRACES = 60


class JaegerCredentials(ServerCredentials):
    """Hold where Jaeger's query service is, how to get in, and how traces name services."""

    tenant: str = Field(
        default="", pattern=r"^[A-Za-z0-9._-]*$", description="Sent as x-tenant, where Jaeger holds several tenants"
    )
    service_names: str = Field(
        default="",
        max_length=500,
        description="How traces name a service: ways with $name, $namespace and $workload, comma separated; empty: the usual ones",
    )
    external_url: str = Field(default="", description="Address that people open in a browser, where it differs")

    @field_validator("external_url")
    @classmethod
    def _opens_in_a_browser(cls, value: str) -> str:
        return base_address(value) if value else value

    def headers(self) -> dict[str, str]:
        """Return the headers that every request carries besides basic authentication."""
        return {**super().headers(), **({"x-tenant": self.tenant} if self.tenant else {})}


class Jaeger(Integration):
    """Read from Jaeger who calls whom, how long calls took and how many failed, over time.

    Tested by exchanges recorded in Jaeger's documented shapes; no Jaeger server was at hand.
    """

    slug: ClassVar[str] = "jaeger"
    title: ClassVar[str] = "Jaeger"
    Credentials: ClassVar[type[base.Credentials]] = JaegerCredentials
    gives: ClassVar[str] = (
        "latency, error ratio and time on the network of each caller's calls to each callee over time; who depends on whom"
    )
    needs: ClassVar[str] = (
        "`/api/services`, `/api/traces` and `/api/dependencies` of the query service; a token where asked for"
    )
    limits: ClassVar[str] = (
        "600 traces through the paged service; no rates, since traces are samples; tail sampling makes all look worse"
    )
    setup: ClassVar[str] = """
        The window is looked at in 20 parts of at least a minute, and of each up to 30 traces through the paged service are
        read. Their spans are summed up for each caller and callee: the caller's own span tells how long it waited, the
        callee's how long it worked; the difference is time on the network. Databases and others that send no spans are
        known from the client's attributes (`peer.service`, `server.address`, `db.system` and their older names).

        **How a service is called in traces**: its name, its workload's, or one of them with the namespace
        (`name.namespace`, `namespace/name`, `namespace-name`), whichever sends traces. Where yours differ, enter the ways:

        ```sh
        copilot connect acme jaeger --set url=https://jaeger.example.org --set 'service_names=$namespace-$name-svc,$name'
        ```
    """
    gathers: ClassVar[bool] = True
    categories: ClassVar[tuple[Category, ...]] = (Category.NETWORK,)
    gather_cost: ClassVar[int] = 6
    surveys: ClassVar[bool] = True
    looks: ClassVar[tuple[Look, ...]] = looking.LOOKS

    def gather(self, door: Door, credentials: JaegerCredentials, scope: Scope, window: Window) -> Iterable[Observation]:
        """Yield series of edges and dependencies; what is not there, and what failed, is yielded as `Gap`.

        :raises SourceError: where Jaeger does not answer at all.
        """
        # Imported when used: a process that only lists the integrations needs no numpy.
        from integrations.jaeger.gathering import gathered

        yield from gathered(door, credentials, scope, window)

    def survey(self, door: Door, credentials: JaegerCredentials, scope: Scope, window: Window) -> Survey:
        """Return who calls whom."""
        from integrations.jaeger.survey import surveyed

        return surveyed(door, credentials, scope, window)

    def look(self, door: Door, credentials: JaegerCredentials, scope: Scope, window: Window, arguments: Any) -> Seen:
        """List whom a service calls, or show its slowest traces."""
        from integrations.jaeger import api, gathering
        from integrations.tracing.spans import calls

        service = in_scope(scope, arguments.service)
        start = window.end - 60 * arguments.minutes
        with Server(door, credentials, vendor=self.title) as server:
            names, name = gathering.written(server, credentials, scope, service.name)
            if isinstance(arguments, looking.Edges):
                spans = api.traces(server, name, start, window.end, limit=_TRACES)
                rows = looking.edge_rows(calls(spans, names))
            else:
                least = arguments.least_milliseconds
                spans = api.traces(server, name, start, window.end, limit=20, least_milliseconds=least)
                rows = looking.trace_rows(spans)
        traces = len({one.trace for one in spans})
        return Seen(
            query=f"{traces} traces of {name} of {arguments.minutes} minutes",
            rows=rows,
            link=gathering.search_link(credentials, name, window),
            note="" if rows else "there are none in this time",
        )

    def check(self, door: Door, credentials: JaegerCredentials) -> Health:
        """Ask which services send spans."""
        from integrations.jaeger import api

        with Server(door, credentials, vendor=self.title) as server:
            known = api.services(server)
        if not known:
            return Health(works=True, detail="answers, but no service sends it spans")
        return Health(
            works=True, detail=f"answers; {len(known)} services send spans, among them {', '.join(known[:6])}"
        )
