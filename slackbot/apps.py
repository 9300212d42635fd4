"""The Slack face's Django app."""

from django.apps import AppConfig


class Slackbot(AppConfig):
    """Register the face when Django is ready."""

    name = "slackbot"
    label = "slackbot"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Slack"
