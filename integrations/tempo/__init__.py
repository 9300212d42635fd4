"""Tempo: who calls whom, how long calls take and how many fail, counted by TraceQL metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from integrations.base import Category, Health, Integration, Rejected, Seen
from integrations.questions import in_scope
from integrations.server import GrafanaCredentials, Server
from integrations.tracing import looking
from scoring.observations import Window

if TYPE_CHECKING:
    from collections.abc import Iterable

    from integrations import base
    from integrations.base import Door, Look, Scope
    from integrations.survey import Survey
    from scoring.observations import Observation

__all__ = ["Tempo", "TempoCredentials"]

_CALLS = 100


class TempoCredentials(GrafanaCredentials):
    """Hold where a Tempo is, how to get in, and how traces name services."""

    service_names: str = Field(
        default="",
        max_length=500,
        description="How traces name a service: ways with $name, $namespace and $workload, comma separated; empty: the usual ones",
    )


class Tempo(Integration):
    """Read from Tempo who calls whom, how long calls took and how many failed, over time.

    Tested by exchanges recorded in Tempo's documented shapes; no Tempo server was at hand.
    """

    slug: ClassVar[str] = "tempo"
    title: ClassVar[str] = "Tempo"
    Credentials: ClassVar[type[base.Credentials]] = TempoCredentials
    gives: ClassVar[str] = (
        "latency and error ratio of each caller's calls to each callee over time; who depends on whom"
    )
    needs: ClassVar[str] = (
        "`/api/v2/search/tag/…/values`, `/api/metrics/query_range`, `/api/search` and `/api/traces`; a token where asked for"
    )
    limits: ClassVar[str] = (
        "6 services; without TraceQL metrics 3 services and 400 traces a question; no rates, since traces are samples"
    )
    setup: ClassVar[str] = """
        Calls are counted by TraceQL metrics: the callees' server spans below the caller's client spans, the client spans of
        databases (`db.system`, with `server.address` or `peer.service`), and the service's own server spans, minute by minute,
        or by five minutes where there are few. That needs the `local-blocks` processor of Tempo's metrics generator (Tempo 2.4
        to 2.x). Where Tempo does not count, 40 traces of each tenth of the window are searched instead, and the thread says so.

        **How a service is called in traces**: its name, its workload's, or one of them with the namespace
        (`name.namespace`, `namespace/name`, `namespace-name`), whichever sends traces. Where yours differ, enter the ways:

        ```sh
        copilot connect acme tempo --set url=https://tempo.example.org --set tenant=team-a --set 'service_names=$namespace-$name-svc,$name'
        ```
    """
    gathers: ClassVar[bool] = True
    categories: ClassVar[tuple[Category, ...]] = (Category.NETWORK,)
    gather_cost: ClassVar[int] = 12
    surveys: ClassVar[bool] = True
    looks: ClassVar[tuple[Look, ...]] = looking.LOOKS

    def gather(self, door: Door, credentials: TempoCredentials, scope: Scope, window: Window) -> Iterable[Observation]:
        """Yield series of edges and dependencies; what is not there, and what failed, is yielded as `Gap`.

        :raises SourceError: where Tempo does not answer at all.
        """
        # Imported when used: a process that only lists the integrations needs no numpy.
        from integrations.tempo.gathering import gathered

        yield from gathered(door, credentials, scope, window)

    def survey(self, door: Door, credentials: TempoCredentials, scope: Scope, window: Window) -> Survey:
        """Return who calls whom."""
        from integrations.tempo.survey import surveyed

        return surveyed(door, credentials, scope, window)

    def look(self, door: Door, credentials: TempoCredentials, scope: Scope, window: Window, arguments: Any) -> Seen:
        """List whom a service calls, or show its slowest traces."""
        from integrations.matchers import quoted
        from integrations.tempo import api
        from integrations.tempo.queries import selections
        from integrations.tracing.names import Names, missing, templates
        from integrations.tracing.spans import Calls

        service = in_scope(scope, arguments.service)
        start, end = window.end - 60 * arguments.minutes, window.end
        with Server(door, credentials, vendor=self.title) as server:
            known = api.services(server, start, end)
            names = Names.of(scope.services, known, templates(credentials.service_names))
            if service.name not in names.written:
                raise Rejected(missing(self.slug, service.name, known).reason, retryable=False)
            name = names.written[service.name]
            if isinstance(arguments, looking.Edges):
                found = Calls()
                asked = selections(name)[:2]
                for selection in asked:
                    for labels, call in api.calls(server, selection, start, end, limit=_CALLS):
                        if edge := selection.edge(names.service(name), labels, names):
                            found.by_edge[edge].append(call)
                query, rows = asked[0].query, looking.edge_rows(found)
            else:
                least = arguments.least_milliseconds
                query = f'{{ resource.service.name = "{quoted(name)}" && traceDuration > {least}ms }}'
                rows = looking.trace_rows(api.slow_traces(server, query, start, end, limit=looking.TRACES))
        shown = Window(start=start, end=end, alert_at=start)
        link = credentials.explore(self.slug, {"query": query, "queryType": "traceql"}, shown)
        return Seen(query=query, rows=rows, link=link, note="" if rows else "there are none in this time")

    def check(self, door: Door, credentials: TempoCredentials) -> Health:
        """Ask which services sent spans lately: that needs the right tenant and the right to read."""
        from integrations.tempo import api

        with Server(door, credentials, vendor=self.title) as server:
            known = api.recent_services(server)
        if not known:
            tenant = f"tenant {credentials.tenant!r}" if credentials.tenant else "the default tenant"
            return Health(works=True, detail=f"answers, but {tenant} has no recent traces")
        return Health(
            works=True, detail=f"answers; {len(known)} services sent spans lately, among them {', '.join(known[:6])}"
        )
