"""The admin's Django app, which finds the admin classes in this package."""

from django.contrib.admin.apps import AdminConfig


class OpsAdmin(AdminConfig):
    """Use the product's own admin site as Django's default."""
