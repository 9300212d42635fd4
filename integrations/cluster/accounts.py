"""Service accounts that may not do what they try, and bindings that refer to roles or accounts that do not exist."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from integrations.cluster import fields
from integrations.cluster.events import is_recent
from integrations.cluster.telling import command, tell
from integrations.cluster.words import Word
from scoring.observations import Entity, EntityKind, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.cluster.cluster import Cluster
    from integrations.cluster.fields import Object

FORBIDDEN = re.compile(
    r"User \"system:serviceaccount:(?P<namespace>[\w.-]+):(?P<name>[\w.-]+)\" cannot (?P<verb>\w+) resource \"(?P<resource>[\w./-]+)\""
)


def find(cluster: Cluster) -> Iterator[State]:
    """Yield the refusals of service accounts, and the bindings that grant nothing."""
    yield from _forbidden(cluster)
    for kind in ("RoleBinding", "ClusterRoleBinding"):
        for binding in cluster.all(kind):
            # The cluster's own come and go with its features.
            if not fields.name(binding).startswith(("system:", "kubeadm:")):
                yield from _binding(cluster, kind, binding)


def _forbidden(cluster: Cluster) -> Iterator[State]:
    seen_before: set[tuple[str, str, str, str]] = set()
    for said in cluster.all_events():
        for seen in said:
            found = FORBIDDEN.search(seen.message)
            if not found or cluster.is_over(seen.last):
                continue
            key = (found["namespace"], found["name"], found["verb"], found["resource"])
            if key in seen_before:
                continue
            seen_before.add(key)
            namespace, account = found["namespace"], found["name"]
            users = sorted(
                {
                    cluster.pod(pod).service
                    for pod in cluster.within("Pod", namespace)
                    if fields.text(pod, "spec", "serviceAccountName") == account
                }
            )
            entity = (
                Entity(EntityKind.SERVICE, users[0], namespace)
                if len(users) == 1 else Entity(EntityKind.COMPONENT, f"service account {account}", namespace)
            )  # fmt: skip
            yield State(
                entity, str(Word.ACCOUNT_FORBIDDEN), cluster.source, at=seen.first, count=seen.count,
                active=is_recent(seen, cluster.at),
                detail=f"service account {account} may not {found['verb']} {found['resource']}: {seen.message}"[:400],
                query=command(Word.ACCOUNT_FORBIDDEN, "ServiceAccount", namespace, account, f"{namespace}:{account}"),
                attributes={"kind": "serviceaccount", "event": "yes"},
            )  # fmt: skip


def _binding(cluster: Cluster, kind: str, binding: Object) -> Iterator[State]:
    namespace, name = fields.namespace(binding), fields.name(binding)
    entity = Entity(EntityKind.COMPONENT, f"{kind.lower()} {name}", namespace)
    role_kind, role = fields.text(binding, "roleRef", "kind"), fields.text(binding, "roleRef", "name")
    if role_kind in {"Role", "ClusterRole"} and cluster.lacks(role_kind, namespace, role):
        detail = f"{kind.lower()} {name} grants {role_kind.lower()} {role}, which does not exist"
        yield tell(cluster, Word.ROLE_MISSING, entity, kind, binding, detail, about=role, at=fields.created(binding))
    for subject in fields.parts(binding, "subjects"):
        if subject.get("kind") != "ServiceAccount":
            continue
        where, account = fields.text(subject, "namespace") or namespace, fields.text(subject, "name")
        if cluster.lacks("ServiceAccount", where, account):
            detail = f"{kind.lower()} {name} grants to service account {account} of {where}, which does not exist"
            yield tell(cluster, Word.BINDING_SUBJECT_MISSING, entity, kind, binding, detail, about=account)
