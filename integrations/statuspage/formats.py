"""How status pages tell of trouble: Atlassian Statuspage's API, which most vendors use, and Google Cloud's incidents.

https://metastatuspage.com/api and https://status.cloud.google.com/incidents.schema.json
"""

from __future__ import annotations

import html
import re
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin, urlsplit

from integrations.base import Rejected
from integrations.payload import clean, link, part, parts, text, time_of
from integrations.statuspage.pages import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from integrations.rest import Rest
    from integrations.statuspage.pages import Page
    from scoring.observations import Window

GOOGLE: Final = "status.cloud.google.com"
INCIDENTS: Final = "incidents.json"
MOST_TROUBLES: Final = 10
_WORDS: Final = 300

# What vendors call it, and the condition that it is to us.
_IMPACTS: Final = {"critical": "VendorOutage", "major": "VendorOutage", "minor": "VendorDegraded"}
_COMPONENTS: Final = {
    "major_outage": "VendorOutage",
    "partial_outage": "VendorDegraded",
    "degraded_performance": "VendorDegraded",
    "under_maintenance": "VendorMaintenance",
}
_GOOGLE_IMPACTS: Final = {"SERVICE_OUTAGE": "VendorOutage", "SERVICE_DISRUPTION": "VendorDegraded"}
_OVER: Final = frozenset({"resolved", "postmortem", "completed"})
_TAG: Final = re.compile(r"<[^>]{0,200}>")


def reader(page: Page, rest: Rest) -> Callable[[Window], list[Trouble]]:
    """Return how a page is read for a window."""
    return partial(_google if is_google(page) else _atlassian, page, rest)


def is_google(page: Page) -> bool:
    """Say whether a page is Google Cloud's, by its address."""
    return urlsplit(page.url).hostname == GOOGLE or page.base != page.url


def now(page: Page, rest: Rest) -> str:
    """Return in a few words what a page says now.

    :raises SourceError: where it does not answer.
    """
    if is_google(page):
        open_ones = [one for one in rest.listed(INCIDENTS) if not text(one, "end")]
        return f"{len(open_ones)} open incident{'' if len(open_ones) == 1 else 's'}"
    return text(part(_summary(rest), "status"), "description") or "answers, without a description"


def _summary(rest: Rest) -> Mapping[str, Any]:
    answer = rest.read("api/v2/summary.json")
    if "status" not in answer or "components" not in answer:
        raise Rejected(
            f"{rest.vendor}'s page has no summary at /api/v2/summary.json; is it an Atlassian Statuspage?",
            retryable=False,
        )
    return answer


def _atlassian(page: Page, rest: Rest, window: Window) -> list[Trouble]:
    """Return open incidents, those that ended within the window, running maintenance, and components that say so alone."""
    summary = _summary(rest)
    maintained = [
        one for one in parts(summary, "scheduled_maintenances") if text(one, "status") in {"in_progress", "verifying"}
    ]
    incidents = {text(one, "id"): one for one in parts(summary, "incidents")}
    for one in parts(rest.read("api/v2/incidents.json"), "incidents"):
        incidents.setdefault(text(one, "id"), one)
    found: list[Trouble] = []
    told: set[str] = set()
    for one, condition in [
        *((one, _IMPACTS.get(text(one, "impact"), "")) for one in incidents.values()),
        *((one, "VendorMaintenance") for one in maintained),
    ]:
        names = [text(component, "name") for component in parts(one, "components")]
        since = time_of(one, "started_at", "scheduled_for", "created_at")
        until = time_of(one, "resolved_at", "updated_at") if text(one, "status") in _OVER else None
        if not condition or not page.concerns(names) or not _matters(since, until, window):
            continue
        told.update(names)
        latest = next(iter(parts(one, "incident_updates")), {})
        found.append(Trouble(
            condition, _plain(text(one, "name")), since, until, _plain(text(latest, "body")), link(one, "shortlink")
        ))  # fmt: skip
    for component in parts(summary, "components"):
        name, condition = text(component, "name"), _COMPONENTS.get(text(component, "status"), "")
        if condition and name not in told and page.concerns([name]) and component.get("group") is not True:
            since = time_of(component, "updated_at")
            if _matters(since, None, window):
                found.append(Trouble(condition, f"{_plain(name)} {text(component, 'status').replace('_', ' ')}", since))
    return _most(found)


def _google(page: Page, rest: Rest, window: Window) -> list[Trouble]:
    found = []
    for one in rest.listed(INCIDENTS):
        products = [text(product, "title") for product in parts(one, "affected_products")]
        places = {
            text(place, "id")
            for name in ("currently_affected_locations", "previously_affected_locations")
            for place in parts(one, name)
        }
        since, until = time_of(one, "begin", "created"), time_of(one, "end")
        condition = _GOOGLE_IMPACTS.get(text(one, "status_impact"), "")
        elsewhere = page.regions and places and places.isdisjoint(page.regions)
        if not condition or elsewhere or not page.concerns(products) or not _matters(since, until, window):
            continue
        address = text(one, "uri")
        found.append(Trouble(
            condition, _plain(text(one, "external_desc")), since, until,
            _plain(text(part(one, "most_recent_update"), "text")),
            urljoin(f"{page.base}/", address) if address else "",
        ))  # fmt: skip
    return _most(found)


def _matters(since: float | None, until: float | None, window: Window) -> bool:
    """Say whether trouble reached into the window; what began after it, or ended before it, broke nothing in it."""
    return (since is None or since <= window.end) and (until is None or until >= window.start)


def _most(found: Iterable[Trouble]) -> list[Trouble]:
    return sorted(found, key=lambda one: (one.until is not None, -(one.since or 0.0), one.title))[:MOST_TROUBLES]


def _plain(words: str) -> str:
    """Return a text of a page without markup, on one line, short."""
    return " ".join(clean(html.unescape(_TAG.sub(" ", words))).split())[:_WORDS]
