"""Volume claims that wait, with what keeps each volume from them."""

from __future__ import annotations

from .shop import Shop, event


def test_a_claim_of_a_class_that_does_not_exist() -> None:
    shop = Shop()
    shop.get("PersistentVolumeClaim", "data").update(
        {"status": {"phase": "Pending"}, "spec": {"storageClassName": "fasst"}}
    )
    shop.get("PersistentVolume", "pv-1")["spec"]["claimRef"]["name"] = "other"

    assert shop.said() == [
        ("storage/shop/data", "StorageClassMissing", "claim data is pending: class fasst does not exist; nearest: fast")
    ]


def test_a_claim_without_a_class_where_none_is_the_default() -> None:
    shop = Shop()
    shop.get("PersistentVolumeClaim", "data").update({"status": {"phase": "Pending"}, "spec": {}})
    shop.get("PersistentVolume", "pv-1")["spec"]["claimRef"]["name"] = "other"

    assert shop.said() == [
        (
            "storage/shop/data",
            "StorageClassMissing",
            "claim data is pending: it names no storage class, and none is the default",
        )
    ]


def test_a_claim_that_its_class_s_provisioner_does_not_serve() -> None:
    shop = Shop()
    shop.get("PersistentVolumeClaim", "data").update(
        {"status": {"phase": "Pending"}, "spec": {"storageClassName": "fast"}}
    )
    shop.add(
        "Event",
        event("PersistentVolumeClaim", "data", "ProvisioningFailed", "rpc error: no space left in pool", count=7),
    )

    assert shop.said() == [
        (
            "storage/shop/data",
            "ClaimPending",
            "claim data is pending: class fast (csi.example.org) has provided no volume (rpc error: no space left in pool)",
        )
    ]


def test_a_claim_that_waits_for_its_first_consumer() -> None:
    shop = Shop()
    shop.get("StorageClass", "fast")["volumeBindingMode"] = "WaitForFirstConsumer"
    shop.get("PersistentVolumeClaim", "data").update(
        {"status": {"phase": "Pending"}, "spec": {"storageClassName": "fast"}}
    )

    assert shop.said() == []


def test_a_claim_of_another_class_than_the_volume_that_would_fit() -> None:
    shop = Shop()
    shop.get("PersistentVolumeClaim", "data").update(
        {
            "status": {"phase": "Pending"},
            "spec": {"storageClassName": "slow", "resources": {"requests": {"storage": "5Gi"}}},
        }
    )
    shop.get("PersistentVolume", "pv-1").update({"status": {"phase": "Available"}})
    del shop.get("PersistentVolume", "pv-1")["spec"]["claimRef"]

    assert shop.said() == [
        (
            "storage/shop/data",
            "ClaimClassMismatch",
            "claim data is pending: volume pv-1 is of class fast, it asks for slow",
        )
    ]


def test_a_claim_that_is_too_large() -> None:
    shop = Shop()
    shop.objects["StorageClass"].clear()
    shop.get("PersistentVolumeClaim", "data").update(
        {
            "status": {"phase": "Pending"},
            "spec": {"storageClassName": "", "resources": {"requests": {"storage": "50Gi"}}},
        }
    )
    volume = shop.get("PersistentVolume", "pv-1")
    volume["status"]["phase"] = "Available"
    volume["spec"] = {"storageClassName": "", "capacity": {"storage": "5Gi"}, "accessModes": ["RWO"]}

    assert shop.said() == [
        ("storage/shop/data", "ClaimTooLarge", "claim data is pending: volume pv-1 holds 5Gi, it asks for 50Gi")
    ]


def test_a_claim_with_an_access_mode_that_no_volume_offers() -> None:
    shop = Shop()
    shop.objects["StorageClass"].clear()
    shop.get("PersistentVolumeClaim", "data").update(
        {"status": {"phase": "Pending"}, "spec": {"storageClassName": "", "accessModes": ["ReadWriteMany"]}}
    )
    volume = shop.get("PersistentVolume", "pv-1")
    volume["status"]["phase"] = "Available"
    volume["spec"] = {"storageClassName": "", "capacity": {"storage": "5Gi"}, "accessModes": ["RWO"]}

    assert shop.said() == [
        (
            "storage/shop/data",
            "ClaimAccessModeMismatch",
            "claim data is pending: volume pv-1 offers ReadWriteOnce, it asks for ReadWriteMany",
        )
    ]


def test_a_claim_whose_selector_no_volume_meets() -> None:
    shop = Shop()
    shop.objects["StorageClass"].clear()
    shop.get("PersistentVolumeClaim", "data").update(
        {"status": {"phase": "Pending"}, "spec": {"storageClassName": "", "selector": {"matchLabels": {"disk": "ssd"}}}}
    )
    volume = shop.get("PersistentVolume", "pv-1")
    volume["metadata"]["labels"] = {"disk": "hdd"}
    volume["status"]["phase"] = "Available"
    volume["spec"] = {"storageClassName": "", "capacity": {"storage": "5Gi"}}

    assert shop.said() == [
        (
            "storage/shop/data",
            "ClaimSelectorMismatch",
            "claim data is pending: volume pv-1 has disk=hdd, it selects disk=ssd",
        )
    ]


def test_a_claim_whose_volume_is_bound_to_another() -> None:
    shop = Shop()
    shop.objects["StorageClass"].clear()
    shop.get("PersistentVolumeClaim", "data").update({"status": {"phase": "Pending"}, "spec": {"storageClassName": ""}})
    shop.get("PersistentVolume", "pv-1")["spec"] = {
        "storageClassName": "",
        "capacity": {"storage": "5Gi"},
        "claimRef": {"namespace": "shop", "name": "old"},
    }

    assert shop.said() == [
        ("storage/shop/data", "VolumeTaken", "claim data is pending: volume pv-1 is bound to claim shop/old")
    ]


def test_a_claim_that_names_a_volume_bound_to_another() -> None:
    shop = Shop()
    shop.get("PersistentVolumeClaim", "data").update({"status": {"phase": "Pending"}})
    shop.get("PersistentVolume", "pv-1")["spec"]["claimRef"]["name"] = "old"

    assert shop.said() == [
        (
            "storage/shop/data",
            "VolumeTaken",
            "claim data is pending: it names volume pv-1, which is bound to claim shop/old",
        )
    ]


def test_a_claim_that_names_a_volume_that_does_not_exist() -> None:
    shop = Shop()
    shop.get("PersistentVolumeClaim", "data").update({"status": {"phase": "Pending"}})
    shop.get("PersistentVolumeClaim", "data")["spec"]["volumeName"] = "pv-9"

    assert shop.said() == [
        ("storage/shop/data", "VolumeMissing", "claim data is pending: it names volume pv-9, which does not exist")
    ]


def test_a_claim_that_lost_its_volume() -> None:
    shop = Shop()
    shop.get("PersistentVolumeClaim", "data")["status"]["phase"] = "Lost"

    assert shop.said() == [("storage/shop/data", "Lost", "claim data lost its volume pv-1")]


def test_a_volume_that_failed() -> None:
    shop = Shop()
    shop.get("PersistentVolume", "pv-1")["status"] = {"phase": "Failed", "message": "rmdir: device busy"}

    assert shop.said() == [("storage/pv-1", "VolumeFailed", "volume pv-1 failed: rmdir: device busy")]


def test_a_claim_that_is_still_to_grow() -> None:
    shop = Shop()
    claim = shop.get("PersistentVolumeClaim", "data")
    claim["spec"]["resources"]["requests"]["storage"] = "9Gi"
    claim["status"] |= {
        "capacity": {"storage": "5Gi"},
        "conditions": [
            {"type": "FileSystemResizePending", "status": "True", "message": "Waiting for user to (re-)start a pod"}
        ],
    }

    assert shop.said() == [
        (
            "storage/shop/data",
            "VolumeResizePending",
            "claim data asks for 9Gi and has 5Gi: Waiting for user to (re-)start a pod",
        )
    ]
