"""Ask PagerDuty's REST API: change events around an incident, its alerts and its notes."""

from __future__ import annotations

import math
import re
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from integrations.base import Rejected, SourceError, TimedOut, Unauthorised, Unreachable
from integrations.payload import iso, link, part, parts, text, texts, time_of
from integrations.questions import Questions
from integrations.wording import change_kind
from scoring.observations import Change, Entity, EntityKind, Note

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import httpx2
    import pagerduty

    from integrations.base import Door, Scope
    from integrations.pagerduty import PagerDutyCredentials
    from scoring.observations import Observation, Window

BASE_URL = "https://api.pagerduty.com"

# A change shows its effect late: look this much further back than the window (seconds).
LOOK_BACK = 3600.0
_PAGE = 100
_PAGES = 3
_NOTES = 50
# What of a change event's details has a place of its own in the change.
_VERSIONS = ("version", "tag", "release", "image_tag")
_AUTHORS = ("author", "user", "triggered_by", "actor")
_STATES = ("status", "build_state", "state")
_COMMITS = ("commit", "sha", "revision", "commit_sha")
_TOLD = {*_VERSIONS, *_AUTHORS, *_STATES, *_COMMITS, "previous_version"}
_INCIDENT_ID = re.compile(r"[A-Z][A-Z0-9]{3,31}")


def check(door: Door, credentials: PagerDutyCredentials) -> str:
    """Return what the token can be seen to do.

    :raises SourceError: where PagerDuty does not answer or refuses the token.
    """
    with _client(door, credentials) as client:
        abilities = _read(door, client, "/abilities", {}).get("abilities")
    count = len(abilities) if isinstance(abilities, list) else 0
    return f"PagerDuty accepts the API token ({count} abilities)"


def gather(
    door: Door, credentials: PagerDutyCredentials, scope: Scope, window: Window, *, source: str
) -> Iterator[Observation]:
    """Yield changes, alerts and notes; what failed is yielded as a gap.

    :raises SourceError: where nothing at all could be asked.
    """
    questions = Questions(source=source, door=door)
    with _client(door, credentials) as client:
        yield from _changes(door, client, questions, scope, window)
        if _INCIDENT_ID.fullmatch(scope.dedupe_key):
            yield from _incident(door, client, questions, scope, window)
    yield from questions.close()


def _changes(
    door: Door, client: pagerduty.RestApiV2Client, questions: Questions, scope: Scope, window: Window
) -> Iterator[Change]:
    parameters = {"since": iso(window.start - LOOK_BACK), "until": iso(window.end)}
    names = {service.pagerduty_id: service.name for service in scope.services if service.pagerduty_id}
    asked = [(f"change events of {name}", f"/services/{key}/change_events", parameters) for key, name in names.items()]
    if not asked:
        asked = [("change events of the account", "/change_events", parameters)]
    if _INCIDENT_ID.fullmatch(scope.dedupe_key):
        path = f"/incidents/{scope.dedupe_key}/related_change_events"
        asked.append((f"change events related to incident {scope.dedupe_key}", path, {}))
    seen: set[str] = set()
    for question, path, query in asked:
        found = questions.ask(question, partial(_pages, door, client, path, "change_events", query))
        owner = re.fullmatch(r"/services/([^/]+)/change_events", path)
        for item in found or ():
            yield from _change(item, names, seen, questions.source, window, owner=owner.group(1) if owner else "")


def _change(
    item: Mapping[str, Any], names: Mapping[str, str], seen: set[str], source: str, window: Window, *, owner: str
) -> Iterator[Change]:
    at = time_of(item, "timestamp", "created_at")
    if at is None or not window.start - LOOK_BACK <= at <= window.end:
        return
    key = text(item, "id")
    if key:
        if key in seen:
            return
        seen.add(key)
    details = part(item, "custom_details")
    title = text(item, "summary") or "change event"
    links = [link(each, "href") for each in parts(item, "links")]
    version = text(details, *_VERSIONS)
    # What is told elsewhere in the change is not told twice; what else its sender says stands behind its own words.
    more = _listed({name: value for name, value in texts(details).items() if name not in _TOLD})
    for name in _services(item, names, owner):
        yield Change(
            entity=Entity(EntityKind.SERVICE, name),
            kind=change_kind(f"{title} {text(item, 'source')}"),
            at=at,
            title=title,
            source=source,
            author=text(details, *_AUTHORS),
            link=next((address for address in links if address), ""),
            version=version,
            previous_version=text(details, "previous_version"),
            status=text(details, *_STATES),
            detail=f"{title}; {more}"[:1000] if more else "",
            key=text(details, *_COMMITS) or version,
        )


def _services(item: Mapping[str, Any], names: Mapping[str, str], owner: str) -> list[str]:
    """Return the names of the services that a change event is about: as mapped here, else as PagerDuty calls them."""
    references = parts(item, "services")
    known = [names[key] for reference in references if (key := text(reference, "id")) in names]
    if known:
        return sorted(set(known))
    if owner in names:
        return [names[owner]]
    named = {name for reference in references if (name := text(reference, "summary", "id"))}
    return sorted(named) or ["unknown service"]


def _incident(
    door: Door, client: pagerduty.RestApiV2Client, questions: Questions, scope: Scope, window: Window
) -> Iterator[Note]:
    key = scope.dedupe_key
    alerts = questions.ask(
        f"alerts of incident {key}", lambda: _pages(door, client, f"/incidents/{key}/alerts", "alerts", {}, pages=1)
    )
    for alert in alerts or ():
        details = texts(part(part(alert, "body"), "details"))
        said = _listed(details)
        yield from _note(
            alert,
            scope,
            window,
            words="\n".join(line for line in (text(alert, "summary"), said) if line),
            labels={**details, **({"severity": severity} if (severity := text(alert, "severity")) else {})},
            source=questions.source,
        )
    notes = questions.ask(
        f"notes of incident {key}", lambda: parts(_read(door, client, f"/incidents/{key}/notes", {}), "notes")
    )
    for note in (notes or [])[:_NOTES]:
        yield from _note(note, scope, window, words=text(note, "content"), labels=None, source=questions.source)


def _note(
    item: Mapping[str, Any],
    scope: Scope,
    window: Window,
    *,
    words: str,
    labels: Mapping[str, str] | None,
    source: str,
) -> Iterator[Note]:
    """Yield an alert (it has labels) or a human's note, where it says something inside the window and its look-back."""
    at = time_of(item, "created_at")
    if not words or at is None or not window.start - LOOK_BACK <= at <= window.end:
        return
    service = scope.service.name if scope.service else text(part(item, "service"), "summary", "id")
    yield Note(
        entity=Entity(EntityKind.SERVICE, service or "unknown service"),
        text=words[:4000],
        at=at,
        source=source,
        kind="human" if labels is None else "alert",
        author=text(part(item, "user"), "summary", "name"),
        link=link(item, "html_url") or scope.external_url,
        labels=labels or {},
    )


def _listed(values: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {value}" for name, value in values.items())


@contextmanager
def _client(door: Door, credentials: PagerDutyCredentials) -> Iterator[pagerduty.RestApiV2Client]:
    """Give PagerDuty's own client, over our door, that neither sleeps nor retries: the deadline is the run's."""
    import pagerduty

    client = pagerduty.RestApiV2Client(
        credentials.token,
        default_from=credentials.from_email,
        transport=door.transport2(),
        trust_env=False,
        event_hooks={"response": [_refuse]},
    )
    # The public setter takes https only, and a stand-in on loopback speaks http; the door decides what is allowed.
    client._url = credentials.base_url  # noqa: SLF001
    client.max_network_attempts = 0
    try:
        yield client
    finally:
        client.close()


def _pages(
    door: Door,
    client: pagerduty.RestApiV2Client,
    path: str,
    name: str,
    query: Mapping[str, str],
    *,
    pages: int = _PAGES,
) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for number in range(pages):
        answer = _read(door, client, path, {**query, "limit": str(_PAGE), "offset": str(number * _PAGE)})
        items = parts(answer, name)
        found.extend(items)
        if not items or answer.get("more") is not True or door.remaining() <= 0:
            break
    return found


def _read(door: Door, client: pagerduty.RestApiV2Client, path: str, parameters: Mapping[str, str]) -> Mapping[str, Any]:
    import pagerduty

    client.timeout = max(math.ceil(door.remaining()), 1)
    try:
        answer = client.get(path, params=dict(parameters)).json()
    except pagerduty.Error as error:
        raise _translated(error) from error
    except ValueError as error:
        raise SourceError("PagerDuty answered with something that is no JSON") from error
    if not isinstance(answer, dict):
        raise SourceError("PagerDuty answered with something that is no JSON object")
    return answer


def _translated(error: Exception) -> SourceError:
    """Return our words for the client's error; its own text may show the end of the token."""
    import httpx2

    cause = error.__cause__
    if isinstance(cause, httpx2.TimeoutException):
        return TimedOut("PagerDuty did not answer in time")
    if isinstance(cause, httpx2.TransportError):
        return Unreachable(f"PagerDuty could not be reached ({type(cause).__name__})")
    return SourceError("PagerDuty gave an answer that its client does not take, such as a redirect")


def _refuse(response: httpx2.Response) -> None:
    """Turn an error status into a `SourceError`, before the client sleeps over it."""
    status = response.status_code
    if status < 400:
        return
    path = response.request.url.path
    if status == 401:
        raise Unauthorised("PagerDuty refuses the API token (401): enter a valid one", retryable=False)
    if status == 403:
        raise Unauthorised(f"the API token may not read {path} (403)", retryable=False)
    if status == 429:
        wait = response.headers.get("ratelimit-reset") or response.headers.get("retry-after") or ""
        raise SourceError(
            "PagerDuty's rate limit is reached (429)" + (f"; it opens in {wait} s" if wait.isdecimal() else "")
        )
    if status < 500:
        raise Rejected(f"PagerDuty refused {path} ({status}){_message(response)}", retryable=False)
    raise SourceError(f"PagerDuty failed on {path} ({status})")


def _message(response: httpx2.Response) -> str:
    try:
        response.read()
        error = part(response.json(), "error")
    except ValueError:
        return ""
    errors = error.get("errors")
    said = ", ".join(
        str(item) for item in (text(error, "message"), *(errors if isinstance(errors, list) else ())) if item
    )
    return f": {said[:200]}" if said else ""
