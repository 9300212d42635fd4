"""The admin's Django app: a site of our own, whose classes are registered by `copilot.admin.urls` in the ops process alone."""

from django.contrib.admin.apps import SimpleAdminConfig


class OpsAdmin(SimpleAdminConfig):
    """Use the product's own admin site as Django's default."""

    default_site = "copilot.admin.site.OpsSite"
