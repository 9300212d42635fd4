"""Find the tenant's service that an event is about."""

from __future__ import annotations

from django.db.models import Q
from rapidfuzz import fuzz

from copilot.models import Service
from integrations.base import ServiceReference

# Labels that name a service, the most telling first (Kubernetes' recommended labels, common Prometheus practice).
SERVICE_LABELS = ("service", "app_kubernetes_io_name", "app.kubernetes.io/name", "app", "deployment", "workload", "job")

# What stands around a name in a sentence.
_AROUND_NAMES = ".,:;!?`'\"“”()"


def match_service(reference: ServiceReference) -> Service | None:
    """Return the service that the reference means: by vendor's id, name, repository, labels, or workload, in that order."""
    labels = reference.labels
    named = [reference.name, *(labels.get(label, "") for label in SERVICE_LABELS)]
    if reference.vendor_id and (found := Service.objects.filter(pagerduty_id=reference.vendor_id).first()):
        return found
    for name in filter(None, named):
        matches = Service.objects.filter(Q(name__iexact=name) | Q(workload__iexact=name))
        if reference.namespace:
            exact = matches.filter(Q(namespace="") | Q(namespace=reference.namespace))
            if found := exact.first():
                return found
        elif found := matches.first():
            return found
    if reference.repository:
        # A service's repository may be written with its address, which ends so.
        written = Q(repository__iexact=reference.repository) | Q(repository__iendswith=f"/{reference.repository}")
        of_repository = list(Service.objects.filter(written)[:2])
        # A repository of several services says nothing about which one was meant.
        return of_repository[0] if len(of_repository) == 1 else None
    return None


def named_service(words: str) -> Service | None:
    """Return the first service that one of the words names, or that all of them together do."""
    for name in (words, *words.split()):
        if found := match_service(ServiceReference(name=name.strip(_AROUND_NAMES))):
            return found
    return None


def closest_services(words: str, *, most: int = 4) -> list[tuple[Service, float]]:
    """Return the services whose names are most like one of the words, each with its likeness in [0, 100], the best first.

    The likeness is the normalised Indel similarity (rapidfuzz's `ratio`); what is less than half alike is left out.
    """
    said = [word.strip(_AROUND_NAMES).casefold() for word in (words, *words.split())]
    found = [
        (one, max((fuzz.ratio(word, one.name.casefold()) for word in said if word), default=0.0))
        for one in Service.objects.all()
    ]
    return sorted(
        ((one, likeness) for one, likeness in found if likeness >= 50), key=lambda pair: (-pair[1], pair[0].name)
    )[:most]


def reference_name(reference: ServiceReference) -> str:
    """Return what the event calls its service, for a service that nobody has set up."""
    if reference.name:
        return reference.name
    for label in SERVICE_LABELS:
        if reference.labels.get(label):
            return reference.labels[label]
    return reference.repository or reference.vendor_id
