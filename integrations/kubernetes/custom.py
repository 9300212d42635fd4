"""What deploys into a cluster beside Kubernetes itself: the objects of Argo CD, Flux and cert-manager, where there are any."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integrations.base import SourceError
from integrations.cluster import fields
from integrations.kubernetes.api import Forbidden, NotFound, Resource
from integrations.kubernetes.snapshot import SOURCE, Snapshot
from scoring.observations import Gap

if TYPE_CHECKING:
    from integrations.kubernetes.api import Api

APPLICATIONS = Resource("applications", ("argoproj.io/v1alpha1",))
HELM_RELEASES = Resource(
    "helmreleases", ("helm.toolkit.fluxcd.io/v2", "helm.toolkit.fluxcd.io/v2beta2", "helm.toolkit.fluxcd.io/v2beta1")
)
KUSTOMIZATIONS = Resource("kustomizations", ("kustomize.toolkit.fluxcd.io/v1", "kustomize.toolkit.fluxcd.io/v1beta2"))
REPOSITORIES = Resource("gitrepositories", ("source.toolkit.fluxcd.io/v1", "source.toolkit.fluxcd.io/v1beta2"))
CERTIFICATES = Resource("certificates", ("cert-manager.io/v1",))
KINDS = (APPLICATIONS, HELM_RELEASES, KUSTOMIZATIONS, REPOSITORIES, CERTIFICATES)


def present(api: Api) -> tuple[Resource, ...]:
    """Return those kinds whose API the server has; one question, which any account may ask.

    Where it is not answered there are none: what deploys is told by the rollouts, too.
    """
    try:
        groups = {fields.text(one, "name") for one in fields.parts(api.get("/apis"), "groups")}
    except SourceError:
        return ()
    return tuple(kind for kind in KINDS if kind.group in groups)


def take(api: Api, namespaces: tuple[str, ...], *, bound: bool) -> Snapshot:
    """Read the objects of the kinds that there are: of the whole cluster, as deployers live in namespaces of their own.

    `bound` says that the connection is bound to its namespaces. An account that may not list a kind leaves a gap that says so.
    """
    taken = Snapshot(namespaces=frozenset(namespaces))
    for kind in present(api):
        for place in namespaces if bound else ("",):
            try:
                listing = api.list(kind, place)
            except NotFound:
                # The group is there and this kind, or this version of it, is not.
                continue
            except SourceError as error:
                where = f" in {place}" if place else ""
                may = f"cannot list them: grant `list {kind.plural}.{kind.group}`"
                reason = may if isinstance(error, Forbidden) else error.reason
                taken.gaps.append(Gap(SOURCE, f"{kind.plural}.{kind.group}{where}", reason))
                continue
            taken.objects.setdefault(kind.plural, []).extend(listing.items)
    return taken
