"""Pods and their containers: images, starts, ends."""

from __future__ import annotations

import pytest

from .shop import Shop, ago, container, event


def test_an_image_that_the_registry_does_not_have() -> None:
    shop = Shop()
    waiting = {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "registry.example.org/app:2"'}
    first = shop.pods()[0]
    first["status"]["containerStatuses"][0]["state"] = {"waiting": waiting}
    shop.add(
        "Event",
        event(
            "Pod",
            "payments-5c-aaaaa",
            "Failed",
            'Failed to pull image "registry.example.org/app:2": rpc error: code = NotFound desc = failed to pull and unpack image',
            count=4,
        ),
    )

    assert shop.said() == [
        (
            "pod/shop/payments-5c-aaaaa",
            "ImageNotFound",
            'container app: image registry.example.org/app:1: Failed to pull image "registry.example.org/app:2": rpc error: code = NotFound desc = failed to pull and unpack image',
        )
    ]


def test_an_image_that_may_not_be_pulled() -> None:
    shop = Shop()
    waiting = {
        "reason": "ErrImagePull",
        "message": "failed to authorize: failed to fetch anonymous token: 401 Unauthorized",
    }
    shop.pods()[0]["status"]["containerStatuses"][0]["state"] = {"waiting": waiting}

    assert shop.said("ImagePullUnauthorised") == [
        (
            "pod/shop/payments-5c-aaaaa",
            "ImagePullUnauthorised",
            "container app: image registry.example.org/app:1: failed to authorize: failed to fetch anonymous token: 401 Unauthorized",
        )
    ]


def test_a_registry_whose_name_does_not_resolve() -> None:
    shop = Shop()
    waiting = {
        "reason": "ErrImagePull",
        "message": "failed to resolve reference: dial tcp: lookup registry.internal: no such host",
    }
    shop.pods()[0]["status"]["containerStatuses"][0]["state"] = {"waiting": waiting}

    assert shop.said("RegistryNameUnresolved") == [
        (
            "pod/shop/payments-5c-aaaaa",
            "RegistryNameUnresolved",
            "container app: image registry.example.org/app:1: failed to resolve reference: dial tcp: lookup registry.internal: no such host",
        )
    ]


def test_a_registry_that_does_not_answer() -> None:
    shop = Shop()
    waiting = {"reason": "ErrImagePull", "message": "dial tcp 10.0.0.9:443: i/o timeout"}
    shop.pods()[0]["status"]["containerStatuses"][0]["state"] = {"waiting": waiting}

    assert shop.said("RegistryUnreachable") == [
        (
            "pod/shop/payments-5c-aaaaa",
            "RegistryUnreachable",
            "container app: image registry.example.org/app:1: dial tcp 10.0.0.9:443: i/o timeout",
        )
    ]


def test_a_registry_that_limits_pulls() -> None:
    shop = Shop()
    waiting = {"reason": "ErrImagePull", "message": "toomanyrequests: You have reached your pull rate limit"}
    shop.pods()[0]["status"]["containerStatuses"][0]["state"] = {"waiting": waiting}

    assert shop.said("RegistryRateLimited") == [
        (
            "pod/shop/payments-5c-aaaaa",
            "RegistryRateLimited",
            "container app: image registry.example.org/app:1: toomanyrequests: You have reached your pull rate limit",
        )
    ]


def test_an_image_for_another_platform() -> None:
    shop = Shop()
    waiting = {"reason": "ErrImagePull", "message": "no match for platform in manifest: not found"}
    shop.pods()[0]["status"]["containerStatuses"][0]["state"] = {"waiting": waiting}

    assert shop.said("ImagePlatformMismatch") == [
        (
            "pod/shop/payments-5c-aaaaa",
            "ImagePlatformMismatch",
            "container app: image registry.example.org/app:1: no match for platform in manifest: not found",
        )
    ]


def test_a_pull_that_fails_for_no_known_reason_keeps_the_vendor_s_word() -> None:
    shop = Shop()
    shop.pods()[0]["status"]["containerStatuses"][0]["state"] = {
        "waiting": {"reason": "ErrImagePull", "message": "it did not work"}
    }

    assert shop.said("ErrImagePull") == [
        (
            "pod/shop/payments-5c-aaaaa",
            "ErrImagePull",
            "container app: image registry.example.org/app:1: it did not work",
        )
    ]


def test_a_secret_that_the_kubelet_misses() -> None:
    shop = Shop()
    waiting = {"reason": "CreateContainerConfigError", "message": 'secret "db2" not found'}
    shop.pods()[0]["status"]["containerStatuses"][0]["state"] = {"waiting": waiting}

    assert shop.said() == [("pod/shop/payments-5c-aaaaa", "MissingSecret", 'container app: secret "db2" not found')]


def test_a_key_that_the_kubelet_misses() -> None:
    shop = Shop()
    waiting = {"reason": "CreateContainerConfigError", "message": "couldn't find key LEVEL in ConfigMap shop/settings"}
    shop.pods()[0]["status"]["containerStatuses"][0]["state"] = {"waiting": waiting}

    assert shop.said() == [
        (
            "pod/shop/payments-5c-aaaaa",
            "MissingKey",
            "container app: couldn't find key LEVEL in ConfigMap shop/settings",
        )
    ]


def test_a_command_that_is_not_in_the_image() -> None:
    shop = Shop()
    waiting = {"reason": "RunContainerError", "message": 'exec: "serve": executable file not found in $PATH'}
    shop.pods()[0]["status"]["containerStatuses"][0]["state"] = {"waiting": waiting}

    assert shop.said() == [
        (
            "pod/shop/payments-5c-aaaaa",
            "CommandNotFound",
            'container app: exec: "serve": executable file not found in $PATH',
        )
    ]


def test_a_command_that_ended_with_127_while_it_keeps_crashing() -> None:
    shop = Shop()
    status = shop.pods()[0]["status"]["containerStatuses"][0]
    status |= {"restartCount": 4, "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 1m20s"}}}
    status["lastState"] = {"terminated": {"reason": "Error", "exitCode": 127, "finishedAt": ago(30)}}

    assert shop.said() == [
        ("pod/shop/payments-5c-aaaaa", "CrashLoopBackOff", "container app: back-off 1m20s"),
        ("pod/shop/payments-5c-aaaaa", "CommandNotFound", "container app ended with exit code 127, 4 restarts"),
    ]


FAILED = "Liveness probe failed: HTTP probe failed with statuscode: 503"
KILLED = "Container app failed liveness probe, will be restarted"
KILLED_BEFORE_1_16 = (
    "Killing container with id docker://app:Container failed liveness probe.. Container will be killed and recreated."
)


@pytest.mark.parametrize(
    ("code", "reason", "said", "words"),
    [
        # The kubelet's own word, whatever the program's exit code; it is of type Normal.
        (143, "Error", [("Killing", KILLED)], "ended by its liveness probe"),
        (0, "Completed", [("Killing", KILLED)], "ended by its liveness probe"),
        (1, "Error", [("Killing", KILLED_BEFORE_1_16)], "ended by its liveness probe"),
        (1, "Error", [("Killing", KILLED.replace("liveness", "startup"))], "ended by its startup probe"),
        # Only the failing probe is still told of: by SIGTERM, or the SIGKILL after it.
        (137, "Error", [("Unhealthy", FAILED)], f"ended by its liveness probe: {FAILED}"),
        (143, "Error", [("Unhealthy", FAILED)], f"ended by its liveness probe: {FAILED}"),
        # It ended of itself, was killed for memory, or only takes no traffic: a readiness probe ends nothing.
        (1, "Error", [("Unhealthy", FAILED)], ""),
        (137, "OOMKilled", [("Unhealthy", FAILED), ("Killing", KILLED)], ""),
        (137, "Error", [("Unhealthy", FAILED.replace("Liveness", "Readiness"))], ""),
        (137, "Error", [("Killing", "Stopping container app")], ""),
        (137, "Error", [("Killing", KILLED.replace("app", "sidecar"))], ""),
        (137, "Error", [], ""),
    ],
)
def test_a_container_that_its_probe_ends_is_told_from_one_that_crashes(
    code: int, reason: str, said: list[tuple[str, str]], words: str
) -> None:
    shop = Shop()
    first = shop.pods()[0]
    status = first["status"]["containerStatuses"][0]
    status |= {"restartCount": 4, "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}}}
    status["lastState"] = {"terminated": {"reason": reason, "exitCode": code, "finishedAt": ago(30)}}
    for why, message in said:
        shop.add("Event", event("Pod", "payments-5c-aaaaa", why, message, type="Normal", count=4))

    ((_, _, told),) = shop.said("CrashLoopBackOff")
    assert told == f"container app: back-off 40s{f', {words}' if words else ''}"


def test_of_several_containers_the_one_with_the_probe_was_ended_by_it() -> None:
    shop = Shop()
    first = shop.pods()[0]
    first["spec"]["containers"][0]["livenessProbe"] = {"httpGet": {"port": 8080}}
    first["spec"]["containers"].append(container("proxy", 9090))
    ended = {"terminated": {"reason": "Error", "exitCode": 137, "finishedAt": ago(30)}}
    waits = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}}
    first["status"]["containerStatuses"] = [
        {"name": name, "ready": False, "restartCount": 4, "state": waits, "lastState": ended}
        for name in ("app", "proxy")
    ]
    shop.add("Event", event("Pod", "payments-5c-aaaaa", "Unhealthy", FAILED, count=9))

    assert [words for _, _, words in shop.said("CrashLoopBackOff")] == [
        f"container app: back-off 40s, ended by its liveness probe: {FAILED}",
        "container proxy: back-off 40s",
    ]


def test_what_a_probe_did_long_before_did_not_end_a_container_now() -> None:
    shop = Shop()
    status = shop.pods()[0]["status"]["containerStatuses"][0]
    status |= {"restartCount": 4, "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}}}
    status["lastState"] = {"terminated": {"reason": "Error", "exitCode": 137, "finishedAt": ago(30)}}
    shop.add(
        "Event", event("Pod", "payments-5c-aaaaa", "Killing", KILLED, firstTimestamp=ago(3000), lastTimestamp=ago(2000))
    )

    assert [words for _, _, words in shop.said("CrashLoopBackOff")] == ["container app: back-off 40s"]


def test_a_memory_limit_too_low_to_start_in() -> None:
    shop = Shop()
    waiting = {"reason": "CreateContainerError", "message": "container init was OOM-killed (memory limit too low?)"}
    shop.pods()[0]["status"]["containerStatuses"][0]["state"] = {"waiting": waiting}

    assert shop.said() == [
        (
            "pod/shop/payments-5c-aaaaa",
            "MemoryLimitTooLow",
            "container app: container init was OOM-killed (memory limit too low?)",
        )
    ]


def test_a_container_that_was_killed_for_memory() -> None:
    shop = Shop()
    status = shop.pods()[0]["status"]["containerStatuses"][0]
    status |= {
        "restartCount": 2,
        "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137, "finishedAt": ago(600)}},
    }

    assert shop.said() == [
        ("pod/shop/payments-5c-aaaaa", "OOMKilled", "container app ended with exit code 137, 2 restarts")
    ]


def test_a_volume_that_may_not_be_written() -> None:
    shop = Shop()
    first = shop.pods("db")[0]
    first["status"]["containerStatuses"][0] |= {
        "restartCount": 3,
        "state": {
            "terminated": {
                "reason": "Error",
                "exitCode": 1,
                "finishedAt": ago(20),
                "message": "open /data/x: permission denied",
            }
        },
    }

    assert shop.said() == [
        (
            "pod/shop/db-0",
            "VolumePermissionDenied",
            "container app ended with exit code 1, 3 restarts: open /data/x: permission denied",
        )
    ]


def test_the_same_message_without_a_volume_is_an_error_like_others() -> None:
    shop = Shop()
    first = shop.pods()[0]
    first["status"]["containerStatuses"][0]["state"] = {
        "terminated": {"reason": "Error", "exitCode": 1, "message": "open /data/x: permission denied"}
    }

    assert shop.said() == [
        (
            "pod/shop/payments-5c-aaaaa",
            "Error",
            "container app ended with exit code 1, 0 restarts: open /data/x: permission denied",
        )
    ]


def test_a_container_that_ended_well() -> None:
    shop = Shop()
    shop.pods()[0]["status"]["containerStatuses"][0]["lastState"] = {
        "terminated": {"reason": "Completed", "exitCode": 0}
    }

    assert shop.said("Completed", "Error") == []


def test_a_container_that_does_not_get_beyond_starting() -> None:
    shop = Shop()
    first = shop.pods()[0]
    first["metadata"]["creationTimestamp"] = ago(700)
    first["status"]["containerStatuses"][0]["state"] = {"waiting": {"reason": "ContainerCreating"}}

    assert shop.said() == [
        ("pod/shop/payments-5c-aaaaa", "StuckStarting", "container app: ContainerCreating for 700 s")
    ]


def test_a_container_that_has_only_begun_to_start() -> None:
    shop = Shop()
    first = shop.pods()[0]
    first["metadata"]["creationTimestamp"] = ago(100)
    first["status"]["containerStatuses"][0]["state"] = {"waiting": {"reason": "ContainerCreating"}}

    assert shop.said() == []


def test_a_pod_that_does_not_go() -> None:
    shop = Shop()
    shop.pods()[0]["metadata"] |= {"deletionTimestamp": ago(900), "finalizers": ["example.org/hold"]}

    assert shop.said() == [
        (
            "pod/shop/payments-5c-aaaaa",
            "StuckTerminating",
            "pod payments-5c-aaaaa should have been gone 900 s ago; it is held by the finalizers example.org/hold",
        )
    ]


def test_a_pod_that_is_on_its_way() -> None:
    shop = Shop()
    shop.pods()[0]["metadata"]["deletionTimestamp"] = ago(20)

    assert shop.said() == []


def test_a_pod_that_was_evicted() -> None:
    shop = Shop()
    shop.pods()[0]["status"] = {
        "phase": "Failed",
        "reason": "Evicted",
        "message": "The node was low on resource: memory.",
        "conditions": [],
    }

    assert shop.said() == [("pod/shop/payments-5c-aaaaa", "Evicted", "The node was low on resource: memory.")]


def test_a_pod_that_is_not_ready() -> None:
    shop = Shop()
    shop.unready()

    assert shop.said("NotReady") == [
        ("pod/shop/payments-5c-aaaaa", "NotReady", "pod is running, but not ready"),
        ("pod/shop/payments-5c-bbbbb", "NotReady", "pod is running, but not ready"),
    ]
