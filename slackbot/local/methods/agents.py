"""agents.sessions.* and assistant.threads.*: what an app shows while it works, and what it offers to be asked."""

from slackbot.local.calls import Call, method
from slackbot.local.errors import SlackError
from slackbot.local.model import Json, Prompts, Session
from slackbot.local.workspace import Workspace

STATUSES = ("processing", "active", "suspended", "closed")
MOST_PROMPTS = 4


def set_status(workspace: Workspace, *, channel: str, thread_ts: str, status: str, title: str | None = None) -> Session:
    """Change how the app's work in a thread stands.

    :raises SlackError: the status is none of Slack's.
    """
    if status not in STATUSES:
        raise SlackError("invalid_arguments", messages=["must be a valid enum value [json-pointer:/status]"])
    session = workspace.sessions.get((channel, thread_ts))
    if session is None:
        session = workspace.sessions[channel, thread_ts] = Session(status=status, title=title or "")
    session.status = status
    workspace.changed("session", channel=channel, thread_ts=thread_ts)
    return session


@method("agents.sessions.setStatus")
def set_session_status(call: Call) -> Json:
    """Show that the app works on a thread, with a button to stop it, or that it does not any more."""
    channel = call.channel("channel_id")
    thread_ts = call.text("thread_ts")
    if call.workspace.message(channel.id, thread_ts) is None:
        raise SlackError("thread_not_found")
    title = call.optional("title")
    if title is not None and len(title) > 200:
        raise SlackError("invalid_arguments", messages=["must be less than 201 characters [json-pointer:/title]"])
    session = set_status(
        call.workspace, channel=channel.id, thread_ts=thread_ts, status=call.text("status"), title=title
    )
    return {"status": session.status, "title": session.title}


@method("agents.sessions.rename")
def rename(call: Call) -> Json:
    """Give a session another title."""
    session = call.workspace.sessions.get((call.channel("channel_id").id, call.text("thread_ts")))
    if session is None:
        raise SlackError("session_not_found")
    session.title = call.text("title")[:200]
    return {"title": session.title}


@method("assistant.threads.setStatus")
def set_thread_status(call: Call) -> Json:
    """Show a line of what the app does; an empty one takes it away."""
    status = call.optional("status") or ""
    set_status(
        call.workspace,
        channel=call.channel("channel_id").id,
        thread_ts=call.text("thread_ts"),
        status="processing" if status else "active",
    )
    return {}


@method("assistant.threads.setTitle")
def set_title(call: Call) -> Json:
    """Name a thread of the pane."""
    session = call.workspace.sessions.setdefault(
        (call.channel("channel_id").id, call.text("thread_ts")), Session(status="active", title="")
    )
    session.title = call.text("title")[:255]
    return {}


@method("assistant.threads.setSuggestedPrompts")
def set_prompts(call: Call) -> Json:
    """Offer questions in the app's pane."""
    channel = call.channel("channel_id")
    prompts = call.structure("prompts")
    if not isinstance(prompts, list) or not 0 < len(prompts) <= MOST_PROMPTS:
        raise SlackError("invalid_arguments", messages=[f"must have 1 to {MOST_PROMPTS} items [json-pointer:/prompts]"])
    for place, prompt in enumerate(prompts):
        if not isinstance(prompt, dict) or not prompt.get("title") or not prompt.get("message"):
            raise SlackError(
                "invalid_arguments", messages=[f"must have title and message [json-pointer:/prompts/{place}]"]
            )
    call.workspace.prompts[channel.id] = Prompts(title=call.optional("title") or "", prompts=prompts)
    call.workspace.changed("prompts", channel=channel.id)
    return {}
