"""Webhook configurations whose Service is not there or has nobody behind it: then the API server refuses, or lets all pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integrations.cluster import fields
from integrations.cluster.pods import is_ready
from integrations.cluster.telling import tell
from integrations.cluster.words import Word
from scoring.observations import Entity, EntityKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.cluster.cluster import Cluster
    from scoring.observations import State

KINDS = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")


def find(cluster: Cluster) -> Iterator[State]:
    """Yield the webhooks that cannot be called."""
    for kind in KINDS:
        for configuration in cluster.all(kind):
            name = fields.name(configuration)
            seen: set[tuple[str, str]] = set()
            for webhook in fields.parts(configuration, "webhooks"):
                reference = fields.part(webhook, "clientConfig", "service")
                namespace, target = fields.text(reference, "namespace"), fields.text(reference, "name")
                if not target or (namespace, target) in seen:
                    continue
                seen.add((namespace, target))
                outcome = (
                    "all that it watches is refused"
                    if fields.text(webhook, "failurePolicy") != "Ignore"
                    else "nothing is checked"
                )
                told = f"webhook {fields.text(webhook, 'name')} of {name} calls service {target} of {namespace}"
                service = cluster.get("Service", namespace, target)
                if service is None:
                    if not cluster.lacks("Service", namespace, target):
                        continue
                    word, why = Word.WEBHOOK_SERVICE_MISSING, f"which does not exist: {outcome}"
                else:
                    selector = fields.words(service, "spec", "selector")
                    pods = cluster.pods(namespace, selector)
                    if not selector or not cluster.reads("Pod", namespace) or any(is_ready(pod) for pod in pods):
                        continue
                    word, why = Word.WEBHOOK_WITHOUT_ENDPOINTS, f"which has no ready pod: {outcome}"
                yield tell(
                    cluster, word, Entity(EntityKind.COMPONENT, name, owner=target), kind, configuration, f"{told}, {why}",
                    about=target, at=fields.changed(configuration), policy=fields.text(webhook, "failurePolicy") or "Fail",
                )  # fmt: skip
