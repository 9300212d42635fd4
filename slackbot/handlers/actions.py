"""The buttons: verdicts, the confirmed cause, why, another look, quiet."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from uuid import UUID

from copilot import investigations
from copilot.guard.tenancy import tenant_scope
from copilot.knowledge import incident_reader
from copilot.models import Confirmation, Feedback, FeedbackValue, Hypothesis, RelatedAlert, Role
from copilot.stages import learn
from slackbot import blocks
from slackbot.handlers.deeds import REASONS
from slackbot.handlers.visitor import Visitor, visitor

if TYPE_CHECKING:
    from collections.abc import Callable

    from slack_bolt import Ack, App, BoltContext

HOUR = 3600.0
GONE = "This hypothesis is gone: the incident was investigated again. Look at the message as it is now."


def register(app: App) -> None:
    """Attach the buttons."""
    app.action("verdict_up")(_handler(_up))
    app.action("verdict_down")(_handler(_down))
    app.action(re.compile(r"^confirm(_\d)?$"))(_handler(_confirm))
    app.action("confirm_other")(_handler(_other))
    app.action("why")(_handler(_why))
    app.action("hypothesis_menu")(_chosen)
    app.action("not_related")(_handler(_not_related))
    app.action("not_related_menu")(_not_related_chosen)
    app.action("investigate_again")(_handler(_again))
    app.action("mute")(_handler(_mute))
    app.action("unmute")(_handler(_unmute))
    app.action("resolve")(_handler(_resolve))
    # Buttons that only open a link, and those of older messages, are acknowledged and do nothing.
    app.action(re.compile(".*"))(_acknowledge)


def _acknowledge(ack: Ack) -> None:
    ack()


def _handler(act: Callable[[Visitor, UUID, Ack], None]) -> Callable[..., None]:
    """Return a Bolt listener: it reads the id that the button carries, and says in words what cannot be done."""

    def listener(ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        who = visitor(body, context)
        try:
            act(who, UUID(str(_first(body).get("value") or "")), ack)
        except investigations.Refused as refused:
            ack()
            who.tell(str(refused))
        except ValueError:
            ack()
            who.tell("This button carries nothing that we know; the message may be of an older version.")
        except LookupError as unknown:
            ack()
            who.tell(str(unknown.args[0]) if unknown.args else GONE)

    return listener


def _not_related_chosen(ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
    """Split off the alert that was chosen in the menu."""
    option = _first(body).get("selected_option")
    value = str((option if isinstance(option, dict) else {}).get("value") or "")
    _handler(_not_related)(ack, {**body, "actions": [{**_first(body), "value": value}]}, context)


def _chosen(ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
    """Do what was chosen in the menu of a folded hypothesis: the option names the button and carries the id."""
    option = _first(body).get("selected_option")
    name, _, value = str((option if isinstance(option, dict) else {}).get("value") or "").partition(":")
    act = IN_MENU.get(name)
    if act is None:
        ack()
        return
    _handler(act)(ack, {**body, "actions": [{**_first(body), "value": value}]}, context)


def _first(body: dict[str, Any]) -> dict[str, Any]:
    found = body.get("actions")
    return found[0] if isinstance(found, list) and found and isinstance(found[0], dict) else {}


def _refused(who: Visitor, ack: Ack, needed: Role = Role.RESPONDER) -> bool:
    said = who.refusal(needed)
    if said:
        ack()
        who.tell(said)
    return bool(said)


def _up(who: Visitor, hypothesis_id: UUID, ack: Ack) -> None:
    """Give a 👍, or take it back."""
    if _refused(who, ack):
        return
    incident_id = _toggled(who, hypothesis_id, FeedbackValue.UP)[0]
    ack()
    who.publish(incident_id)


def _down(who: Visitor, hypothesis_id: UUID, ack: Ack) -> None:
    """Give a 👎 and then ask why, or take it back."""
    if _refused(who, ack):
        return
    incident_id, given = _toggled(who, hypothesis_id, FeedbackValue.DOWN)
    ack()
    if given:
        # The window first: its trigger lives three seconds.
        who.show(blocks.reason_modal(hypothesis_id, _statement(who, hypothesis_id), REASONS))
    who.publish(incident_id)


def _toggled(who: Visitor, hypothesis_id: UUID, value: FeedbackValue) -> tuple[UUID, bool]:
    """Record a verdict, or withdraw it where it is there already; return the incident and whether it now stands."""
    with who.once("action", who.trigger_id, value, str(hypothesis_id)) as is_new:
        there = Feedback.objects.filter(hypothesis_id=hypothesis_id, person=who.person, value=value).exists()
        if not is_new:
            return _incident_of(hypothesis_id), False
        if there:
            return learn.withdraw_verdict(who.tenant_id, hypothesis_id, person=who.person), False
        incident_id = learn.give_verdict(
            who.tenant_id, hypothesis_id, person=who.person, person_name=who.name, value=value
        )
        return incident_id, True


def _incident_of(hypothesis_id: UUID) -> UUID:
    found = Hypothesis.objects.filter(id=hypothesis_id).values_list("run__incident_id", flat=True).first()
    if found is None:
        raise LookupError(GONE)
    return found


def _statement(who: Visitor, hypothesis_id: UUID) -> str:
    with tenant_scope(who.tenant_id):
        return Hypothesis.objects.values_list("statement", flat=True).get(id=hypothesis_id)


def _confirm(who: Visitor, hypothesis_id: UUID, ack: Ack) -> None:
    """Settle on this cause, or withdraw it where it is the settled one."""
    if _refused(who, ack):
        return
    with who.once("action", who.trigger_id, "confirm", str(hypothesis_id)) as is_new:
        incident_id = _incident_of(hypothesis_id)
        if is_new and Confirmation.objects.filter(incident_id=incident_id, hypothesis_id=hypothesis_id).exists():
            learn.withdraw_confirmation(who.tenant_id, incident_id, person=who.person)
        elif is_new:
            learn.confirm(
                who.tenant_id, incident_id, hypothesis_id=hypothesis_id, person=who.person, person_name=who.name
            )
    ack()
    who.publish(incident_id)


def _other(who: Visitor, incident_id: UUID, ack: Ack) -> None:
    """Ask in a window what the cause was."""
    if _refused(who, ack):
        return
    briefing = incident_reader.read(who.tenant_id, incident_id)
    ack()
    who.show(blocks.other_cause_modal(briefing))


def _why(who: Visitor, hypothesis_id: UUID, ack: Ack) -> None:
    """Take the score apart in a window; anyone may look."""
    with tenant_scope(who.tenant_id):
        incident_id = _incident_of(hypothesis_id)
    briefing = incident_reader.read(who.tenant_id, incident_id)
    ack()
    hypothesis = next((one for one in briefing.hypotheses if one.id == hypothesis_id), None)
    if hypothesis is None:
        who.show(blocks.notice_modal("An older hypothesis", GONE))
    else:
        who.show(blocks.why_modal(briefing, hypothesis))


def _again(who: Visitor, incident_id: UUID, ack: Ack) -> None:
    """Look once more."""
    if _refused(who, ack):
        return
    with who.once("action", who.trigger_id, "again", str(incident_id)) as is_new:
        if is_new:
            investigations.investigate_again(who.tenant_id, incident_id, asked_by=who.name)
    ack()
    who.publish(incident_id)


def _mute(who: Visitor, incident_id: UUID, ack: Ack) -> None:
    """Keep the incident quiet for an hour."""
    if _refused(who, ack):
        return
    investigations.mute(who.tenant_id, incident_id, seconds=HOUR, by=who.name)
    ack()
    who.publish(incident_id)


def _unmute(who: Visitor, incident_id: UUID, ack: Ack) -> None:
    """Let the incident be heard again."""
    if _refused(who, ack):
        return
    investigations.mute(who.tenant_id, incident_id, seconds=0.0, by=who.name)
    ack()
    who.publish(incident_id)


def _not_related(who: Visitor, alert_id: UUID, ack: Ack) -> None:
    """Give a related alert an incident of its own."""
    if _refused(who, ack):
        return
    made = investigations.not_related(who.tenant_id, alert_id, by=who.name)
    ack()
    who.publish(made)
    with tenant_scope(who.tenant_id):
        joined = RelatedAlert.objects.filter(id=alert_id).values_list("incident_id", flat=True).first()
    if joined:
        who.publish(joined)


def _resolve(who: Visitor, incident_id: UUID, ack: Ack) -> None:
    """Close what was opened by hand."""
    if _refused(who, ack):
        return
    with who.once("action", who.trigger_id, "resolve", str(incident_id)) as is_new:
        if is_new:
            investigations.resolve(who.tenant_id, incident_id, by=who.name)
    ack()
    who.publish(incident_id)


IN_MENU: dict[str, Callable[[Visitor, UUID, Ack], None]] = {
    "why": _why,
    "verdict_up": _up,
    "verdict_down": _down,
    "confirm": _confirm,
}
