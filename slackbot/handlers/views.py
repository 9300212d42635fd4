"""The windows that are submitted: why a hypothesis was turned down, and what else the cause was."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from copilot.models import FeedbackValue, Role
from copilot.stages import learn
from slackbot.afterwards import afterwards
from slackbot.handlers.visitor import entered, visitor

if TYPE_CHECKING:
    from slack_bolt import Ack, App, BoltContext


def register(app: App) -> None:
    """Attach the windows."""
    app.view("reason")(_reason)
    app.view("other_cause")(_other_cause)
    app.view(re.compile(".*"))(_acknowledge)
    app.view_closed(re.compile(".*"))(_acknowledge)


def _acknowledge(ack: Ack) -> None:
    ack()


def _reason(ack: Ack, body: dict[str, Any], view: dict[str, Any], context: BoltContext) -> None:
    """Add reason and words to the 👎 that is recorded already."""
    who = visitor(body, context)
    refused = who.refusal(Role.RESPONDER)
    if refused:
        ack(response_action="errors", errors={"words": refused})
        return
    reason, words = entered(view, "reason"), entered(view, "words")
    try:
        with who.once("view", str(view.get("id")), str(view.get("hash"))) as is_new:
            if not is_new:
                ack()
                return
            incident_id = learn.give_verdict(
                who.tenant_id,
                UUID(str(view.get("private_metadata"))),
                person=who.person,
                person_name=who.name,
                value=FeedbackValue.DOWN,
                reason=reason,
                words=words,
            )
    except (LookupError, ValueError) as problem:
        ack(response_action="errors", errors={"words": str(problem)})
        return
    ack()
    afterwards(partial(who.publish, incident_id))


def _other_cause(ack: Ack, body: dict[str, Any], view: dict[str, Any], context: BoltContext) -> None:
    """Settle on a cause in words."""
    who = visitor(body, context)
    refused = who.refusal(Role.RESPONDER)
    if refused:
        ack(response_action="errors", errors={"words": refused})
        return
    try:
        with who.once("view", str(view.get("id")), str(view.get("hash"))) as is_new:
            if not is_new:
                ack()
                return
            incident_id = learn.confirm(
                who.tenant_id,
                UUID(str(view.get("private_metadata"))),
                hypothesis_id=None,
                person=who.person,
                person_name=who.name,
                words=entered(view, "words"),
            )
    except (LookupError, ValueError) as problem:
        ack(response_action="errors", errors={"words": str(problem)})
        return
    ack()
    afterwards(partial(who.publish, incident_id))
