"""auth.test, api.test, team.info and bots.info: who the token is, and whether the server answers."""

from slackbot.local.calls import Call, method
from slackbot.local.errors import SlackError
from slackbot.local.model import Json


@method("auth.test")
def auth_test(call: Call) -> Json:
    """Return whose token this is."""
    workspace = call.workspace
    return {
        "url": f"{call.base_url}/",
        "team": workspace.name,
        "user": workspace.users[workspace.app.bot_user_id].name,
        "team_id": workspace.id,
        "user_id": workspace.app.bot_user_id,
        "bot_id": workspace.app.bot_id,
        "is_enterprise_install": False,
    }


@method("team.info")
def team_info(call: Call) -> Json:
    """Return the workspace."""
    workspace = call.workspace
    return {"team": {"id": workspace.id, "name": workspace.name, "domain": workspace.slug}}


@method("bots.info")
def bots_info(call: Call) -> Json:
    """Return the app's bot."""
    app = call.workspace.app
    if (wanted := call.optional("bot")) not in (None, app.bot_id):
        raise SlackError("bot_not_found", messages=[f"no bot {wanted}"])
    return {
        "bot": {
            "id": app.bot_id,
            "deleted": False,
            "name": app.name,
            "app_id": app.app_id,
            "user_id": app.bot_user_id,
        }
    }
