"""A tenant's mapping: JMESPath expressions that say where in any JSON the fields of an alert are.

https://jmespath.org: `alert.name` is a path, `a || b` the first that is there, `'text'` a constant.
"""

from __future__ import annotations

import hashlib
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Literal

import jmespath
import yaml
from jmespath.exceptions import JMESPathError
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from integrations.base import Action, BadPayload, Event, EventKind, ServiceReference
from integrations.naming import service_of, tagged
from integrations.payload import link, moment_of, shown, text, texts
from integrations.wording import severity as severity_word
from integrations.wording import symptom

if TYPE_CHECKING:
    from collections.abc import Mapping as Map

    from jmespath.parser import ParsedResult

Status = Literal["triggered", "acknowledged", "resolved", "ignored"]

LONGEST = 32 * 1024
LONGEST_PATH = 500
MOST_ALERTS = 200
_ACTIONS = {"triggered": Action.TRIGGERED, "acknowledged": Action.ACKNOWLEDGED, "resolved": Action.RESOLVED}
# What vendors call the states of an alert.
_STATUSES: Map[str, Status] = {
    **dict.fromkeys(("triggered", "trigger", "firing", "fired", "alerting", "alert", "alarm", "problem"), "triggered"),
    **dict.fromkeys(("open", "opened", "active", "down", "failing", "failed", "failure", "unhealthy"), "triggered"),
    **dict.fromkeys(("critical", "error", "warning", "degraded", "nok"), "triggered"),
    **dict.fromkeys(("acknowledged", "acknowledge", "ack", "acked", "investigating"), "acknowledged"),
    **dict.fromkeys(
        ("resolved", "resolve", "closed", "close", "recovered", "recovery", "cleared", "clear"), "resolved"
    ),
    **dict.fromkeys(("ok", "okay", "up", "healthy", "normal", "inactive", "success", "succeeded", "fixed"), "resolved"),
}
# As the last word of a dotted type, such as com.example.alert.resolved, only these are about alerts beyond doubt.
_SURE = frozenset({"firing", "fired", "triggered", "alerting", "acknowledged", "resolved", "recovered", "cleared"})


class NoStatus(BadPayload):
    """Refuse an alert whose status is not given or not understood."""


class Mapping(BaseModel):
    """Hold where the fields of an alert are; each is a JMESPath expression within the body, or within each of `alerts`."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    alerts: str = ""
    title: str = "title || summary || name || message"
    status: str = "status || state || action"
    severity: str = "severity || priority || level"
    service: str = "service || service_name || labels.service"
    namespace: str = "namespace || labels.namespace"
    symptom: str = "symptom || alertname || labels.alertname"
    dedupe_key: str = "dedupe_key || fingerprint || alert_id || incident_id || id"
    text: str = "description || text || details"
    url: str = "url || link"
    started_at: str = "started_at || startsAt || timestamp || time"
    labels: str = "labels || tags"
    statuses: dict[str, Status] = {}
    severities: dict[str, Literal["critical", "error", "warning", "info"]] = {}

    @field_validator("*")
    @classmethod
    def _is_an_expression(cls, value: Any) -> Any:
        if isinstance(value, str) and value:
            if len(value) > LONGEST_PATH:
                raise ValueError(f"must be at most {LONGEST_PATH} characters long")
            try:
                jmespath.compile(value)
            except JMESPathError as error:
                raise ValueError(f"is no JMESPath expression: {str(error).splitlines()[0][:200]}") from None
        return value

    @field_validator("statuses", "severities", mode="before")
    @classmethod
    def _words_are_texts(cls, value: Any) -> Any:
        # YAML reads `on`, `off` and `1` as something else than the words that a vendor sends.
        if isinstance(value, dict):
            return {_word(key): word for key, word in value.items()}
        return value

    @cached_property
    def _paths(self) -> dict[str, ParsedResult]:
        return {name: jmespath.compile(value) for name, value in self if isinstance(value, str) and value}

    def events(self, document: Any, *, source: str, received_at: float) -> tuple[Event, ...]:
        """Return the events of the alerts in a JSON document.

        :raises NoStatus: where an alert's status is missing or not understood.
        :raises BadPayload: where another field is; the text names the field and where it was looked for.
        """
        if not self.alerts:
            return (self.event(document, source=source, received_at=received_at),)
        found = self._value(document, "alerts")
        if not isinstance(found, list):
            raise BadPayload(f"`alerts` must be a list at `{self.alerts}`, got {shown(found)}")
        if len(found) > MOST_ALERTS:
            raise BadPayload(f"`alerts` must be at most {MOST_ALERTS}, got {len(found)}")
        return tuple(self.event(one, source=source, received_at=received_at) for one in found)

    def event(self, alert: Any, *, source: str, received_at: float) -> Event:
        """Return the event of one alert; the errors are those of `events`."""
        title = self._text(alert, "title")
        if not title:
            raise BadPayload(
                f"`title` must be a non-empty text at `{self.title}`, got {shown(self._value(alert, 'title'))}"
            )
        status = self._status(alert)
        started_at = self._moment(alert, received_at)
        given = self._value(alert, "labels")
        labels = texts(given) or tagged(given)
        named = self._text(alert, "service")
        reference = service_of({**labels, **({"service": named} if named else {})})
        namespace = self._text(alert, "namespace") or reference.namespace
        what = self._text(alert, "symptom") or symptom(title)
        return Event(
            source=source,
            kind=EventKind.IGNORED if status == "ignored" else EventKind.INCIDENT,
            event_type=f"alert.{status}",
            dedupe_key=self._key(alert, reference.name, what),
            # When it was told: what a sender dates is mostly the alert's begin, also in later words about it.
            occurred_at=max(started_at, received_at),
            started_at=started_at,
            action=_ACTIONS.get(status),
            status=None if status == "ignored" else status,
            title=title,
            symptom=what[:300],
            severity=self._severity(alert),
            service=ServiceReference(name=named or reference.name, namespace=namespace, labels=labels),
            url=link({"url": self._value(alert, "url")}, "url"),
            text=self._text(alert, "text"),
            labels=labels,
            reason="the mapping says that this status is ignored" if status == "ignored" else "",
        )

    def _value(self, alert: Any, name: str) -> Any:
        path = self._paths.get(name)
        if path is None:
            return None
        try:
            return path.search(alert)
        except (JMESPathError, RecursionError, ArithmeticError, ValueError, TypeError) as error:
            raise BadPayload(f"`{name}`: `{getattr(self, name)}` cannot be used here: {str(error)[:150]}") from None

    def _text(self, alert: Any, name: str) -> str:
        value = self._value(alert, name)
        return _word(value) if isinstance(value, str | int | float) else ""

    def _status(self, alert: Any) -> Status:
        word = self._text(alert, "status")
        known = {**_STATUSES, **{key.lower(): status for key, status in self.statuses.items()}}
        last = word.lower().rpartition(".")[2]
        found = known.get(word.lower()) or (known[last] if last in _SURE else None)
        if found:
            return found
        where = f"`status` (looked for at `{self.status}`)"
        if not word:
            raise NoStatus(f"{where} is missing; a constant is written with quotes: status: \"'firing'\"")
        raise NoStatus(f"{where} is {shown(word)}, which is no known word; say in `statuses` what it means")

    def _severity(self, alert: Any) -> str:
        word = self._text(alert, "severity")
        chosen = {key.lower(): severity for key, severity in self.severities.items()}
        return chosen.get(word.lower()) or severity_word(word)

    def _moment(self, alert: Any, received_at: float) -> float:
        value = self._value(alert, "started_at")
        if value is None or value == "":
            return received_at
        moment = moment_of({"at": value}, "at")
        if moment is None:
            raise BadPayload(
                f"`started_at` must be an RFC 3339 or Unix time at `{self.started_at}`, got {shown(value)}"
            )
        return moment

    def _key(self, alert: Any, service: str, what: str) -> str:
        """Return the alert's key; without one, alerts of the same service and symptom are the same."""
        given = self._text(alert, "dedupe_key")
        if given:
            return given if len(given) <= 200 else hashlib.sha256(given.encode()).hexdigest()
        return hashlib.sha256(f"{service}\x00{what}".encode()).hexdigest()[:32]


# A webhook's credentials are opened, and with them the mapping, for each request.
@lru_cache(maxsize=256)
def parse(written: str, defaults: str = "") -> Mapping:
    """Return the mapping of a YAML text; what it leaves out is as in the defaults, another such text.

    :raises ValueError: where it is none; the text names the field.
    """
    if len(written) > LONGEST:
        raise ValueError(f"must be at most {LONGEST} characters long")
    try:
        given = yaml.safe_load(written) if written.strip() else {}
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ValueError(f"must be YAML: {' '.join(str(error).split())[:200]}") from None
    if not isinstance(given, dict):
        raise ValueError(f"must be YAML lines `field: path`, got {shown(given)}")  # noqa: TRY004 - for the form, as the rest
    try:
        return Mapping.model_validate({**(parse(defaults) if defaults else Mapping()).model_dump(), **given})
    except ValidationError as error:
        unknown = f"is no field of a mapping; there are {', '.join(Mapping.model_fields)}"
        problems = (
            f"`{'.'.join(str(part) for part in one['loc'])}` "
            + (unknown if one["type"] == "extra_forbidden" else one["msg"].removeprefix("Value error, "))
            for one in error.errors(include_input=False, include_url=False)
        )
        raise ValueError("; ".join(problems)) from None


def _word(value: object) -> str:
    """Return a value as the word that a vendor means by it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return text({"value": value}, "value")
