"""The core's Django app."""

from django.apps import AppConfig


class Copilot(AppConfig):
    """Register the core's models under the label `copilot`."""

    name = "copilot"
    label = "copilot"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "SRE Copilot"
