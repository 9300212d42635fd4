"""The buttons: verdicts, the confirmed cause, why, another look, quiet."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from copilot import investigations
from copilot.guard.tenancy import tenant_scope
from copilot.knowledge import incident_reader
from copilot.models import Confirmation, Feedback, FeedbackValue, Hypothesis, RelatedAlert, Role
from copilot.stages import learn
from slackbot import blocks
from slackbot.afterwards import afterwards
from slackbot.handlers.deeds import REASONS
from slackbot.handlers.visitor import Visitor, visitor

if TYPE_CHECKING:
    from slack_bolt import Ack, App, BoltContext

# What is done once Slack has its answer: show what was changed, open a window.
Following = Callable[[], object]
# An act writes down what was pressed and returns what follows.
Act = Callable[[Visitor, UUID], Following]
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


def _handler(act: Act) -> Callable[..., None]:
    """Return a Bolt listener: it reads the id that the button carries, and says in words what cannot be done."""

    def listener(ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        who = visitor(body, context)
        try:
            following = act(who, UUID(str(_first(body).get("value") or "")))
        except (ValueError, LookupError) as problem:
            following = partial(who.tell, _said(problem))
        ack()
        afterwards(partial(_finish, who, following))

    return listener


def _finish(who: Visitor, following: Following) -> None:
    try:
        following()
    except (ValueError, LookupError) as problem:
        who.tell(_said(problem))


def _said(problem: ValueError | LookupError) -> str:
    if isinstance(problem, investigations.Refused):
        return str(problem)
    if isinstance(problem, ValueError):
        return "This button carries nothing that we know; the message may be of an older version."
    return str(problem.args[0]) if problem.args else GONE


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


def _allowed(who: Visitor) -> None:
    """Go on where the person may do this.

    :raises Refused: with the refusal, where they may not.
    """
    refused = who.refusal(Role.RESPONDER)
    if refused:
        raise investigations.Refused(refused)


def _up(who: Visitor, hypothesis_id: UUID) -> Following:
    """Give a 👍, or take it back."""
    _allowed(who)
    incident_id = _toggled(who, hypothesis_id, FeedbackValue.UP)[0]
    return partial(who.publish, incident_id)


def _down(who: Visitor, hypothesis_id: UUID) -> Following:
    """Give a 👎 and then ask why, or take it back."""
    _allowed(who)
    incident_id, given = _toggled(who, hypothesis_id, FeedbackValue.DOWN)

    def ask() -> None:
        if given:
            # The window first: its trigger lives three seconds.
            who.show(blocks.reason_modal(hypothesis_id, _statement(who, hypothesis_id), REASONS))
        who.publish(incident_id)

    return ask


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


def _confirm(who: Visitor, hypothesis_id: UUID) -> Following:
    """Settle on this cause, or withdraw it where it is the settled one."""
    _allowed(who)
    with who.once("action", who.trigger_id, "confirm", str(hypothesis_id)) as is_new:
        incident_id = _incident_of(hypothesis_id)
        if is_new and Confirmation.objects.filter(incident_id=incident_id, hypothesis_id=hypothesis_id).exists():
            learn.withdraw_confirmation(who.tenant_id, incident_id, person=who.person)
        elif is_new:
            learn.confirm(
                who.tenant_id, incident_id, hypothesis_id=hypothesis_id, person=who.person, person_name=who.name
            )
    return partial(who.publish, incident_id)


def _other(who: Visitor, incident_id: UUID) -> Following:
    """Ask in a window what the cause was."""
    _allowed(who)
    return lambda: who.show(blocks.other_cause_modal(incident_reader.read(who.tenant_id, incident_id)))


def _why(who: Visitor, hypothesis_id: UUID) -> Following:
    """Take the score apart in a window; anyone may look."""

    def show() -> None:
        with tenant_scope(who.tenant_id):
            incident_id = _incident_of(hypothesis_id)
        briefing = incident_reader.read(who.tenant_id, incident_id)
        hypothesis = next((one for one in briefing.hypotheses if one.id == hypothesis_id), None)
        if hypothesis is None:
            who.show(blocks.notice_modal("An older hypothesis", GONE))
        else:
            who.show(blocks.why_modal(briefing, hypothesis))

    return show


def _again(who: Visitor, incident_id: UUID) -> Following:
    """Look once more."""
    _allowed(who)
    with who.once("action", who.trigger_id, "again", str(incident_id)) as is_new:
        if is_new:
            investigations.investigate_again(who.tenant_id, incident_id, asked_by=who.name)
    return partial(who.publish, incident_id)


def _mute(who: Visitor, incident_id: UUID) -> Following:
    """Keep the incident quiet for an hour."""
    _allowed(who)
    investigations.mute(who.tenant_id, incident_id, seconds=HOUR, by=who.name)
    return partial(who.publish, incident_id)


def _unmute(who: Visitor, incident_id: UUID) -> Following:
    """Let the incident be heard again."""
    _allowed(who)
    investigations.mute(who.tenant_id, incident_id, seconds=0.0, by=who.name)
    return partial(who.publish, incident_id)


def _not_related(who: Visitor, alert_id: UUID) -> Following:
    """Give a related alert an incident of its own."""
    _allowed(who)
    made = investigations.not_related(who.tenant_id, alert_id, by=who.name)

    def show() -> None:
        who.publish(made)
        with tenant_scope(who.tenant_id):
            joined = RelatedAlert.objects.filter(id=alert_id).values_list("incident_id", flat=True).first()
        if joined:
            who.publish(joined)

    return show


def _resolve(who: Visitor, incident_id: UUID) -> Following:
    """Close what was opened by hand."""
    _allowed(who)
    with who.once("action", who.trigger_id, "resolve", str(incident_id)) as is_new:
        if is_new:
            investigations.resolve(who.tenant_id, incident_id, by=who.name)
    return partial(who.publish, incident_id)


IN_MENU: dict[str, Act] = {
    "why": _why,
    "verdict_up": _up,
    "verdict_down": _down,
    "confirm": _confirm,
}
