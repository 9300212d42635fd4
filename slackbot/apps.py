"""The Slack face's Django app."""

from django.apps import AppConfig


class Slackbot(AppConfig):
    """Register the face when Django is ready."""

    name = "slackbot"
    label = "slackbot"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Slack"

    def ready(self) -> None:
        """Make the face known to the core, which does not know it by name."""
        from copilot import faces
        from slackbot.face import SlackFace

        faces.register(SlackFace())
