"""An incident as a Work Object: the card that a shared link unfurls to, and the pane that opens beside it.

Values are plain text in Slack's eyes (none has the format `markdown`): what outsiders wrote stays as it stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scoring.evidence import Verdict
from slackbot.blocks import words
from slackbot.blocks.bare import bare_card
from slackbot.blocks.changes import change_line
from slackbot.blocks.parts import BUTTON_LIMIT, HEADER_LIMIT, Block, safe_link
from slackbot.wording import clip, duration

if TYPE_CHECKING:
    from datetime import datetime

    from copilot.knowledge.briefing import Briefing, HypothesisLine

KIND = "slack#/entities/incident"
VALUE = 600
LINES = 5
COLOURS = {"triggered": "red", "acknowledged": "yellow", "resolved": "green"}
VERDICTS = {
    Verdict.LIKELY: "Likely cause",
    Verdict.POSSIBLE: "Possible causes, none clearly ahead",
    Verdict.INCONCLUSIVE: "Inconclusive",
    Verdict.NO_FAULT: "No fault seen",
}
Entity = dict[str, Any]


def unfurl_entity(briefing: Briefing, *, posted: str, address: str, thread: str, updated_at: datetime) -> Entity:
    """Return the card of a link; `posted` is the link as it was written, `thread` the way to the incident's message."""
    lead = _lead(briefing)
    custom = [_string("verdict", "Verdict", _verdict(briefing))]
    if lead is not None:
        custom.append(_string("lead", "Lead", lead.statement, long=True))
        custom.append(_string("confidence", "Confidence", words.interval(lead.low, lead.high)))
    buttons = _buttons(briefing, thread, most=2)
    return {"app_unfurl_url": posted, **_entity(briefing, address, updated_at, custom, {"primary_actions": buttons})}


def details_entity(briefing: Briefing, *, address: str, thread: str, updated_at: datetime) -> Entity:
    """Return what the pane shows: all of the card, and what it rests on."""
    custom = [_string("verdict", "Verdict", _verdict(briefing))]
    if briefing.explanation:
        custom.append(_string("explanation", "Because", briefing.explanation, long=True))
    for one in briefing.hypotheses[: words.MOST_HYPOTHESES]:
        said = f"{one.statement} ({words.interval(one.low, one.high)})" + (" ✓ this was it" if one.is_confirmed else "")
        custom.append(_string(f"cause_{one.rank}", f"Cause {one.rank}", said, long=True))
    cause, lead = words.confirmed_cause(briefing), _lead(briefing)
    by = f", by {briefing.confirmed_by}" if briefing.confirmed_by else ""
    # What people settled on needs no check.
    check = "" if cause else briefing.next_check or (lead.next_check if lead else "")
    told = [
        ("confirmed", f"Confirmed cause{clip(by, 80)}", [cause] if cause else []),
        ("happening", "What is happening", [one.statement for one in words.telling_symptoms(briefing)]),
        ("changed", "What changed", [change_line(group, briefing) for group in words.notable_changes(briefing)]),
        ("missing", "Missing", list(briefing.missing[:LINES])),
        ("next_check", "Next check", [check]),
        ("silent", "Did not answer", [one.name for one in briefing.sources if one.status == "failed"][:LINES]),
    ]
    for key, label, lines in told:
        said = "; ".join(clip(line, 200) for line in lines if line.strip())
        if said:
            custom.append(_string(key, label, said, long=True))
    if briefing.related:
        custom.append({"key": "related", "label": "Related alerts", "type": "integer", "value": len(briefing.related)})
    if briefing.status == "resolved" and briefing.resolved_at:
        took = duration((briefing.resolved_at - briefing.started_at).total_seconds())
        custom.append(_string("took", "Took", took))
    actions: Entity = {"primary_actions": _buttons(briefing, thread, most=2)}
    if not briefing.is_working:
        again = _button("Investigate again", "investigate_again", str(briefing.incident_id))
        actions["overflow_actions"] = [{**again, "accessibility_label": f"Investigate {words.name(briefing)} again"}]
    return _entity(briefing, address, updated_at, custom, actions)


def classic_unfurl(briefing: Briefing) -> Block:
    """Return the card of a link in blocks, for where Work Objects are not switched on."""
    made, _ = bare_card(briefing)
    return {"blocks": made[:1]}


def _entity(briefing: Briefing, address: str, updated_at: datetime, custom: list[Entity], actions: Entity) -> Entity:
    status = {"value": _text(words.status(briefing)), "tag_color": COLOURS.get(briefing.status, "gray")}
    fields: Entity = {
        "status": status,
        "service": {"value": _text(briefing.service)},
        "date_created": {"value": int(briefing.started_at.timestamp())},
        "date_updated": {"value": int(updated_at.timestamp())},
        "description": {"value": _text(briefing.title)},
    }
    for key, value in (("severity", briefing.severity), ("priority", briefing.priority), ("urgency", briefing.urgency)):
        if value.strip():
            fields[key] = {"value": _text(value, 60)}
    if briefing.assignees and briefing.assignees[0].strip():
        person = _text(briefing.assignees[0], 80)
        fields["assigned_to"] = {"type": "slack#/types/user", "user": {"text": person}}
    first = ["status", *(one["key"] for one in custom)]
    rest = [key for key in ("service", "severity", "priority", "assigned_to", "date_created") if key in fields]
    title = f"{words.name(briefing)} · {clip(briefing.service, 60)}: {clip(briefing.title, 80)}"
    return {
        "entity_type": KIND,
        "url": address,
        "external_ref": {"id": str(briefing.incident_id), "type": "incident"},
        "entity_payload": {
            "attributes": {
                "title": {"text": clip(title, HEADER_LIMIT)},
                "display_id": words.name(briefing),
                "display_type": "Incident",
                "product_name": "SRE Copilot",
                "metadata_last_modified": int(updated_at.timestamp()),
            },
            "fields": fields,
            "custom_fields": custom,
            "display_order": [*first, *rest],
            "actions": actions,
        },
    }


def _lead(briefing: Briefing) -> HypothesisLine | None:
    confirmed = next((one for one in briefing.hypotheses if one.is_confirmed), None)
    return confirmed or (briefing.hypotheses[0] if briefing.hypotheses else None)


def _verdict(briefing: Briefing) -> str:
    if words.confirmed_cause(briefing):
        return "Cause confirmed"
    if briefing.verdict:
        return VERDICTS.get(Verdict(briefing.verdict), briefing.verdict)
    return "Still being looked at" if briefing.is_working else "None"


def _buttons(briefing: Briefing, thread: str, *, most: int) -> list[Entity]:
    buttons = []
    if safe_link(thread):
        said = _button("Open the thread", "open_thread", str(briefing.incident_id))
        buttons.append({**said, "url": thread, "accessibility_label": f"Open the thread of {words.name(briefing)}"})
    lead = _lead(briefing)
    if lead is not None:
        said = _button("Why?", "why", str(lead.id))
        buttons.append({**said, "accessibility_label": f"Why cause {lead.rank}: factors and evidence"})
    return buttons[:most]


def _button(said: str, action_id: str, value: str) -> Entity:
    return {"text": clip(said, BUTTON_LIMIT), "action_id": action_id, "value": value}


def _string(key: str, label: str, value: str, *, long: bool = False) -> Entity:
    made: Entity = {"key": key, "label": label, "type": "string", "value": _text(value)}
    return {**made, "long": True} if long else made


def _text(value: str, limit: int = VALUE) -> str:
    return clip(value, limit) or "–"


__all__ = ["classic_unfurl", "details_entity", "unfurl_entity"]
