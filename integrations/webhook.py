"""Webhooks of anything that sends JSON: a mapping of the tenant's says where its fields are."""

from __future__ import annotations

import hashlib
import re
import textwrap
from typing import ClassVar

from pydantic import Field, SecretStr, field_validator

from integrations import mapping
from integrations.base import Credentials, Event, Inbound, Integration, NotGenuine
from integrations.genuine import TOKEN_HEADER, plain, require_header, require_signature, separated
from integrations.payload import clean, decode_value

_LONGEST_ID = 200


class WebhookCredentials(Credentials):
    """Hold how requests are told genuine, and where their fields are."""

    token: SecretStr | None = Field(
        default=None,
        title="Token",
        description="What the sender puts into the token header, or into Authorization as bearer or basic password.",
    )
    header: str = Field(
        default=TOKEN_HEADER,
        title="Token's header",
        description="The header that holds the token, if not Authorization.",
    )
    hmac_secret: SecretStr | None = Field(
        default=None,
        title="HMAC secret",
        description=(
            "Where the sender signs the body with HMAC-SHA256 (hex); then the token does not count. "
            "Several, separated by commas, while you rotate it."
        ),
    )
    signature_header: str = Field(
        default="x-hub-signature-256",
        title="Signature header",
        description="The header that holds the signature; `sha256=` before it is passed over.",
    )
    mapping: str = Field(
        default="",
        title="Mapping",
        description="YAML: where title, status, severity, service and so on are in the body, as JMESPath.",
    )

    @field_validator("header", "signature_header")
    @classmethod
    def _is_a_header(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9-]{1,60}", value):
            raise ValueError("must be a header's name: letters, digits and -")
        return value.lower()

    @field_validator("mapping", mode="before")
    @classmethod
    def _indented_text_stays_yaml(cls, value: object) -> object:
        return textwrap.dedent(value) if isinstance(value, str) else value

    @field_validator("mapping")
    @classmethod
    def _is_a_mapping(cls, value: str) -> str:
        mapping.parse(value)
        return value


class Webhook(Integration):
    """Take any JSON in that tells of an alert; a small mapping says where in it the fields are.

    Where the fields are called as in the table below, no mapping is needed. A body that the mapping does not fit is answered 422 with
    the field's name, so that `curl` is enough to try it.
    """

    slug: ClassVar[str] = "webhook"
    title: ClassVar[str] = "Webhook from anything"
    Credentials: ClassVar[type[Credentials]] = WebhookCredentials
    gives: ClassVar[str] = (
        "alerts as incidents, with whatever of title, status, severity, service, link and labels the sender has"
    )
    needs: ClassVar[str] = "a sender of JSON with a token in a header, or an HMAC-SHA256 of the body in one"
    limits: ClassVar[str] = "at most 200 alerts a request; a mapping chooses and renames, it does not compute"
    setup: ClassVar[str] = """
        ```sh
        copilot connect acme webhook --set mapping=@mapping.yaml
        curl -fsS -X POST https://copilot.example.org/hooks/webhook/KEY -H 'X-Copilot-Token: TOKEN' \\
            -d '{"title": "Backup failed", "status": "firing", "severity": "error", "service": "backup"}'
        ```

        Without a mapping, a body with all that is read:

        ```json
        {
          "title": "Backup of orders failed",
          "status": "firing",
          "severity": "error",
          "service": "orders",
          "namespace": "shop",
          "dedupe_key": "backup-orders",
          "symptom": "BackupFailed",
          "started_at": "2026-11-21T03:00:00Z",
          "description": "pg_dump ended with 1",
          "url": "https://backup.example.org/runs/42",
          "labels": {"region": "eu-west-1"}
        }
        ```

        The same with `"status": "resolved"` ends the incident.

        The mapping is YAML. Each line is a field and a [JMESPath](https://jmespath.org) expression: `alert.name` is a path, `a || b` the
        first that is there, `'text'` in quotes a constant. This one reads what a Zabbix media type might send:

        ```yaml
        title: trigger.name
        status: event.value
        statuses: {"1": triggered, "0": resolved, "2": ignored}
        severity: trigger.severity
        severities: {Disaster: critical, High: error, Average: warning, Information: info}
        service: host.tags.service || host.name
        dedupe_key: event.trigger_id
        started_at: event.clock
        url: trigger.url
        labels: host.tags
        ```

        ```json
        {
          "event": {"value": "1", "trigger_id": "18123", "clock": 1795230000},
          "trigger": {"name": "Disk is full on db1", "severity": "High", "url": "https://zabbix.example.org/tr_events.php?triggerid=18123"},
          "host": {"name": "db1", "tags": {"service": "orders"}}
        }
        ```

        | field | | where it is looked for without a mapping |
        |---|---|---|
        | `title` | required | `title`, `summary`, `name`, `message` |
        | `status` | required | `status`, `state`, `action`; firing, open, down, resolved, ok … are known, others go into `statuses` |
        | `severity` | | `severity`, `priority`, `level`; common words and P1 to P5 are known, others go into `severities` |
        | `service`, `namespace` | | the same, or under `labels` |
        | `dedupe_key` | | `dedupe_key`, `fingerprint`, `alert_id`, `incident_id`, `id`; else one alert a service and symptom |
        | `symptom` | | `symptom`, `alertname`; else the title without its numbers |
        | `started_at` | | `started_at`, `startsAt`, `timestamp`, `time`: RFC 3339, Unix seconds or milliseconds; else now |
        | `text`, `url` | | `description`, `text`, `details`; `url`, `link` |
        | `labels` | | `labels`, `tags`: an object, or a list of `key:value` |
        | `alerts` | | the path of a list, where one request tells of several alerts; the other paths are then within each |
    """
    trial: ClassVar[str] = "the `curl` in docs/integrations/webhook.md, with the address and the token"
    receives: ClassVar[bool] = True
    generated: ClassVar[tuple[str, ...]] = ("token",)
    validates_at_door: ClassVar[bool] = True
    reads_by_credentials: ClassVar[bool] = True

    def verify(self, inbound: Inbound, credentials: WebhookCredentials) -> None:
        """Return if the body is signed with the secret, where there is one, else if the request carries the token.

        :raises NotGenuine: where it is not.
        """
        secrets = separated(plain(credentials.hmac_secret))
        token = plain(credentials.token)
        if secrets:
            given = inbound.headers.get(credentials.signature_header, "").strip().removeprefix("sha256=")
            require_signature(inbound.body, secrets=secrets, signatures=(given,))
        elif token:
            require_header(inbound.headers, token, name=credentials.header)
        else:
            raise NotGenuine("this connection has neither a token nor an HMAC secret")

    def external_id(self, inbound: Inbound) -> str:
        """Return the `Idempotency-Key` header, else a hash of the body and the time in seconds: equal bodies may be two alerts."""
        given = clean(inbound.headers.get("idempotency-key", ""))
        if 0 < len(given) <= _LONGEST_ID:
            return given
        return hashlib.sha256(inbound.body + f"{inbound.received_at:.0f}".encode()).hexdigest()

    def parse(self, inbound: Inbound) -> tuple[Event, ...]:
        """Return the events of a body whose fields are where they are looked for without a mapping.

        :raises BadPayload: where a field is missing or wrong; the text names it.
        """
        return mapping.parse("").events(decode_value(inbound.body), source=self.slug, received_at=inbound.received_at)

    def read(self, inbound: Inbound, credentials: WebhookCredentials) -> tuple[Event, ...]:
        """Return the events as the connection's mapping finds them.

        :raises BadPayload: as `parse` does.
        """
        wanted = mapping.parse(credentials.mapping)
        return wanted.events(decode_value(inbound.body), source=self.slug, received_at=inbound.received_at)
