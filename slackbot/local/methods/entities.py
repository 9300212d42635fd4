"""chat.unfurl and entity.presentDetails: the cards below shared links, and the pane that opens beside them."""

from slackbot.local.calls import Call, method
from slackbot.local.content import message_content
from slackbot.local.entities import (
    MOST_ENTITIES,
    PRESENTATION,
    UNFURL,
    UNFURLED,
    attach,
    links_in,
    mistakes,
)
from slackbot.local.errors import SlackError
from slackbot.local.model import Json, Message
from slackbot.local.shapes import items


@method("chat.unfurl")
def unfurl(call: Call) -> Json:
    """Show a card below each link of a message."""
    message = _unfurled(call)
    metadata, blocks = call.structure("metadata", error="invalid_metadata"), call.structure("unfurls")
    cards: dict[str, Json] = {}
    if metadata is not None:
        entities: list[Json] = (metadata.get("entities") or []) if isinstance(metadata, dict) else []
        wrong = mistakes(items(UNFURLED, low=1, high=MOST_ENTITIES), entities, "/metadata/entities")
        if wrong:
            raise SlackError("invalid_metadata", messages=wrong)
        cards = {one["app_unfurl_url"]: {"work_object": one, "fallback": _title(one)} for one in entities}
    elif isinstance(blocks, dict) and blocks:
        for url, card in blocks.items():
            if mistakes(UNFURL, card, f"/unfurls/{url}"):
                raise SlackError("invalid_unfurls_format")
            shown = message_content(call.workspace, text=card.get("text"), blocks=card.get("blocks"))
            cards[url] = {"blocks": shown.get("blocks"), "text": shown["text"], "fallback": shown["text"]}
    else:
        raise SlackError("missing_unfurls")
    there = links_in(str(message.body.get("text") or ""))
    if any(url not in there for url in cards):
        raise SlackError("cannot_unfurl_url")
    attach(message, cards)
    call.workspace.change_message(message)
    return {}


def _title(entity: Json) -> str:
    return str(entity["entity_payload"]["attributes"]["title"]["text"])


def _unfurled(call: Call) -> Message:
    """Return the message whose links are meant.

    :raises SlackError: there is none; a link that is only being written has no message here.
    """
    if call.optional("unfurl_id") and call.optional("source"):
        place = call.workspace.unfurls.get(call.text("unfurl_id"))
        if place is None:
            raise SlackError("cannot_find_message")
        channel, ts = place
    else:
        channel, ts = call.channel().id, call.text("ts")
    message = call.workspace.message(channel, ts)
    if message is None:
        raise SlackError("cannot_find_message")
    return message


@method("entity.presentDetails")
def present_details(call: Call) -> Json:
    """Show a person more of the card they opened, or why not."""
    given = {
        name: call.structure(name) if name in ("metadata", "error") else value
        for name, value in call.arguments.items()
        if value is not None
    }
    if wrong := mistakes(PRESENTATION, given, ""):
        raise SlackError("invalid_arguments", messages=wrong)
    user, _ = call.triggers.take(call.text("trigger_id"))
    opened = call.workspace.details.get(user)
    if opened is None:
        raise SlackError("invalid_trigger_id")
    entity = given.get("metadata")
    if entity is not None and entity["external_ref"]["id"] != opened["external_ref"]["id"]:
        raise SlackError("entity_metadata_does_not_match_trigger")
    opened.update(entity=entity, error=given.get("error"), is_waiting=False)
    call.workspace.changed("details", user=user)
    return {}
