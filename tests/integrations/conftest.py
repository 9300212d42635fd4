"""Real servers for the integrations' tests, and an eye on what is read of a cluster's objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from integrations import code_owners
from integrations.kubernetes.api import Api, Listing, Resource
from integrations.kubernetes.snapshot import KINDS, REVISIONS
from tests.integrations.kubernetes_schema import packaged
from tests.servers.fixtures import kubelet, start_prometheus

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["kubelet", "no_owners_are_kept", "start_prometheus", "watch"]
VERSION = "1.37"


@pytest.fixture(autouse=True)
def no_owners_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test find what another read of a repository."""
    monkeypatch.setattr(code_owners, "cache", code_owners.Cache())


@pytest.fixture(scope="session", autouse=True)
def watch() -> Iterator[None]:
    """Let reading a field that Kubernetes does not have fail the test, whatever server or stand-in an object came from."""
    schema, plain = packaged(VERSION), Api._pages
    kinds = {**KINDS, REVISIONS.plural: "ControllerRevision", "configmaps": "ConfigMap", "secrets": "Secret"}

    def pages(self: Api, version: str, resource: Resource, *given: Any, **more: Any) -> Listing:
        found = plain(self, version, resource, *given, **more)
        kind = kinds.get(resource.plural, "")
        if not kind:
            return found
        return Listing(tuple(schema.watched(kind, one, is_whole=False) for one in found.items), found.left_out)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Api, "_pages", pages)
        yield
