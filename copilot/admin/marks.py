"""How states look in lists and pages: a mark and a word, so that nothing is told by colour alone."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django import template
from django.utils.html import format_html

from copilot.models import Connection, ConnectionHealth, IncidentStatus, SourceStatus
from scoring.evidence import Verdict

if TYPE_CHECKING:
    from django.utils.safestring import SafeString

register = template.Library()

# The style classes are those of copilot/admin.css: good, bad, warn, calm.
HEALTH = {
    ConnectionHealth.WORKS: ("✓", "works", "good"),
    ConnectionHealth.FAILING: ("✗", "failing", "bad"),
    ConnectionHealth.WAITING: ("◌", "nothing received yet", "calm"),
    ConnectionHealth.UNKNOWN: ("?", "not tested", "calm"),
}
STATUS = {
    IncidentStatus.TRIGGERED: ("●", "triggered", "bad"),
    IncidentStatus.ACKNOWLEDGED: ("◐", "acknowledged", "warn"),
    IncidentStatus.RESOLVED: ("✓", "resolved", "good"),
}
SOURCE = {
    SourceStatus.ANSWERED: ("✓", "answered", "good"),
    SourceStatus.PARTIAL: ("◐", "partial", "warn"),
    SourceStatus.FAILED: ("✗", "did not answer", "bad"),
    SourceStatus.ASKING: ("…", "asking", "calm"),
}
VERDICT = {
    Verdict.LIKELY: ("◆", "good"),
    Verdict.POSSIBLE: ("◇", "warn"),
    Verdict.INCONCLUSIVE: ("?", "calm"),
    Verdict.NO_FAULT: ("✓", "calm"),
}
NONE = "–"


def mark(sign: str, word: str, tone: str) -> SafeString:
    """Return a mark with its word."""
    return format_html('<span class="mark {}"><span aria-hidden="true">{}</span> {}</span>', tone, sign, word)


def copyable(text: str) -> SafeString | str:
    """Return a text that one click selects whole."""
    return format_html('<code class="copyable">{}</code>', text) if text else ""


@register.simple_tag
def health_mark(connection: Connection) -> SafeString:
    """Return how a connection does."""
    if not connection.is_enabled:
        return mark("–", "switched off", "calm")
    return mark(*HEALTH.get(ConnectionHealth(connection.health), ("?", connection.health, "calm")))


@register.simple_tag
def status_mark(status: str) -> SafeString:
    """Return where an incident stands."""
    known = {str(key): value for key, value in STATUS.items()}
    return mark(*known.get(status, ("?", status, "calm")))


@register.simple_tag
def source_mark(status: str) -> SafeString:
    """Return how a source answered."""
    known = {str(key): value for key, value in SOURCE.items()}
    return mark(*known.get(status, ("?", status, "calm")))


@register.simple_tag
def verdict_mark(verdict: str) -> SafeString | str:
    """Return what a ranking amounts to."""
    if not verdict:
        return NONE
    known = {key.value: value for key, value in VERDICT.items()}
    sign, tone = known.get(verdict, ("?", "calm"))
    return mark(sign, verdict, tone)


@register.filter
def percent(share: float | None) -> str:
    """Return a share of 1 as a percentage."""
    return NONE if share is None else f"{share * 100:.0f} %"


@register.filter
def dollars(amount: float | None) -> str:
    """Return an amount of US dollars: cents, and less where it is less."""
    if not amount:
        return "$0"
    return f"${amount:,.2f}" if amount >= 0.01 else f"${amount:.4f}"


@register.filter
def duration(seconds: float | None) -> str:
    """Return a length of time with its unit."""
    if seconds is None:
        return NONE
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"


@register.filter
def web_address(link: str) -> str:
    """Return the link if it leads to the web, else nothing: `javascript:` and its kin came with the data."""
    try:
        parts = urlsplit(link.strip())
    except ValueError:
        return ""
    return link.strip() if parts.scheme in {"http", "https"} and parts.hostname else ""


@register.filter
def width(share: float) -> str:
    """Return a share of 1 as the length of a bar, which is an attribute and needs no style."""
    return f"{min(max(share, 0.0), 1.0) * 100:.1f}%"
