"""Grafana Alerting: the notifications of its webhook contact points, one event for each alert."""

from __future__ import annotations

import re
from typing import ClassVar

from pydantic import Field, SecretStr

from integrations import notifications
from integrations.base import Credentials, Event, Inbound, Integration, NotGenuine
from integrations.genuine import plain, require_signature, require_token, separated

SIGNATURE = "x-grafana-alerting-signature"
TIMESTAMP = "x-grafana-alerting-timestamp"
# Where Grafana signs a time as well, how far it may be from ours (seconds): it signs each attempt anew.
TOLERANCE = 300.0


class GrafanaCredentials(Credentials):
    """Hold the token that Grafana sends, or the secret that it signs with, which then counts alone."""

    hmac_secret: SecretStr | None = Field(
        default=None,
        title="HMAC secret",
        description=(
            "The secret of the contact point's HMAC signature (Grafana 12 and later); where it is set, the token does not count. "
            "Several, separated by commas, while you rotate it."
        ),
    )
    bearer_token: SecretStr | None = Field(
        default=None,
        title="Token",
        description="What the contact point sends as Authorization header credentials, or as basic authentication password.",
    )


class Grafana(Integration):
    """Take notifications of Grafana Alerting in, one alert at a time.

    Grafana's rules, and those of data sources that it manages, arrive as Alertmanager's do.
    """

    slug: ClassVar[str] = "grafana"
    title: ClassVar[str] = "Grafana Alerting"
    Credentials: ClassVar[type[Credentials]] = GrafanaCredentials
    gives: ClassVar[str] = (
        "alerts as incidents, from firing to resolved, with their labels, severity, runbook and panel"
    )
    needs: ClassVar[str] = (
        "a contact point of type Webhook with the token or an HMAC secret; nothing is asked of Grafana"
    )
    limits: ClassVar[str] = (
        'a custom payload template cannot be read; the contact point\'s "disable resolved message" must stay off'
    )
    setup: ClassVar[str] = """
        In Grafana: *Alerting → Contact points → Add contact point*, integration *Webhook*, the address as *URL*. Then one of

        - *Optional settings → Authorization Header*: scheme `Bearer`, credentials: the token; or
        - *HMAC Signature* (Grafana 12 and later): a secret of at least 32 random characters, entered here as `hmac_secret`; leave the
          header names as they are, or set the timestamp header to `X-Grafana-Alerting-Timestamp`, so that nothing can be sent twice.

        Leave *Custom Payload* empty. The service is found by the labels `service`, `app`, the workload's, the pod's and `job`; the
        severity by `severity`, `priority` or `level`.
    """
    trial: ClassVar[str] = "in Grafana, Alerting → Contact points → the contact point → Test"
    receives: ClassVar[bool] = True
    generated: ClassVar[tuple[str, ...]] = ("bearer_token",)

    def verify(self, inbound: Inbound, credentials: GrafanaCredentials) -> None:
        """Return if the request is signed with the secret, where there is one, else if it carries the token.

        The signature is the hex HMAC-SHA256 of the body, or of `timestamp:body` where Grafana sends a timestamp.
        https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/

        :raises NotGenuine: where it is not.
        """
        secrets = separated(plain(credentials.hmac_secret))
        token = plain(credentials.bearer_token)
        if secrets:
            self._require_signature(inbound, secrets)
        elif token:
            require_token(inbound.headers.get("authorization", ""), token)
        else:
            raise NotGenuine("this Grafana connection has neither a token nor an HMAC secret")

    def _require_signature(self, inbound: Inbound, secrets: tuple[str, ...]) -> None:
        given = inbound.headers.get(SIGNATURE, "").strip()
        if not given:
            raise NotGenuine("the X-Grafana-Alerting-Signature header is missing")
        signed, stamp = inbound.body, inbound.headers.get(TIMESTAMP, "").strip()
        if stamp:
            if not re.fullmatch(r"[0-9]{1,12}", stamp) or abs(int(stamp) - inbound.received_at) > TOLERANCE:
                raise NotGenuine("the X-Grafana-Alerting-Timestamp header is no time of the last five minutes")
            signed = f"{stamp}:".encode() + inbound.body
        require_signature(signed, secrets=secrets, signatures=(given,))

    def parse(self, inbound: Inbound) -> tuple[Event, ...]:
        """Return one event for each alert of the notification, in its order.

        :raises BadPayload: where the envelope is broken; the text names the field.
        """
        return notifications.events(inbound, source=self.slug, links=("panelURL", "dashboardURL", "generatorURL"))
