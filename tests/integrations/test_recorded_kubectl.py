"""What kubectl printed becomes the objects and states that the live reader gives."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from integrations import recorded
from integrations.recorded import kubectl, objects
from scoring.observations import Dependency, EntityKind, State
from tests.recorded_world import write_case, write_json

NOW = datetime(2025, 11, 11, 16, 0, tzinfo=UTC)
POD = """\
Name:             cart-79b49f5555-2z682
Namespace:        shop
Node:             worker-1/192.168.0.174
Start Time:       Tue, 11 Nov 2025 15:58:50 +0800
Labels:           app=cart
                  pod-template-hash=79b49f5555
Annotations:      prometheus.io/scrape: true
Status:           Running
IP:               172.20.3.237
Controlled By:    ReplicaSet/cart-79b49f5555
Containers:
  server:
    Image:          shop/cart:v2
    Port:           7070/TCP
    State:          Waiting
      Reason:       CrashLoopBackOff
    Last State:     Terminated
      Reason:       OOMKilled
      Exit Code:    137
      Started:      Tue, 11 Nov 2025 15:59:00 +0800
      Finished:     Tue, 11 Nov 2025 15:59:30 +0800
    Ready:          False
    Restart Count:  4
    Limits:
      memory:  128Mi
    Liveness:   grpc <pod>:7071  delay=5s timeout=1s period=10s #success=1 #failure=3
    Environment:
      REDIS_ADDR:  redis:6380
      DB_PASSWORD: <set to the key 'password' in secret 'cart-db'>
Conditions:
  Type                        Status
  Ready                       False
  PodScheduled                True
Volumes:
  data:
    Type:       PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)
    ClaimName:  cart-data
Tolerations:                 node.kubernetes.io/not-ready:NoExecute op=Exists for 300s
                             team=a:NoSchedule
Events:
  Type     Reason   Age                 From     Message
  ----     ------   ----                ----     -------
  Warning  BackOff  12s (x5 over 100s)  kubelet  Back-off restarting failed container server in pod cart-79b49f5555-2z682_shop
"""
DEPLOYMENT = """\
Name:                   cart
Namespace:              shop
Labels:                 app=cart
Selector:               app=cart
Replicas:               1 desired | 1 updated | 1 total | 0 available | 1 unavailable
Pod Template:
  Labels:           app=cart
  Containers:
   server:
    Image:      shop/cart:v2
    Port:       7070/TCP
    Liveness:   grpc <pod>:7071  delay=5s timeout=1s period=10s #success=1 #failure=3
    Environment:
      REDIS_ADDR:  redis:6380
Conditions:
  Type           Status  Reason
  ----           ------  ------
  Available      False   MinimumReplicasUnavailable
Events:          <none>
"""
SERVICE = """\
Name:                     {name}
Namespace:                shop
Selector:                 app={app}
Type:                     ClusterIP
Port:                     grpc  {port}/TCP
TargetPort:               {target}/TCP
Endpoints:                <none>
"""
NODE = """\
Name:               worker-1
Labels:             kubernetes.io/hostname=worker-1
Taints:             <none>
Unschedulable:      false
Conditions:
  Type             Status  LastHeartbeatTime                 LastTransitionTime                Reason                       Message
  ----             ------  -----------------                 ------------------                ------                       -------
  MemoryPressure   True    Tue, 11 Nov 2025 15:59:23 +0800   Tue, 11 Nov 2025 15:50:00 +0800   KubeletHasNoMemory           kubelet has no memory
  Ready            True    Tue, 11 Nov 2025 15:59:23 +0800   Mon, 11 Aug 2025 15:48:44 +0800   KubeletReady                 kubelet is posting ready status
"""


def read(**texts: str) -> objects.Texts:
    commands = {f"kubectl describe {kind} {place} -n shop": text for place, (kind, text) in enumerate(texts.items())}
    return objects.read(commands, now=NOW, wall=True, namespace="shop")


def test_a_described_pod_is_the_object_that_the_server_has() -> None:
    (pod,) = read(pods=POD).objects["pods"]
    assert pod["metadata"]["labels"] == {"app": "cart", "pod-template-hash": "79b49f5555"}
    assert pod["metadata"]["ownerReferences"] == [{"kind": "ReplicaSet", "name": "cart-79b49f5555", "controller": True}]
    assert pod["spec"]["nodeName"] == "worker-1"
    (status,) = pod["status"]["containerStatuses"]
    assert status["state"] == {"waiting": {"reason": "CrashLoopBackOff", "message": ""}}
    assert status["lastState"]["terminated"]["exitCode"] == 137
    # The record's own clock has no zone: the clock on the wall is what all times share.
    assert status["lastState"]["terminated"]["finishedAt"] == "2025-11-11T15:59:30+00:00"
    (container,) = pod["spec"]["containers"]
    assert container["livenessProbe"]["grpc"] == {"port": 7071}
    assert container["env"] == [
        {"name": "REDIS_ADDR", "value": "redis:6380"},
        {"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "cart-db", "key": "password"}}},
    ]
    assert pod["spec"]["volumes"] == [{"name": "data", "persistentVolumeClaim": {"claimName": "cart-data"}}]
    assert pod["spec"]["tolerations"][1] == {"key": "team", "operator": "Equal", "value": "a", "effect": "NoSchedule"}


def test_an_event_below_a_description_has_its_count_and_times() -> None:
    (event,) = read(pods=POD).events
    assert (event["reason"], event["count"], event["involvedObject"]["kind"]) == ("BackOff", 5, "Pod")
    assert (event["firstTimestamp"], event["lastTimestamp"]) == (
        "2025-11-11T15:58:20+00:00",
        "2025-11-11T15:59:48+00:00",
    )


def test_a_list_of_events_is_read_with_and_without_its_heading() -> None:
    line = "6m14s       Warning   FailedScheduling   pod/cart-0      0/4 nodes are available: 3 Insufficient cpu."
    for text in (f"LAST SEEN   TYPE      REASON   OBJECT   MESSAGE\n{line}\n", f"{line}\n"):
        (event,) = objects.read({"kubectl get events -n shop": text}, now=NOW, wall=True, namespace="shop").events
        assert event["involvedObject"] == {"kind": "Pod", "name": "cart-0", "namespace": "shop"}
        assert event["message"] == "0/4 nodes are available: 3 Insufficient cpu."
        assert event["lastTimestamp"] == "2025-11-11T15:53:46+00:00"


@pytest.mark.parametrize(
    ("text", "seconds"), [("63s", 63), ("3h38m", 13080), ("8d", 691200), ("5m8s", 308), ("<unknown>", None)]
)
def test_an_age_is_read_in_seconds(text: str, seconds: float | None) -> None:
    assert kubectl.age(text) == seconds


def bundle(tmp_path: Path, **more: str) -> Path:
    folder = write_case(tmp_path / "set", services=["cart", "redis"], nodes=["worker-1"], namespace="shop", anomaly_time=None,
                        collection_timestamp="2025-11-11T16:00:00")  # fmt: skip
    texts = {
        "kubectl describe pods cart-79b49f5555-2z682 -n shop": POD,
        "kubectl describe deployments cart -n shop": DEPLOYMENT,
        "kubectl describe services cart -n shop": SERVICE.format(name="cart", app="cart", port=7070, target=9999),
        "kubectl describe services redis -n shop": SERVICE.format(name="redis", app="nobody", port=6379, target=6379),
        "kubectl describe deployments redis -n shop": DEPLOYMENT.replace("cart", "redis"),
        "kubectl describe pods redis-5b9bd4d6c4-x2x4k -n shop": POD.replace(
            "cart-79b49f5555-2z682", "redis-5b9bd4d6c4-x2x4k"
        )
        .replace("app=cart", "app=redis")
        .replace("cart-79b49f5555", "redis-5b9bd4d6c4"),
        "kubectl describe nodes worker-1": NODE,
        "kubectl get pods -n shop -o wide": "NAME READY STATUS RESTARTS AGE\n",
        "kubectl get services -n shop -o wide": "NAME TYPE\n",
    }
    write_json(folder, "k8s.json.gz", {**texts, **more})
    return folder


def conditions(folder: Path) -> dict[tuple[str, str], State]:
    case = recorded.read(folder)
    return {(one.entity.service, one.condition): one for one in case.observations if isinstance(one, State)}


def test_a_bundle_says_what_the_live_reader_says(tmp_path: Path) -> None:
    found = conditions(bundle(tmp_path))
    assert found["cart", "CrashLoopBackOff"].count == 4
    assert found["cart", "OOMKilled"].at == datetime(2025, 11, 11, 15, 59, 30, tzinfo=UTC).timestamp()
    assert found["cart", "ReplicasUnavailable"].count == 1
    assert found["worker-1", "MemoryPressure"].entity.kind is EntityKind.NODE


def test_a_bundle_says_what_does_not_fit_together(tmp_path: Path) -> None:
    found = conditions(bundle(tmp_path))
    assert ("cart", "TargetPortMismatch") in found
    assert ("cart", "LivenessProbePortMismatch") in found
    assert ("redis", "SelectorMismatch") in found
    assert ("cart", "HostPortUnknown") in found


def test_node_services_and_connections_are_states(tmp_path: Path) -> None:
    folder = bundle(tmp_path)
    write_json(folder, "probes.json.gz", {
        "connectivity": {"cart:7070": "Connection Failed", "redis:6379": "redis open\nConnection Succeeded"},
        "node_services": {"worker-1/kubelet": "Active: inactive (dead) since Tue 2025-11-11 15:43:39 CST; 2min ago",
                          "worker-1/containerd": "Active: active (running) since Tue 2025-11-11 10:00:00 CST"},
    })  # fmt: skip
    found = conditions(folder)
    assert ("cart", "Unreachable") in found
    assert ("redis", "Unreachable") not in found
    assert found["worker-1", "KubeletDown"].at == datetime(2025, 11, 11, 15, 43, 39, tzinfo=UTC).timestamp()
    assert ("worker-1", "ContainerRuntimeDown") not in found


def manifest(name: str, port: int, password: str) -> str:
    values = f"DB_HOST: redis-leader\n  DB_PORT: '{port}'\n  DB_USER: shop\n  DB_PASSWORD: {password}\n"
    return f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: {name}\nstringData:\n  {values}"


def test_who_enters_a_store_otherwise_than_the_others_is_told_and_no_password_is(tmp_path: Path) -> None:
    folder = bundle(tmp_path)
    yamls = {f"part{place}": manifest(f"part{place}", 3306, "hunter-two") for place in range(3)}
    yamls |= {"cart": manifest("cart", 34000, "hunter-three")}
    write_json(folder, "probes.json.gz", {"app_yaml": yamls})
    case = recorded.read(folder)
    states = {
        (one.entity.name, one.condition): one
        for one in case.observations
        if isinstance(one, State) and one.source == "manifests"
    }
    assert set(states) == {("cart", "HostPortUnknown"), ("cart", "CredentialsDiffer")}
    assert "hunter" not in repr(case)
    assert ("part0", "redis") in {
        (one.caller.name, one.callee.name) for one in case.observations if isinstance(one, Dependency)
    }


def test_what_runs_stands_against_what_the_manifest_wished() -> None:
    found = read(deployments=DEPLOYMENT.replace("1 desired", "0 desired"))
    wished = {
        "metadata": {"name": "cart", "namespace": "shop"},
        "spec": {"replicas": 1, "template": {"spec": {"dnsPolicy": "None"}}},
    }
    found.fill("deployments", wished, complete=True)
    (deployment,) = found.objects["deployments"]
    assert deployment["spec"]["replicas"] == 0
    assert deployment["spec"]["template"]["spec"]["dnsPolicy"] == "None"


def test_what_was_wished_and_is_not_among_what_was_listed_is_not_there() -> None:
    found = read(deployments=DEPLOYMENT)
    wished = {"metadata": {"name": "gone", "namespace": "shop"}, "spec": {}}
    found.fill("deployments", wished, complete=True)
    assert [one["metadata"]["name"] for one in found.objects["deployments"]] == ["cart"]
    found.fill("deployments", wished, complete=False)
    assert [one["metadata"]["name"] for one in found.objects["deployments"]] == ["cart", "gone"]


def test_a_pod_that_waits_was_made_when_the_list_says() -> None:
    texts = {
        "kubectl describe pods cart-1 -n shop": "Name:    cart-1\nNamespace: shop\nNode:  <none>\nStatus:   Pending\n",
        "kubectl get pods -n shop -o wide": "NAME     READY   STATUS    RESTARTS   AGE\ncart-1   0/1     Pending   0          82s\n",
    }
    (pod,) = objects.read(texts, now=NOW, wall=True, namespace="shop").objects["pods"]
    assert pod["metadata"]["creationTimestamp"] == "2025-11-11T15:58:38+00:00"
    assert pod["status"]["phase"] == "Pending"


def test_a_described_config_map_has_its_data() -> None:
    text = (
        "Name:         edge\nNamespace:    shop\nLabels:       <none>\n\nData\n====\n"
        "application.yml:\n----\n# routes\nroutes:\n  - id: cart\n    uri: http://cart:80\n\n"
        "LEVEL:\n----\ninfo\n\n\nBinaryData\n====\n\nEvents:  <none>\n"
    )
    (found,) = read(configmaps=text).objects["configmaps"]
    assert found["metadata"] == {"name": "edge", "namespace": "shop"}
    assert found["data"] == {
        "application.yml": "# routes\nroutes:\n  - id: cart\n    uri: http://cart:80",
        "LEVEL": "info",
    }
