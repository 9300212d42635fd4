"""Volume claims that stay pending, with what keeps each volume from them, and volumes that failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integrations.cluster import fields, quantity, selectors
from integrations.cluster.telling import listed, tell
from integrations.cluster.words import Word
from scoring.observations import Entity, EntityKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.cluster.cluster import Cluster
    from integrations.cluster.fields import Object
    from scoring.observations import State

_DEFAULT_CLASS = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
_LEGACY_CLASS = "volume.beta.kubernetes.io/storage-class"
_MODES = {"RWO": "ReadWriteOnce", "ROX": "ReadOnlyMany", "RWX": "ReadWriteMany", "RWOP": "ReadWriteOncePod"}
_STATIC = "kubernetes.io/no-provisioner"


def find(cluster: Cluster) -> Iterator[State]:
    """Yield what is wrong with volume claims and volumes."""
    for claim in cluster.all("PersistentVolumeClaim"):
        namespace, name = fields.namespace(claim), fields.name(claim)
        phase = fields.text(claim, "status", "phase")
        if phase == "Lost":
            detail = f"claim {name} lost its volume {fields.text(claim, 'spec', 'volumeName')}"
            yield tell(cluster, "Lost", cluster.claim(namespace, name), "PersistentVolumeClaim", claim, detail)
        elif phase == "Pending" and not fields.is_leaving(claim):
            yield from _pending(cluster, claim)
        yield from _resizing(cluster, claim)
    for volume in cluster.all("PersistentVolume"):
        if fields.text(volume, "status", "phase") == "Failed":
            told = (
                fields.text(volume, "status", "message") or fields.text(volume, "status", "reason") or "it says no more"
            )
            where, claim_name = (
                fields.text(volume, "spec", "claimRef", "namespace"),
                fields.text(volume, "spec", "claimRef", "name"),
            )
            owner = cluster.claim(where, claim_name).owner if claim_name else ""
            entity = Entity(EntityKind.STORAGE, fields.name(volume), owner=owner)
            yield tell(
                cluster,
                Word.VOLUME_FAILED,
                entity,
                "PersistentVolume",
                volume,
                f"volume {fields.name(volume)} failed: {told}",
            )


def _pending(cluster: Cluster, claim: Object) -> Iterator[State]:
    namespace, name = fields.namespace(claim), fields.name(claim)
    said = [
        seen
        for seen in cluster.events("PersistentVolumeClaim", namespace, name)
        if seen.reason in {"FailedBinding", "ProvisioningFailed", "WaitForFirstConsumer", "ExternalProvisioning"}
    ]
    newest = max(said, key=lambda seen: seen.last or 0.0, default=None)
    wanted = _class(cluster, claim)
    known = cluster.get("StorageClass", "", wanted or "")
    waits = fields.text(known, "volumeBindingMode") == "WaitForFirstConsumer"
    if waits and (newest is None or newest.reason in {"WaitForFirstConsumer", "ExternalProvisioning"}):
        # It is bound when a pod that uses it is placed; then the pod tells.
        return
    word, why = _why(cluster, claim, wanted, known)
    detail = f"claim {name} is pending: {why}"
    at = fields.created(claim)
    if newest is not None and newest.message:
        detail += f" ({newest.message})"
        at = newest.first or at
    yield tell(
        cluster, word, cluster.claim(namespace, name), "PersistentVolumeClaim", claim, detail, at=at,
        count=newest.count if newest is not None else 1,
    )  # fmt: skip


def _class(cluster: Cluster, claim: Object) -> str | None:
    """Return the class that a claim gets: its own ("" for none), the default one, None where it has none and there is none."""
    if fields.has(claim, "spec", "storageClassName"):
        return fields.text(claim, "spec", "storageClassName")
    legacy = fields.marks(claim).get(_LEGACY_CLASS)
    if legacy is not None:
        return legacy
    for one in cluster.all("StorageClass"):
        if any(fields.marks(one).get(mark) == "true" for mark in _DEFAULT_CLASS):
            return fields.name(one)
    return None


def _why(cluster: Cluster, claim: Object, wanted: str | None, known: Object | None) -> tuple[Word, str]:
    namespace, name = fields.namespace(claim), fields.name(claim)
    named = fields.text(claim, "spec", "volumeName")
    if named:
        volume = cluster.get("PersistentVolume", "", named)
        if cluster.lacks("PersistentVolume", "", named):
            return Word.VOLUME_MISSING, f"it names volume {named}, which does not exist"
        if volume is not None and (holder := _holder(volume)) and holder != f"{namespace}/{name}":
            return Word.VOLUME_TAKEN, f"it names volume {named}, which is bound to claim {holder}"
    if known is not None and fields.text(known, "provisioner") not in {"", _STATIC}:
        return Word.CLAIM_PENDING, f"class {wanted} ({fields.text(known, 'provisioner')}) has provided no volume"
    verdicts = [(_against(volume, claim, wanted), volume) for volume in cluster.all("PersistentVolume")]
    verdicts = [one for one in verdicts if one[0]]
    # The volume that lacks least tells what is wrong with the claim.
    verdicts.sort(key=lambda one: (len(one[0]), _ORDER.index(one[0][0][0]), fields.name(one[1])))
    nearest_volume = ""
    if verdicts:
        against, volume = verdicts[0]
        nearest_volume = f"volume {fields.name(volume)} {' and '.join(why for _, why in against)}"
        if len(against) == 1:
            return against[0][0], nearest_volume
    if wanted and cluster.lacks("StorageClass", "", wanted):
        nearest = cluster.nearest("StorageClass", "", wanted)
        return Word.STORAGE_CLASS_MISSING, f"class {wanted} does not exist{f'; nearest: {nearest}' if nearest else ''}"
    if wanted is None and cluster.reads("StorageClass"):
        return Word.STORAGE_CLASS_MISSING, "it names no storage class, and none is the default"
    return Word.CLAIM_PENDING, f"no volume fits it{f'; nearest: {nearest_volume}' if nearest_volume else ''}"


# Of a claim and a volume that do not fit in one way, the first of these is the most telling.
_ORDER = (
    Word.CLAIM_SELECTOR_MISMATCH, Word.CLAIM_ACCESS_MODE_MISMATCH, Word.CLAIM_TOO_LARGE, Word.VOLUME_TAKEN,
    Word.CLAIM_CLASS_MISMATCH, Word.CLAIM_PENDING,
)  # fmt: skip


def _against(volume: Object, claim: Object, wanted: str | None) -> list[tuple[Word, str]]:
    """Return what keeps a volume from a claim, the most telling first; empty where it fits."""
    found: list[tuple[Word, str]] = []
    spec, asked = fields.part(volume, "spec"), fields.part(claim, "spec")
    selector = fields.part(asked, "selector")
    if selector and not selectors.matches(selector, fields.labels(volume)):
        labels = selectors.said(fields.labels(volume)) or "no labels"
        found.append((Word.CLAIM_SELECTOR_MISMATCH, f"has {labels}, it selects {selectors.told(selector)}"))
    modes = {_MODES.get(mode, mode) for mode in fields.texts(asked, "accessModes")}
    offered = {_MODES.get(mode, mode) for mode in fields.texts(spec, "accessModes")}
    if modes and offered and not modes <= offered:
        found.append(
            (Word.CLAIM_ACCESS_MODE_MISMATCH, f"offers {listed(sorted(offered))}, it asks for {listed(sorted(modes))}")
        )
    size, room = fields.text(asked, "resources", "requests", "storage"), fields.text(spec, "capacity", "storage")
    if (quantity.parse(size) or 0.0) > (quantity.parse(room) or float("inf")):
        found.append((Word.CLAIM_TOO_LARGE, f"holds {room}, it asks for {size}"))
    holder, me = _holder(volume), f"{fields.namespace(claim)}/{fields.name(claim)}"
    phase = fields.text(volume, "status", "phase")
    if holder and (holder != me or phase == "Released"):
        found.append((Word.VOLUME_TAKEN, f"is bound to claim {holder}{' that is gone' if phase == 'Released' else ''}"))
    offers = fields.text(spec, "storageClassName")
    if (wanted or "") != offers:
        found.append((Word.CLAIM_CLASS_MISMATCH, f"is of class {offers or 'none'}, it asks for {wanted or 'none'}"))
    if (fields.text(asked, "volumeMode") or "Filesystem") != (fields.text(spec, "volumeMode") or "Filesystem"):
        found.append((Word.CLAIM_PENDING, f"is of mode {fields.text(spec, 'volumeMode') or 'Filesystem'}"))
    return found


def _holder(volume: Object) -> str:
    reference = fields.part(volume, "spec", "claimRef")
    return (
        f"{fields.text(reference, 'namespace')}/{fields.text(reference, 'name')}"
        if fields.text(reference, "name")
        else ""
    )


def _resizing(cluster: Cluster, claim: Object) -> Iterator[State]:
    for kind in ("FileSystemResizePending", "Resizing"):
        one = fields.condition(claim, kind)
        if one.get("status") == "True":
            namespace, name = fields.namespace(claim), fields.name(claim)
            asked = fields.text(claim, "spec", "resources", "requests", "storage")
            have = fields.text(claim, "status", "capacity", "storage")
            yield tell(
                cluster, Word.VOLUME_RESIZE_PENDING, cluster.claim(namespace, name), "PersistentVolumeClaim", claim,
                f"claim {name} asks for {asked or 'more'} and has {have or 'less'}: {fields.text(one, 'message')}",
                at=fields.seconds(one.get("lastTransitionTime")),
            )  # fmt: skip
            return
