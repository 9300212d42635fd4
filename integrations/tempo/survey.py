"""Who calls whom, as Tempo counts it over a time, or from some spans where it does not count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integrations.base import SourceError
from integrations.server import Server
from integrations.survey import Call, Survey, Thing
from integrations.tempo import api
from integrations.tempo.gathering import SOURCE, VENDOR
from integrations.tempo.queries import selections
from integrations.tracing.names import Names, templates
from scoring.observations import Gap

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from integrations.base import Door, Scope
    from integrations.tempo import TempoCredentials
    from integrations.tempo.queries import Selection
    from scoring.observations import Window

# Two questions for each service that sends traces.
MOST_SERVICES = 40
SPANS = 100


def surveyed(door: Door, credentials: TempoCredentials, scope: Scope, window: Window) -> Survey:
    """Return whom each service that sends traces calls, services and stores.

    :raises SourceError: where Tempo does not answer.
    """
    calls: set[Call] = set()
    gaps: list[Gap] = []
    with Server(door, credentials, vendor=VENDOR) as server:
        known = api.services(server, window.start, window.end)
        names = Names.of(scope.services, known, templates(credentials.service_names))
        if len(known) > MOST_SERVICES:
            reason = f"{len(known)} services send traces; the first {MOST_SERVICES} by name were asked about"
            gaps.append(Gap(SOURCE, "calls of all services", reason))
        for name in known[:MOST_SERVICES]:
            for selection in selections(name)[:2]:
                try:
                    told = list(_told(server, selection, window))
                except SourceError as error:
                    gaps.append(Gap(SOURCE, f"{selection.words} of {name}", error.reason))
                    continue
                for labels in told:
                    edge = selection.edge(names.service(name), labels, names)
                    if edge is not None and edge.callee is not None:
                        calls.add(Call(Thing.of(edge.caller), Thing.of(edge.callee), SOURCE))
    return Survey(calls=tuple(calls), gaps=tuple(gaps)).bounded(SOURCE)


def _told(server: Server, selection: Selection, window: Window) -> Iterable[Mapping[str, str]]:
    step = max(60, int(window.end - window.start))
    try:
        found = api.series(server, selection.counted, window.start, window.end, step)
    except api.Uncounted:
        return [labels for labels, _ in api.calls(server, selection, window.start, window.end, limit=SPANS)]
    return [labels for labels, values in found if any(value > 0 for value in values.values())]
