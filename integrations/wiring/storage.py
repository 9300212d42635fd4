"""Claims that wait against the volumes that there are: taken, too small, another class, mode or label."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integrations.cluster import quantity
from integrations.wiring.objects import labels, name, namespace, part, parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.wiring.objects import Object, Objects
    from scoring.observations import State


def states(objects: Objects) -> Iterator[State]:
    """Yield a state for each claim that waits, of the workload that needs it, and why."""
    for claim in objects.of("persistentvolumeclaims"):
        if part(claim, "status").get("phase") not in {"Pending", "Lost"}:
            continue
        users = [
            workload
            for _, workload in objects.workloads()
            if namespace(workload) == namespace(claim)
            and any(
                part(volume, "persistentVolumeClaim").get("claimName") == name(claim)
                for volume in parts(workload, "spec", "template", "spec", "volumes")
            )
        ]
        condition, detail = _why(claim, objects)
        yield objects.state(users[0] if users else claim, condition, f"claim {name(claim)}: {detail}", kind="pvc")


def _why(claim: Object, objects: Objects) -> tuple[str, str]:
    spec = part(claim, "spec")
    volumes = list(objects.of("persistentvolumes"))
    wanted = str(spec.get("volumeName") or "")
    named = [one for one in volumes if name(one) == wanted] if wanted else volumes
    if wanted and not named:
        return "VolumeMissing", f"there is no volume {wanted}"
    reasons: list[tuple[int, str, str]] = []
    for volume in named:
        there = part(volume, "spec")
        holder = part(there, "claimRef")
        if holder and (holder.get("namespace"), holder.get("name")) != (namespace(claim), name(claim)):
            if wanted or _alike(spec, there):
                reasons.append(
                    (
                        5,
                        "VolumeTaken",
                        f"volume {name(volume)} belongs to {holder.get('namespace')}/{holder.get('name')}",
                    )
                )
            continue
        selector = part(spec, "selector", "matchLabels")
        if selector and not {str(k): str(v) for k, v in selector.items()}.items() <= labels(volume).items():
            reasons.append((4, "ClaimSelectorMismatch", f"volume {name(volume)} lacks the labels {selector}"))
        elif (spec.get("storageClassName") or "") != (there.get("storageClassName") or ""):
            reasons.append(
                (
                    1,
                    "ClaimClassMismatch",
                    f"it asks for class {spec.get('storageClassName') or 'none'}, volume {name(volume)} is of {there.get('storageClassName') or 'none'}",
                )
            )
        elif not set(spec.get("accessModes") or ()) <= set(_modes(there)):
            reasons.append(
                (
                    3,
                    "ClaimAccessModeMismatch",
                    f"it asks for {', '.join(spec.get('accessModes') or ())}, volume {name(volume)} offers {', '.join(_modes(there))}",
                )
            )
        elif (quantity.parse(part(spec, "resources", "requests").get("storage")) or 0.0) > (
            quantity.parse(part(there, "capacity").get("storage")) or 0.0
        ):
            reasons.append(
                (
                    3,
                    "ClaimTooLarge",
                    f"it asks for {part(spec, 'resources', 'requests').get('storage')}, volume {name(volume)} has {part(there, 'capacity').get('storage')}",
                )
            )
    if reasons:
        _, condition, detail = max(reasons, key=lambda one: one[0])
        return condition, detail
    return "ClaimPending", "it is bound to no volume"


_SHORT = {"RWO": "ReadWriteOnce", "ROX": "ReadOnlyMany", "RWX": "ReadWriteMany", "RWOP": "ReadWriteOncePod"}


def _modes(volume: Object) -> list[str]:
    return [_SHORT.get(str(mode), str(mode)) for mode in volume.get("accessModes") or ()]


def _alike(claim: Object, volume: Object) -> bool:
    return (claim.get("storageClassName") or "") == (volume.get("storageClassName") or "")
