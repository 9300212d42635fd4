"""Who calls whom, as Jaeger counted it over a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integrations.jaeger import api
from integrations.jaeger.gathering import SOURCE, VENDOR
from integrations.server import Server
from integrations.survey import Call, Survey, Thing
from integrations.tracing.names import Names, templates

if TYPE_CHECKING:
    from integrations.base import Door, Scope
    from integrations.jaeger import JaegerCredentials
    from scoring.observations import Window


def surveyed(door: Door, credentials: JaegerCredentials, scope: Scope, window: Window) -> Survey:
    """Return every pair of caller and callee of the window; takes one request.

    :raises SourceError: where Jaeger does not answer.
    """
    with Server(door, credentials, vendor=VENDOR) as server:
        pairs = api.dependencies(server, window.start, window.end)
    known = {name for pair in pairs for name in pair}
    names = Names.of(scope.services, known, templates(credentials.service_names))
    calls = (Call(Thing.of(names.service(caller)), Thing.of(names.service(callee)), SOURCE) for caller, callee in pairs)
    return Survey(calls=tuple(calls)).bounded(SOURCE)
