"""A folder of what an engineer could collect becomes observations, whatever its files are called."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from copilot.cli import main
from integrations import bundle
from integrations.bundle import BadCase, api, printed
from integrations.cluster.cluster import CLUSTER_WIDE
from integrations.recorded.traces import seconds
from scoring.observations import Entity, EntityKind, LogPattern, Note, Series, State
from tests.recorded_world import CALLS, FAULT_AT, SHOP, metric_rows
from tests.unit.cluster.shop import NAMESPACE, NOW, Shop, objects, shop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

PODS = """\
NAME                        READY   STATUS             RESTARTS       AGE   IP           NODE     NOMINATED NODE   READINESS GATES
cart-6d5f7c9b8d-x2k4p       1/1     Running            0              3d    10.0.0.4     node-1   <none>           <none>
payments-7d9f8b6c5d-abcde   0/1     CrashLoopBackOff   7 (2m ago)     20m   10.0.0.5     node-1   <none>           <none>
"""
NODES = """\
NAME     STATUS                     ROLES           AGE    VERSION
node-1   Ready                      control-plane   200d   v1.30.1
node-2   NotReady                   <none>          200d   v1.30.1
node-3   Ready,SchedulingDisabled   <none>          200d   v1.30.1
"""
DEPLOYMENTS = """\
NAMESPACE   NAME       READY   UP-TO-DATE   AVAILABLE   AGE
shop        cart       1/1     1            1           3d
shop        payments   0/2     2            0           3d
bank        ledger     3/3     3            3           3d
"""
EVENTS = """\
LAST SEEN   TYPE      REASON    OBJECT                          MESSAGE
2m          Warning   BackOff   pod/payments-7d9f8b6c5d-abcde   Back-off restarting failed container payments in pod payments-7d9f8b6c5d-abcde
"""


def write(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def states(found: bundle.Bundle) -> set[tuple[str, str]]:
    return {
        (one.entity.name, one.condition) for one in found.case.observations if isinstance(one, State) and one.active
    }


def series(found: bundle.Bundle) -> set[tuple[str, str, str]]:
    return {(one.entity.name, one.indicator, one.unit) for one in found.case.observations if isinstance(one, Series)}


def csv_of(rows: list[dict[str, float]]) -> str:
    return "\n".join([",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)])


def test_plain_lists_tell_which_pods_nodes_and_workloads_are_in_trouble(tmp_path: Path) -> None:
    found = bundle.read(
        write(tmp_path, {"pods.txt": PODS, "nodes": NODES, "deploy.out": DEPLOYMENTS, "shop/events.txt": EVENTS})
    )

    told = states(found)
    assert ("payments-7d9f8b6c5d-abcde", "CrashLoopBackOff") in told
    assert ("payments", "ReplicasUnavailable") in told
    assert ("node-2", "NotReady") in told
    assert not {name for name, _ in told} & {"cart", "cart-6d5f7c9b8d-x2k4p", "ledger", "node-1"}
    assert dict(found.read) == {
        "deploy.out": "get deployments",
        "nodes": "get nodes",
        "pods.txt": "get pods",
        "shop/events.txt": "get events",
    }


def test_one_file_may_hold_many_commands() -> None:
    text = f"$ kubectl get nodes -o wide\n{NODES}\n$ kubectl -n shop get pods\n{PODS}\n$ kubectl get pods -n bank\nNo resources found in bank namespace.\n"

    found = list(printed.commands(text, namespace="default"))

    assert [command for command, _ in found] == ["kubectl get nodes -n default", "kubectl get pods -n shop"]


def test_a_list_of_everything_is_taken_apart() -> None:
    text = (
        "NAME                            READY   STATUS    RESTARTS   AGE\n"
        "pod/cart-6d5f7c9b8d-x2k4p       1/1     Running   0          3d\n\n"
        "NAME                   READY   UP-TO-DATE   AVAILABLE   AGE\n"
        "deployment.apps/cart   0/1     1            0           3d\n"
    )

    ((pods, first), (deployments, second)) = printed.commands(text, namespace="shop")
    now = datetime.fromtimestamp(NOW, UTC)

    assert (pods, deployments) == ("kubectl get pods -n shop", "kubectl get deployments -n shop")
    ((_, pod),) = printed.objects(pods, first, now=now)
    ((_, deployment),) = printed.objects(deployments, second, now=now)
    assert (pod["metadata"]["name"], pod["status"]["phase"]) == ("cart-6d5f7c9b8d-x2k4p", "Running")
    assert (deployment["metadata"]["name"], deployment["spec"]["replicas"]) == ("cart", 1)
    assert deployment["status"]["availableReplicas"] == 0


def dump(made: Shop) -> dict[str, str]:
    """What `kubectl cluster-info dump --output-directory` writes of the small shop."""
    return {
        f"{'' if kind in CLUSTER_WIDE else NAMESPACE + '/'}{kind.lower()}s.json": json.dumps(
            {"kind": f"{kind}List", "apiVersion": "v1", "items": items}
        )
        for kind, items in made.objects.items()
    }


def misled(made: Shop) -> None:
    made.get("Service", "payments")["spec"]["selector"] = {"app": "paymnets"}


@pytest.mark.parametrize("change", [misled, Shop.unready])
def test_a_dump_is_read_as_the_live_cluster_is(tmp_path: Path, change: Callable[[Shop], object]) -> None:
    broken = shop(change)

    told = states(bundle.read(write(tmp_path, dump(broken)), at=NOW))

    assert told == {(one.entity.name, one.condition) for one in broken.states() if one.active}
    assert told


def test_a_healthy_dump_tells_of_nothing(tmp_path: Path) -> None:
    assert states(bundle.read(write(tmp_path, dump(shop())), at=NOW)) == set()


def test_a_dump_to_one_file_has_its_logs_in_between(tmp_path: Path) -> None:
    pods = json.dumps({"kind": "PodList", "items": objects()["Pod"]})
    lines = "2026-11-20T11:59:01Z ERROR connection refused by database\n" * 5
    text = f"{pods}\n==== START logs for container app of pod shop/web-1 ====\n{lines}==== END logs for container app of pod shop/web-1 ====\n"
    found = bundle.read(write(tmp_path, {"cluster-info.dump": text}))

    (pattern,) = [one for one in found.case.observations if isinstance(one, LogPattern)]

    assert (pattern.count_during, pattern.level) == (5, "error")
    # The newest time in it is when it was taken.
    assert found.case.window.alert_at == seconds("2026-11-20T11:59:01Z")


def test_secrets_come_without_their_values(tmp_path: Path) -> None:
    hidden = "aHVudGVyMg=="
    applied = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps({"data": {"password": hidden}})}
    secret = {
        "kind": "Secret",
        "metadata": {"name": "db", "namespace": "shop", "annotations": applied},
        "data": {"password": hidden},
        "stringData": {"user": hidden},
    }

    ((kind, read),) = api.objects(secret)

    assert (kind, read and read["data"]) == ("Secret", {"password": "", "user": ""})
    assert hidden not in repr(read)
    listed = json.dumps({"kind": "List", "items": [secret]})
    assert hidden not in repr(bundle.read(write(tmp_path, {"secrets.json": listed, "pods.txt": PODS})))


PROMETHEUS = {
    "status": "success",
    "data": {
        "resultType": "matrix",
        "result": [
            {"metric": {"__name__": "cpu_usage_percent", "service": "cart"}, "values": [[FAULT_AT + 60 * n, "20"] for n in range(9)]}
        ],
    },
}  # fmt: skip
LONG = "time,service,metric,value\n" + "".join(
    f"2023-11-14T22:{minute:02}:00Z,{name},latency_p95_ms,{120 + minute}\n" for minute in range(13, 30) for name in ("cart", "web")
)  # fmt: skip


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({"metrics.csv": csv_of(metric_rows({"cart__cpu_m": (200.0, 1900.0)}))}, {("cart", "cpu_usage", "cores")}),
        ({"cart.csv": "time,memory_mib\n" + "".join(f"{FAULT_AT + 60 * n},{300 + n % 3}\n" for n in range(20))}, {("cart", "memory_usage", "bytes")}),
        ({"latency.csv": LONG}, {("cart", "latency_p95", "seconds"), ("web", "latency_p95", "seconds")}),
        ({"cpu.json": json.dumps(PROMETHEUS)}, {("cart", "cpu_utilisation", "ratio")}),
    ],
    ids=["wide", "one file a service", "long", "an answer of Prometheus"],
)  # fmt: skip
def test_metrics_come_in_many_shapes(tmp_path: Path, files: dict[str, str], wanted: set[Any]) -> None:
    assert series(bundle.read(write(tmp_path, files))) == wanted


def test_the_cause_is_found_in_metrics_calls_and_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, {"metrics.csv": csv_of(metric_rows(SHOP)), "calls.json": json.dumps(CALLS)})
    at = "2023-11-14T22:13:20Z"

    assert main(["investigate", "--bundle", str(tmp_path), "--at", at, "web", "is", "slow", "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    first = found["ranking"]["scores"][0]["candidate"]
    assert (first["entity"]["name"], first["cause_kind"]) == ("cart", "cpu saturation")
    assert {one["as"] for one in found["read"]} == {"metrics", "calls"}


def test_the_words_name_the_subject_and_are_the_alert(tmp_path: Path) -> None:
    write(tmp_path, {"metrics.csv": csv_of(metric_rows(SHOP)), "calls.json": json.dumps(CALLS)})

    found = bundle.read(tmp_path, about="the cart is slow").case

    assert found.subject == Entity(EntityKind.SERVICE, "cart")
    assert [one.text for one in found.observations if isinstance(one, Note)] == ["the cart is slow"]


def test_it_is_printed_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, {"pods.txt": PODS, "deploy.txt": DEPLOYMENTS, "notes.docx": "\x00\x01", "old.tar.gz": "x"})

    assert main(["investigate", "--bundle", str(tmp_path), "payments fails"]) == 0

    out = capsys.readouterr().out
    assert "1. payments: crash loop" in out
    assert "not read: notes.docx: is no text" in out
    assert "not read: old.tar.gz: is packed: unpack it first" in out


def test_a_recorded_case_is_a_bundle_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tests.recorded_world import shop_case

    assert main(["investigate", "--bundle", str(shop_case(tmp_path / "set"))]) == 0
    assert "1. cart: cpu saturation" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "the folder is empty"),
        ({"a.txt": "hello"}, "nothing in it can be read; expected what kubectl printed"),
        ({"truth.json": "{}"}, "nothing in it can be read"),
        ({"metrics.csv": "a,b\n1,2\n"}, "nothing in it can be read"),
        ({"metrics.csv": "timestamp,cart__cpu\nnever,nothing\n"}, "nothing in it can be read"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(tmp_path: Path, files: dict[str, str], words: str) -> None:
    with pytest.raises(BadCase, match=words):
        bundle.read(write(tmp_path, files))


def test_a_packed_bundle_is_to_be_unpacked(tmp_path: Path) -> None:
    (tmp_path / "bundle.tgz").write_bytes(b"x")
    with pytest.raises(BadCase, match="unpack it first"):
        bundle.read(tmp_path / "bundle.tgz")


def test_a_link_out_of_the_bundle_is_not_followed(tmp_path: Path) -> None:
    secret = write(tmp_path / "elsewhere", {"pods.txt": PODS.replace("payments", "hidden")}) / "pods.txt"
    home = write(tmp_path / "bundle", {"pods.txt": PODS})
    (home / "link.txt").symlink_to(secret)

    found = bundle.read(home)

    assert found.left_out == (("link.txt", "leads out of the bundle"),)
    assert "hidden" not in repr(found)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["investigate"], "say TENANT and WORDS, or --bundle DIR"),
        (["investigate", "acme"], "say TENANT and WORDS, or --bundle DIR"),
        (["investigate", "acme", "slow", "--at", "now"], "--at: goes with --bundle"),
        (["investigate", "--bundle", ".", "--at", "yesterday"], "'yesterday' is no time"),
    ],
)
def test_a_call_that_is_wrong_says_what_is_right(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert words in capsys.readouterr().err
