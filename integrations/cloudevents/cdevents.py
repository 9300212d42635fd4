"""CDEvents (https://cdevents.dev): what pipelines and deployers tell in CloudEvents of types `dev.cdevents.…`.

Events of a service, a deployment, a merged change and a pipeline that deploys are changes; those of an incident are incidents.
The versions 0.1 to 0.6 of the specification put what is read here into the same places.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, unquote

from integrations.base import Action, Event, EventKind, ServiceReference
from integrations.naming import service_of
from integrations.payload import link, part, required_part, required_text, seconds, text
from integrations.wording import symptom
from scoring.observations import Change, ChangeKind, Entity, EntityKind

if TYPE_CHECKING:
    from collections.abc import Mapping

_TYPE: Final = re.compile(r"dev\.cdevents\.(?P<subject>[a-z]+)\.(?P<predicate>[a-z]+)\b", re.IGNORECASE)
# What became of a service, as the sentence about it goes on and as its status here.
_SERVICE: Final[Mapping[str, tuple[str, str]]] = {
    "deployed": ("deployed", "succeeded"),
    "upgraded": ("upgraded", "succeeded"),
    "rolledback": ("rolled back", "rolled_back"),
    "removed": ("removed", "succeeded"),
    "published": ("published", "succeeded"),
}
_PLACED: Final[Mapping[str, str]] = {"upgraded": "in", "rolledback": "in", "published": "in", "removed": "from"}
_RUN: Final[Mapping[str, str]] = {"queued": "pending", "started": "in_progress", "finished": "succeeded"}
_OUTCOMES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("success", "successful", "succeeded", "pass"), "succeeded"),
    **dict.fromkeys(("failure", "failed", "fail", "error"), "failed"),
    **dict.fromkeys(("cancel", "canceled", "cancelled", "aborted", "skipped"), "cancelled"),
}
_INCIDENT: Final[Mapping[str, Action]] = {
    "detected": Action.TRIGGERED,
    "reported": Action.TRIGGERED,
    "resolved": Action.RESOLVED,
}
# A pipeline that changes what runs says so in its name; the rest of the name is the service's.
_DEPLOYS: Final = re.compile(
    r"(?:^|(?<=[-_./ ]))(?:deploy(?:s|ment|er)?|release|rollout|promote|ship|cd)(?=[-_./ ]|$)", re.IGNORECASE
)
_LONGEST_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class Artifact:
    """Hold what a package URL (https://github.com/package-url/purl-spec) names: a name and a version, each perhaps empty."""

    name: str = ""
    version: str = ""
    digest: str = ""


def is_cdevent(envelope: Mapping[str, Any]) -> bool:
    """Return whether a CloudEvent holds a CDEvent."""
    return text(envelope, "type").lower().startswith("dev.cdevents.")


def read(envelope: Mapping[str, Any], *, source: str, received_at: float) -> Event:
    """Return the event that a CDEvent is; what changes nothing that runs is ignored, with the reason.

    :raises BadPayload: where it is none; the text names the field.
    """
    found = _TYPE.match(text(envelope, "type"))
    subject, predicate = (found["subject"].lower(), found["predicate"].lower()) if found else ("", "")
    body = required_part(envelope, "data", "data")
    about = required_part(body, "subject", "data.subject")
    required_text(about, "id", "data.subject.id", longest=2000)
    at = seconds(part(body, "context").get("timestamp")) or seconds(envelope.get("time")) or received_at
    told = _Told(envelope, about, part(about, "content"), subject, predicate, at, source)
    if subject == "service" and predicate in _SERVICE:
        return told.of_service(*_SERVICE[predicate])
    if subject == "deployment" and predicate in _RUN:
        return told.of_deployment()
    if subject == "pipelinerun" and predicate in _RUN:
        return told.of_pipeline(part(body, "customData"))
    if subject == "change" and predicate == "merged":
        return told.of_merge()
    if subject == "incident" and predicate in _INCIDENT:
        return told.of_incident(_INCIDENT[predicate])
    return told.ignored(f"a CDEvent of {subject or 'no subject'} {predicate} changes nothing that runs")


def artifact(identifier: str) -> Artifact:
    """Return what a package URL names; any other text is a version by itself.

    The tag says more to people than the digest of an image, which is kept beside it.
    """
    if not identifier.startswith("pkg:"):
        return Artifact(version=identifier[:_LONGEST_NAME])
    path, _, rest = identifier.removeprefix("pkg:").partition("?")
    path, _, version = path.partition("#")[0].partition("@")
    tag = (parse_qs(rest.partition("#")[0], max_num_fields=50).get("tag") or [""])[0] if rest.count("&") < 50 else ""
    version = unquote(version)
    name = unquote(path.rstrip("/").rpartition("/")[2])
    is_digest = version.startswith("sha256:")
    return Artifact(name, (tag or version)[:_LONGEST_NAME], version[:_LONGEST_NAME] if is_digest else "")


@dataclass(frozen=True, slots=True)
class _Told:
    """Hold one CDEvent: its envelope, its subject with the content, and when it happened in Unix seconds."""

    envelope: Mapping[str, Any]
    about: Mapping[str, Any]
    content: Mapping[str, Any]
    subject: str
    predicate: str
    at: float
    source: str

    @property
    def environment(self) -> str:
        return _name(text(part(self.content, "environment"), "name", "id"))

    def of_service(self, verb: str, status: str) -> Event:
        thing = artifact(text(self.content, "artifactId"))
        name = _name(text(self.about, "id")) or thing.name
        version = f" {thing.version}" if thing.version and self.predicate != "removed" else ""
        # Each of these tells of a moment: what happens to the service again is another change.
        key = self._key(text(self.envelope, "source"), text(self.envelope, "id"))
        return self._change(name, f"{name}{version} {verb}", thing, ChangeKind.DEPLOYMENT, status, key)

    def of_deployment(self) -> Event:
        thing = artifact(text(self.content, "artifactId"))
        name = thing.name or _name(text(self.about, "id"))
        title = f"{name} {thing.version}".strip()
        return self._change(name, title, thing, ChangeKind.DEPLOYMENT, self._outcome(), self._subject_key())

    def of_pipeline(self, custom: Mapping[str, Any]) -> Event:
        pipeline = text(self.content, "pipelineName") or _name(text(self.about, "id"))
        if not _DEPLOYS.search(pipeline):
            return self.ignored(
                f"a run of the pipeline {pipeline[:80]!r} changes nothing that runs: its name does not say that it deploys"
            )
        name = re.sub(r"[-_./ ]+", "-", _DEPLOYS.sub("", pipeline)).strip("-") or pipeline
        thing = artifact(text(custom, "version", "artifactId", "commit", "sha"))
        title = f"pipeline {pipeline}"
        return self._change(name, title, thing, ChangeKind.DEPLOYMENT, self._outcome(), self._subject_key())

    def of_merge(self) -> Event:
        repository = text(part(self.content, "repository"), "id")[:_LONGEST_NAME]
        name = _name(repository)
        title = f"{repository or 'a repository'}: change {text(self.about, 'id')[:100]} merged"
        thing = Artifact(version=text(self.content, "sha", "commit")[:_LONGEST_NAME])
        return self._change(name, title, thing, ChangeKind.OTHER, "merged", self._subject_key(), repository)

    def of_incident(self, action: Action) -> Event:
        service = part(self.content, "service")
        name = _name(text(service, "id"))
        description = text(self.content, "description")
        title = description.partition("\n")[0][:300] or f"{name or 'an'} incident {text(self.about, 'id')[:100]}"
        labels = {"environment": self.environment} if self.environment else {}
        return Event(
            source=self.source,
            kind=EventKind.INCIDENT,
            event_type=f"incident.{self.predicate}",
            dedupe_key=self._subject_key(),
            occurred_at=self.at,
            started_at=self.at,
            action=action,
            status="resolved" if action is Action.RESOLVED else "triggered",
            title=title,
            # What resolves an incident describes the end: only the beginning's words say what is wrong.
            symptom="" if action is Action.RESOLVED else symptom(title)[:300],
            service=service_of({**labels, **({"service": name} if name else {})}),
            url=link(self.content, "url", "uri"),
            text=description,
            labels=labels,
        )

    def ignored(self, reason: str) -> Event:
        return Event(
            source=self.source,
            kind=EventKind.IGNORED,
            event_type=f"{self.subject}.{self.predicate}"[:80],
            dedupe_key=self._key(text(self.envelope, "source"), text(self.envelope, "id")),
            occurred_at=self.at,
            started_at=self.at,
            reason=reason,
        )

    def _change(
        self, service: str, title: str, thing: Artifact, kind: ChangeKind, status: str, key: str, repository: str = ""
    ) -> Event:
        service = service[:_LONGEST_NAME]
        place = self.environment
        said = text(self.content, "errors") if status == "failed" else ""
        details = (place and f"environment {place}", thing.digest and f"image {thing.digest[:19]}", said[:500])
        change = Change(
            entity=Entity(EntityKind.SERVICE, service),
            kind=kind,
            at=self.at,
            title=f"{title} {_PLACED.get(self.predicate, 'to')} {place}"
            if place and kind is ChangeKind.DEPLOYMENT
            else title,
            source=self.source,
            link=link(self.content, "url", "uri"),
            version=thing.version,
            status=status,
            detail="; ".join(part for part in details if part),
            key=thing.version,
        )
        labels = {"environment": place} if place else {}
        return Event(
            source=self.source,
            kind=EventKind.CHANGE,
            event_type=f"{self.subject}.{self.predicate}",
            dedupe_key=key,
            occurred_at=self.at,
            started_at=self.at,
            title=change.title,
            service=ServiceReference(name=service, repository=repository, labels=labels),
            url=change.link,
            labels=labels,
            change=change,
        )

    def _outcome(self) -> str:
        given = text(self.content, "outcome").lower()
        return _OUTCOMES.get(given, "succeeded") if self.predicate == "finished" else _RUN[self.predicate]

    def _subject_key(self) -> str:
        """Return what the events of one run, deployment, merge or incident share."""
        return self._key(
            self.subject, text(self.about, "source") or text(self.envelope, "source"), text(self.about, "id")
        )

    def _key(self, *words: str) -> str:
        return f"cdevents-{hashlib.sha256(json.dumps(words).encode()).hexdigest()[:40]}"


def _name(identifier: str) -> str:
    """Return the last part of an identifier such as `/namespaces/shop/checkout`."""
    return identifier.rstrip("/").rpartition("/")[2].strip()[:_LONGEST_NAME]
