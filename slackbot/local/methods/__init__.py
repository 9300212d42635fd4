"""The methods of Slack's Web API that the local workspace speaks; importing this package registers them all."""

from slackbot.local.methods import agents, auth, chat, conversations, entities, files, reactions, streams, users, views

__all__ = ["agents", "auth", "chat", "conversations", "entities", "files", "reactions", "streams", "users", "views"]
