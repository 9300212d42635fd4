"""The demo's play: deployments are told, PagerDuty pages, the thread fills, and a person says which cause it was."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import httpx

from copilot.cli.demo_tenant import PERSON
from copilot.cli.session import Problem
from copilot.replay import pagerduty

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from copilot.cli.demo_tenant import Customer
    from copilot.knowledge.briefing import Briefing, HypothesisLine
    from copilot.models import Incident
    from copilot.replay.world import World
    from copilot.supervisor import Stack

INTAKE_SECONDS = 20.0
THREAD_SECONDS = 60.0
PRESS_SECONDS = 20.0
QUIET_SECONDS = 0.4


@dataclass(frozen=True, slots=True)
class Range:
    """Hold how sure an earlier ranking was of a cause that a person then confirmed."""

    number: int
    service: str
    cause_kind: str
    low: float
    high: float


@dataclass(slots=True)
class Play:
    """Play one page of a world on a running stack."""

    world: World
    customer: Customer
    stack: Stack
    anchor: float
    say: Callable[[str], None]

    def end_earlier(self) -> Range | None:
        """Resolve what an earlier start left open, forget its deployments, and return how sure its confirmed cause was."""
        from copilot.guard.tenancy import tenant_scope
        from copilot.models import ChangeRecord, Confirmation, Incident

        with tenant_scope(self.customer.tenant.id):
            mine = Incident.objects.filter(source="pagerduty", title=self.world.page.title).order_by("number")
            left_open = list(mine.exclude(status="resolved"))
            confirmed = (
                Confirmation.objects.filter(incident__in=mine, hypothesis__isnull=False)
                .select_related("hypothesis", "incident")
                .order_by("-incident__number")
                .first()
            )
            # The same rollouts come again in a moment: told twice, one of them would be none.
            names = [deploy.service for deploy in self.world.deploys]
            ChangeRecord.objects.filter(source="deploys", service__name__in=names).delete()
        for incident in left_open:
            self._send("incident.resolved", incident.dedupe_key, incident.number, incident.started_at.timestamp())
        if left_open:
            self.say(f"resolving {', '.join(f'INC-{one.number}' for one in left_open)} of an earlier start")
            self._until(
                lambda: not self._are_open([one.id for one in left_open]),
                INTAKE_SECONDS,
                "the earlier incident to be resolved",
            )
        if confirmed is None or confirmed.hypothesis is None:
            return None
        cause = confirmed.hypothesis
        return Range(confirmed.incident.number, cause.service, cause.cause_kind, cause.low, cause.high)

    def tell_of_deploys(self) -> None:
        """Post the world's deployments as a CI does, and wait until they are known."""
        from copilot.guard.tenancy import tenant_scope
        from copilot.models import ChangeRecord

        with httpx.Client(trust_env=False, timeout=10) as client:
            for deploy in self.world.deploys:
                at = datetime.fromtimestamp(self.anchor - deploy.before_alert, tz=UTC).isoformat(timespec="seconds")
                told = {**deploy.model_dump(exclude={"before_alert"}), "deployed_at": at}
                _accepted(client.post(self.customer.deploys_url, json=told), "the deployment")

        def known() -> bool:
            with tenant_scope(self.customer.tenant.id):
                return ChangeRecord.objects.filter(source="deploys").count() >= len(self.world.deploys)

        self._until(known, INTAKE_SECONDS, "the deployments to be taken in")

    def page(self) -> Incident:
        """Send a signed `incident.triggered` and return the incident that it began."""
        from copilot.guard.tenancy import tenant_scope
        from copilot.models import Incident

        key = pagerduty.new_id()
        self._send("incident.triggered", key, int(self.anchor) % 100_000, self.anchor)
        found: list[Incident] = []

        def begun() -> bool:
            with tenant_scope(self.customer.tenant.id):
                found[:] = Incident.objects.filter(source="pagerduty", dedupe_key=key)
            return bool(found)

        self._until(begun, INTAKE_SECONDS, "the page to become an incident")
        return found[0]

    def resolve(self, incident: Incident) -> None:
        """Resolve an incident, and wait until it is."""
        self._send("incident.resolved", incident.dedupe_key, incident.number, incident.started_at.timestamp())
        self._until(lambda: not self._are_open([incident.id]), INTAKE_SECONDS, "the incident to be resolved")

    def wait_for_thread(self, incident: Incident) -> Briefing:
        """Return the incident once its run has ended and Slack shows it.

        :raises Problem: where the run failed, or Slack does not show it in time.
        """
        from copilot.knowledge import incident_reader

        tenant_id = self.customer.tenant.id
        self._until(lambda: self._has_ended(incident.id), THREAD_SECONDS, "the run to end")
        briefing = incident_reader.read(tenant_id, incident.id)
        if briefing.stage != "done":
            raise Problem(f"the run ended as {briefing.stage}: {briefing.error or 'no reason was written down'}")
        if briefing.hypotheses:
            block = f"hypothesis:{briefing.hypotheses[0].id}"
            self._until(lambda: self._find(block) is not None, THREAD_SECONDS, "Slack to show the causes")
            self._until(self._is_quiet(block), THREAD_SECONDS, "the thread to be complete")
        self._until(lambda: self._is_published(incident.id), THREAD_SECONDS, "Slack to show the thread")
        return briefing

    def press(self, incident: Incident, cause: HypothesisLine) -> Briefing:
        """Have a person press 👍 and "This was it" under a cause, and return the incident once the card shows both."""
        from copilot.knowledge import incident_reader

        block = f"hypothesis:{cause.id}"
        message = self._message_with(block)
        with httpx.Client(trust_env=False, timeout=30, base_url=self.stack.slack_url) as client:
            for action in ("verdict_up", "confirm"):
                done = client.post(
                    "/local/act",
                    json={
                        "team": self.customer.tenant.slug,
                        "as": PERSON,
                        "type": "click",
                        "channel": message["channel"],
                        "ts": message["ts"],
                        "action_id": action,
                        "block_id": block,
                        "wait": 0,
                    },
                )
                if done.status_code != 200 or not done.json().get("ok"):
                    raise Problem(f"pressing {action} in Slack did not work: {done.text[:300]}")
        self._until(lambda: self._shows_feedback(block), PRESS_SECONDS, "the card to show the feedback")
        self._until(lambda: self._is_published(incident.id), PRESS_SECONDS, "Slack to show the feedback")
        return incident_reader.read(self.customer.tenant.id, incident.id)

    def link(self, cause: HypothesisLine | None) -> str:
        """Return the thread's address on the local workspace's page."""
        team = self.customer.tenant.slug
        message = self._message_with(f"hypothesis:{cause.id}") if cause else None
        place = {"channel": message["channel"], "thread": message["ts"]} if message else {}
        return f"{self.stack.slack_url}/?{urlencode({'team': team, **place})}"

    def _shows_feedback(self, block_id: str) -> bool:
        words = [
            str((element.get("text") or {}).get("text"))
            for block in self._message_with(block_id).get("blocks") or []
            if block.get("block_id") == block_id
            for element in block.get("elements") or []
        ]
        return any(word.startswith("👍 ") for word in words) and any(word.startswith("✓") for word in words)

    def _is_quiet(self, block_id: str) -> Callable[[], bool]:
        """Return a check that the thread has replies, and that none has come for a moment."""
        seen, since = 0, time.monotonic()

        def check() -> bool:
            nonlocal seen, since
            count = len(self._messages(thread=self._message_with(block_id)["ts"]))
            if count != seen:
                seen, since = count, time.monotonic()
            return seen > 1 and time.monotonic() - since > QUIET_SECONDS

        return check

    def _message_with(self, block_id: str) -> dict[str, Any]:
        found = self._find(block_id)
        if found is None:
            raise Problem("Slack no longer shows the first cause")
        return found

    def _find(self, block_id: str) -> dict[str, Any] | None:
        """Return the newest message of the channel that has a block, None where none has."""
        holding = [
            message
            for message in self._messages()
            if any(block.get("block_id") == block_id for block in message.get("blocks") or [])
        ]
        return holding[-1] if holding else None

    def _messages(self, *, thread: str = "") -> list[dict[str, Any]]:
        channel = self.world.service(self.world.page.service).channel
        asked = {"team": self.customer.tenant.slug, "channel": channel, "as": PERSON}
        with httpx.Client(trust_env=False, timeout=10, base_url=self.stack.slack_url) as client:
            body = client.get("/local/messages", params=asked | ({"thread_ts": thread} if thread else {})).json()
        found: list[dict[str, Any]] = body.get("messages") or []
        return [{**message, "channel": body["channel"]} for message in found]

    def _send(self, event_type: str, key: str, number: int, created_at: float) -> None:
        delivery = pagerduty.webhook(
            self.world,
            event_type,
            incident_id=key,
            number=number,
            created_at=created_at,
            occurred_at=self.anchor if event_type == "incident.triggered" else time.time(),
            secret=self.customer.secret,
        )
        with httpx.Client(trust_env=False, timeout=10) as client:
            answer = client.post(self.customer.pagerduty_url, content=delivery.body, headers=delivery.headers)
        _accepted(answer, f"PagerDuty's {event_type}")

    def _are_open(self, ids: list[UUID]) -> bool:
        from copilot.guard.tenancy import tenant_scope
        from copilot.models import Incident

        with tenant_scope(self.customer.tenant.id):
            return Incident.objects.filter(id__in=ids).exclude(status="resolved").exists()

    def _has_ended(self, incident_id: UUID) -> bool:
        from copilot.flow import ENDED
        from copilot.guard.tenancy import tenant_scope
        from copilot.models import Run

        with tenant_scope(self.customer.tenant.id):
            newest = Run.objects.filter(incident=incident_id).order_by("-sequence").first()
        return newest is not None and newest.stage in ENDED

    def _is_published(self, incident_id: UUID) -> bool:
        from copilot.guard.tenancy import tenant_scope
        from copilot.models import Incident

        with tenant_scope(self.customer.tenant.id):
            return Incident.objects.filter(id=incident_id, publish_wanted_at__isnull=True).exists()

    def _until(self, is_so: Callable[[], bool], seconds: float, what: str) -> None:
        end = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > end:
                raise Problem(f"waited {seconds:g} s for {what}; the processes' logs are in {self.stack.data / 'logs'}")
            self.stack.tend()
            time.sleep(0.05)


def _accepted(answer: httpx.Response, what: str) -> None:
    if answer.status_code != 202:
        raise Problem(f"{what} was not accepted: {answer.status_code} {answer.text[:300]}")
