"""The methods of Slack's Web API that the local workspace speaks; importing this package registers them all."""

from slackbot.local.methods import auth, chat, conversations, files, reactions, users, views

__all__ = ["auth", "chat", "conversations", "files", "reactions", "users", "views"]
