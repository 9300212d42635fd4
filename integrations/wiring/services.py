"""Services against the pods they stand for: selectors, target ports, protocols, policies that cut them off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integrations.wiring.objects import containers, name, namespace, part, parts, pod_labels, ports

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.wiring.objects import Object, Objects
    from scoring.observations import State


def states(objects: Objects) -> Iterator[State]:
    """Yield what is wrong between services, their pods and the policies on the way."""
    for service in objects.of("services"):
        yield from _service(service, objects)
    for policy in objects.of("networkpolicies"):
        yield from _policy(policy, objects)


def _service(service: Object, objects: Objects) -> Iterator[State]:
    selector = {str(key): str(word) for key, word in part(service, "spec", "selector").items()}
    if not selector:
        return
    behind = [
        workload
        for _, workload in objects.workloads()
        if namespace(workload) == namespace(service) and selector.items() <= pod_labels(workload).items()
    ]
    words = ",".join(f"{key}={word}" for key, word in sorted(selector.items()))
    if not behind:
        if objects.of("deployments"):
            near = _nearest(service, selector, objects)
            yield objects.state(
                near or service, "SelectorMismatch", kind="service",
                detail=f"service {name(service)} selects {words}, and no workload has pods with these labels",
            )  # fmt: skip
        return
    for port in parts(service, "spec", "ports"):
        yield from _port(service, port, behind, objects)


def _nearest(service: Object, selector: dict[str, str], objects: Objects) -> Object | None:
    """Return the workload that the service was made for: of its own name, or of the name that its selector nearly says."""
    here = [one for _, one in objects.workloads() if namespace(one) == namespace(service)]
    by_name = {name(one): one for one in here}
    return by_name.get(name(service)) or next((by_name[word] for word in selector.values() if word in by_name), None)


def _port(service: Object, port: Object, behind: list[Object], objects: Objects) -> Iterator[State]:
    target = port.get("targetPort") or port.get("port")
    protocol = str(port.get("protocol") or "TCP")
    declared = [one for workload in behind for container in containers(workload) for one in ports(container)]
    if not declared:
        # Declaring ports is a custom, not a duty: where nobody declares any, nothing can be told.
        return
    numbers = {number for number, _, _ in declared}
    names = {word for _, _, word in declared if word}
    what = f"service {name(service)} port {port.get('port')}"
    if str(target).isdecimal():
        if int(str(target)) not in numbers:
            yield objects.state(
                behind[0], "TargetPortMismatch", kind="service",
                detail=f"{what} leads to {target}, but the containers serve {', '.join(map(str, sorted(numbers)))}",
            )  # fmt: skip
            return
        served = {spoken for number, spoken, _ in declared if number == int(str(target))}
        if protocol not in served:
            yield objects.state(
                behind[0], "ServiceProtocolMismatch", kind="service",
                detail=f"{what} is {protocol}, but the containers serve {target} over {', '.join(sorted(served))}",
            )  # fmt: skip
    elif names and str(target) not in names:
        yield objects.state(
            behind[0], "TargetPortMismatch", kind="service",
            detail=f"{what} leads to the port named {target}, but the containers name {', '.join(sorted(names))}",
        )  # fmt: skip


def _policy(policy: Object, objects: Objects) -> Iterator[State]:
    spec = part(policy, "spec")
    selector = {str(key): str(word) for key, word in part(spec, "podSelector", "matchLabels").items()}
    closed = [
        word for word in ("ingress", "egress") if word.title() in (spec.get("policyTypes") or ()) and not spec.get(word)
    ]
    if not closed:
        return
    for _, workload in objects.workloads():
        if namespace(workload) == namespace(policy) and selector.items() <= pod_labels(workload).items():
            yield objects.state(
                workload, "PolicyDeniesAll", kind="networkpolicy",
                detail=f"network policy {name(policy)} allows no {' and no '.join(closed)} traffic of its pods",
            )  # fmt: skip
