"""The ops process's addresses."""

from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

from copilot.admin import (
    agents,
    changes,
    connections,
    deliveries,
    incidents,
    people,
    runbooks,
    services,
    tenants,
    tokens,
    topology,
    trail,
)

# Importing these modules registers their pages; naming them here keeps the imports honest.
PAGES = (
    tenants,
    connections,
    agents,
    services,
    incidents,
    changes,
    runbooks,
    deliveries,
    tokens,
    topology,
    trail,
    people,
)

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
]
