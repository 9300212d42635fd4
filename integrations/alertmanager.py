"""Alertmanager: its webhook notifications, version 4, one event for each alert."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, SecretStr

from integrations import notifications
from integrations.base import Credentials, Event, Inbound, Integration, NotGenuine
from integrations.genuine import plain, require_token


class AlertmanagerCredentials(Credentials):
    """Hold the token that Alertmanager sends."""

    bearer_token: SecretStr | None = Field(
        default=None,
        title="Token",
        description="What Alertmanager sends in http_config, as bearer credentials or as the basic_auth password.",
    )


class Alertmanager(Integration):
    """Take Alertmanager's notifications in, one alert at a time.

    Alertmanager signs nothing, so a token in its `http_config` stands for a signature.
    """

    slug: ClassVar[str] = "alertmanager"
    title: ClassVar[str] = "Alertmanager"
    Credentials: ClassVar[type[Credentials]] = AlertmanagerCredentials
    gives: ClassVar[str] = "alerts as incidents, from firing to resolved, with their labels, severity and runbook"
    needs: ClassVar[str] = "a receiver in Alertmanager's configuration with the token; nothing is asked of Alertmanager"
    limits: ClassVar[str] = (
        "nothing is signed, so the address must be https; alerts over `max_alerts` of the receiver never arrive"
    )
    setup: ClassVar[str] = "Step by step: [connect](../connect.md#alertmanager)."
    trial: ClassVar[str] = (
        "`amtool alert add alertname=Test service=checkout severity=warning --alertmanager.url=…`, and "
        "wait for the route's `group_wait`"
    )
    receives: ClassVar[bool] = True
    generated: ClassVar[tuple[str, ...]] = ("bearer_token",)

    def verify(self, inbound: Inbound, credentials: AlertmanagerCredentials) -> None:
        """Return if the request carries the token, as bearer or as the password of basic authentication.

        :raises NotGenuine: where it does not.
        """
        token = plain(credentials.bearer_token)
        if not token:
            raise NotGenuine("this Alertmanager connection has no token")
        require_token(inbound.headers.get("authorization", ""), token)

    def parse(self, inbound: Inbound) -> tuple[Event, ...]:
        """Return one event for each alert of the notification, in its order.

        :raises BadPayload: where the envelope is broken; the text names the field.
        """
        return notifications.events(inbound, source=self.slug)
