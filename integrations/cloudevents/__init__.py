"""CloudEvents 1.0 from any source: structured, batched and binary, over HTTP."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import textwrap
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import unquote

from pydantic import Field, SecretStr, field_validator

from integrations import mapping
from integrations.base import BadPayload, Credentials, Event, EventKind, Inbound, Integration, NotGenuine
from integrations.cloudevents import cdevents
from integrations.genuine import plain, require_header
from integrations.payload import clean, decode_value, required_text, seconds, shown, text

if TYPE_CHECKING:
    from collections.abc import Mapping

STRUCTURED = "application/cloudevents+json"
BATCHED = "application/cloudevents-batch+json"
MOST_EVENTS = 200
_ATTRIBUTE = re.compile(r"[a-z0-9]{1,40}")
_JSON = re.compile(r"(?:application|text)/(?:[\w.-]+\+)?json")
_ORIGIN = re.compile(r"[\w.:*-]{1,255}")

# Where the fields are looked for; `data` is the event's own, the others are its attributes.
DEFAULT = """
title: data.title || data.summary || data.name || data.message || subject || type
status: data.status || data.state || data.action || type
severity: data.severity || data.priority || data.level || severity
service: data.service || data.service_name || data.labels.service || subject
namespace: data.namespace || data.labels.namespace
symptom: data.symptom || data.alertname || data.labels.alertname
dedupe_key: data.dedupe_key || data.fingerprint || data.alert_id || data.incident_id || data.id
text: data.description || data.text || data.details
url: data.url || data.link
started_at: data.started_at || data.startsAt || time
labels: data.labels || data.tags
"""


class CloudEventsCredentials(Credentials):
    """Hold the token that the source sends, and where the fields are in its events."""

    token: SecretStr | None = Field(
        default=None,
        title="Token",
        description="What the source sends as Authorization (bearer or basic password), or as `X-Copilot-Token`.",
    )
    mapping: str = Field(
        default="",
        title="Mapping",
        description="YAML: where title, status, severity, service and so on are in the event, as JMESPath.",
    )

    @field_validator("mapping", mode="before")
    @classmethod
    def _indented_text_stays_yaml(cls, value: object) -> object:
        return textwrap.dedent(value) if isinstance(value, str) else value

    @field_validator("mapping")
    @classmethod
    def _is_a_mapping(cls, value: str) -> str:
        mapping.parse(value, DEFAULT)
        return value


class CloudEvents(Integration):
    """Take CloudEvents 1.0 in that tell of alerts, and CDEvents that tell of changes: structured, batched and binary mode."""

    slug: ClassVar[str] = "cloudevents"
    title: ClassVar[str] = "CloudEvents"
    Credentials: ClassVar[type[Credentials]] = CloudEventsCredentials
    gives: ClassVar[str] = (
        "events that begin or end an alert as incidents; CDEvents of deployments, pipelines that deploy and merges as changes; what "
        "tells neither is ignored, with the reason kept"
    )
    needs: ClassVar[str] = "a source or broker that posts CloudEvents 1.0 with the token as a header"
    limits: ClassVar[str] = "data must be JSON; 200 events a batch; the XML, Avro and Protobuf formats are refused"
    setup: ClassVar[str] = """
        Let the source post to the address with `Authorization: Bearer TOKEN`, in any of the three content modes. The question of the
        [webhook specification](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/http-webhook.md) by which a source asks for
        permission (`OPTIONS` with `WebHook-Request-Origin`) is answered.

        ```sh
        curl -fsS -X POST https://copilot.example.org/hooks/cloudevents/KEY -H 'Authorization: Bearer TOKEN' \\
            -H 'ce-specversion: 1.0' -H 'ce-id: 1' -H 'ce-source: /shop/monitor' -H 'ce-type: com.example.alert.firing' \\
            -H 'ce-subject: checkout' -H 'Content-Type: application/json' -d '{"title": "Checkout is slow", "severity": "critical"}'
        ```

        Whether an event begins or ends an alert is said by `status`, `state` or `action` in its data, else by the last word of its type
        (`com.example.alert.firing`, `com.example.alert.resolved`). The other fields are looked for in the data as those of
        [any webhook](webhook.md#set-up) are, under `data`; the service and title may also be the `subject`. A mapping in the same form
        says otherwise, with the attributes beside `data`:

        ```yaml
        title: data.check.name
        status: type
        statuses: {com.example.check.red: triggered, com.example.check.green: resolved}
        service: subject
        dedupe_key: join('/', [source, subject])
        ```

        ### CDEvents

        Events of types `dev.cdevents.…` ([CDEvents](https://cdevents.dev), versions 0.1 to 0.6, as Tekton, Jenkins and Keptn send them)
        are read by their own specification, whatever the mapping says:

        | event | becomes |
        |---|---|
        | `service.deployed`, `upgraded`, `rolledback`, `removed`, `published` | a change of the service at `artifactId`'s version |
        | `deployment.queued`, `started`, `finished` | one change of the artifact that moves on, with its `outcome` |
        | `pipelinerun.queued`, `started`, `finished` | the same, for a pipeline that is named for deploying |
        | `change.merged` | a change of the repository, which runs once it is deployed |
        | `incident.detected`, `reported`, `resolved` | an incident of the service that `content.service` names |

        A service is named by the end of the subject's id, its version by the tag or else the version of the package URL. A pipeline such as
        `deploy-checkout` or `checkout release` tells by its name that it deploys, and what.
        `content.environment` is kept: what is deployed to staging is no lead in production. The other CDEvents are ignored. What other
        sources tell of the same deployment, by its version or at its time, is one change with this.
    """
    trial: ClassVar[str] = "the `curl` in docs/integrations/cloudevents.md, with the address and the token"
    receives: ClassVar[bool] = True
    generated: ClassVar[tuple[str, ...]] = ("token",)
    keeps: ClassVar[tuple[str, ...]] = ("ce-*",)
    reads_by_credentials: ClassVar[bool] = True

    def verify(self, inbound: Inbound, credentials: CloudEventsCredentials) -> None:
        """Return if the request carries the token.

        :raises NotGenuine: where it does not.
        """
        token = plain(credentials.token)
        if not token:
            raise NotGenuine("this CloudEvents connection has no token")
        require_header(inbound.headers, token)

    def greet(self, inbound: Inbound) -> Mapping[str, str] | None:
        """Return what allows the source to send, and as often as it asked for."""
        origin = inbound.headers.get("webhook-request-origin", "").strip()
        if not _ORIGIN.fullmatch(origin):
            return None
        rate = inbound.headers.get("webhook-request-rate", "").strip()
        allowed = {"WebHook-Allowed-Rate": rate} if re.fullmatch(r"[1-9][0-9]{0,6}|\*", rate) else {}
        return {"Allow": "POST", "WebHook-Allowed-Origin": origin, **allowed}

    def external_id(self, inbound: Inbound) -> str:
        """Return a hash of source and id, which make an event unique; of the whole body for a batch."""
        try:
            found = envelopes(inbound)
        except BadPayload:
            found = []
        if len(found) == 1 and text(found[0], "id"):
            whole = json.dumps([text(found[0], "source"), text(found[0], "id")])
            return hashlib.sha256(whole.encode()).hexdigest()
        return hashlib.sha256(inbound.body).hexdigest()

    def parse(self, inbound: Inbound) -> tuple[Event, ...]:
        """Return an event for each CloudEvent, its fields looked for where they usually are.

        :raises BadPayload: where one is no CloudEvent 1.0; the text names the attribute.
        """
        return self._events(inbound, mapping.parse("", DEFAULT))

    def read(self, inbound: Inbound, credentials: CloudEventsCredentials) -> tuple[Event, ...]:
        """Return an event for each CloudEvent as the connection's mapping finds it.

        :raises BadPayload: as `parse` does.
        """
        return self._events(inbound, mapping.parse(credentials.mapping, DEFAULT))

    def _events(self, inbound: Inbound, wanted: mapping.Mapping) -> tuple[Event, ...]:
        found: list[Event] = []
        for envelope in envelopes(inbound):
            if cdevents.is_cdevent(envelope):
                found.append(cdevents.read(envelope, source=self.slug, received_at=inbound.received_at))
                continue
            try:
                found += wanted.events(envelope, source=self.slug, received_at=inbound.received_at)
            except mapping.NoStatus as unknown:
                # A broker sends all sorts of events: that one is about no alert is no mistake.
                found.append(self._ignored(envelope, str(unknown), inbound.received_at))
        return tuple(found)

    def _ignored(self, envelope: Mapping[str, Any], reason: str, received_at: float) -> Event:
        at = seconds(envelope.get("time")) or received_at
        whole = json.dumps([text(envelope, "source"), text(envelope, "id")])
        return Event(
            source=self.slug,
            kind=EventKind.IGNORED,
            event_type=text(envelope, "type")[:80],
            dedupe_key=hashlib.sha256(whole.encode()).hexdigest(),
            occurred_at=at,
            started_at=at,
            reason=reason,
        )


def envelopes(inbound: Inbound) -> list[dict[str, Any]]:
    """Return the CloudEvents of a request, each as its attributes with `data` decoded.

    :raises BadPayload: where one is no CloudEvent 1.0; the text names the attribute.
    """
    sort = inbound.headers.get("content-type", "").partition(";")[0].strip().lower()
    if "ce-specversion" in inbound.headers and sort not in {STRUCTURED, BATCHED}:
        return [_binary(inbound, sort)]
    if sort.startswith("application/cloudevents") and sort not in {STRUCTURED, BATCHED}:
        raise BadPayload(f"the format {sort[:80]} is not read: send {STRUCTURED} or {BATCHED}")
    value = decode_value(inbound.body)
    if isinstance(value, list) and sort != STRUCTURED:
        if len(value) > MOST_EVENTS:
            raise BadPayload(f"a batch must hold at most {MOST_EVENTS} events, got {len(value)}")
        return [_structured(one, f"[{place}].") for place, one in enumerate(value)]
    return [_structured(value, "")]


def _structured(value: object, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadPayload(f"`{path or 'body'}` must be a CloudEvent, got {shown(value)}")
    _check(value, path)
    envelope = dict(value)
    if "data_base64" in envelope:
        if "data" in envelope:
            raise BadPayload(f"`{path}data` and `{path}data_base64` must not both be there")
        envelope["data"] = _data(_unpacked(envelope.pop("data_base64"), path), text(value, "datacontenttype"))
    return envelope


def _binary(inbound: Inbound, sort: str) -> dict[str, Any]:
    envelope: dict[str, Any] = {}
    for name, value in inbound.headers.items():
        attribute = name.removeprefix("ce-")
        if name.startswith("ce-") and _ATTRIBUTE.fullmatch(attribute) and attribute != "data":
            # The HTTP binding percent-encodes what a header cannot hold.
            envelope[attribute] = clean(unquote(value))
    _check(envelope, "ce-")
    if sort:
        envelope["datacontenttype"] = sort
    if inbound.body:
        envelope["data"] = _data(inbound.body, sort)
    return envelope


def _check(envelope: Mapping[str, Any], path: str) -> None:
    """Refuse what is no CloudEvent 1.0, by the specification's required attributes and their types."""
    for name in ("id", "source", "specversion", "type"):
        if not isinstance(envelope.get(name), str):
            raise BadPayload(f"`{path}{name}` must be a non-empty text, got {shown(envelope.get(name))}")
        required_text(envelope, name, f"{path}{name}", longest=2000)
    if envelope["specversion"] != "1.0":
        raise BadPayload(f"`{path}specversion` must be 1.0, got {shown(envelope['specversion'])}")
    for name in ("subject", "time", "datacontenttype", "dataschema"):
        value = envelope.get(name)
        if value is not None and (not isinstance(value, str) or not value):
            raise BadPayload(f"`{path}{name}` must be a non-empty text where it is there, got {shown(value)}")
    if envelope.get("time") is not None and seconds(envelope["time"]) is None:
        raise BadPayload(f"`{path}time` must be an RFC 3339 time, got {shown(envelope['time'])}")


def _unpacked(value: object, path: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True) if isinstance(value, str) else b""
    except (binascii.Error, ValueError):
        raise BadPayload(f"`{path}data_base64` must be base64") from None


def _data(body: bytes, sort: str) -> Any:
    """Return the data of an event: JSON where its type says so, or says nothing; another sort of text as it is."""
    if not sort or _JSON.fullmatch(sort.partition(";")[0].strip().lower()):
        return decode_value(body)
    return clean(body.decode("utf-8", "replace"))
