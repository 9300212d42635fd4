"""users.*: the people of the workspace."""

from slackbot.local.calls import Call, method
from slackbot.local.errors import SlackError
from slackbot.local.model import Json
from slackbot.local.paging import next_cursor, position


@method("users.info")
def info(call: Call) -> Json:
    """Return one person by id."""
    user = call.workspace.users.get(call.text("user"))
    if user is None:
        raise SlackError("user_not_found")
    return {"user": user.public()}


@method("users.list")
def list_users(call: Call) -> Json:
    """Return the people, by pages."""
    users = list(call.workspace.users.values())
    limit = call.number("limit", default=200, low=1, high=1000)
    start = position(call.optional("cursor"))
    more = start + limit < len(users)
    return {
        "members": [user.public() for user in users[start : start + limit]],
        "cache_ts": int(call.workspace.clock.now()),
        "response_metadata": {"next_cursor": next_cursor(start + limit) if more else ""},
    }


@method("users.lookupByEmail")
def lookup_by_email(call: Call) -> Json:
    """Return the person with an e-mail address."""
    email = call.text("email").casefold()
    for user in call.workspace.users.values():
        if (user.email or "").casefold() == email:
            return {"user": user.public()}
    raise SlackError("users_not_found")
