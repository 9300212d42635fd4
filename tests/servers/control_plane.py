"""A real Kubernetes control plane on loopback: etcd, API server, controller manager and scheduler, without kubelets."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import time
import urllib.error
import urllib.request
import zlib
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.servers.certificates import key_pair, self_signed
from tests.servers.processes import answers, free_port, running
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Object = dict[str, Any]
ADMIN = "admin-token-of-a-test"
BINARIES = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
# kind -> where its API lives, for applying manifests
PLACES = {
    "Namespace": ("api/v1", "namespaces", False),
    "Node": ("api/v1", "nodes", False),
    "Pod": ("api/v1", "pods", True),
    "Service": ("api/v1", "services", True),
    "ServiceAccount": ("api/v1", "serviceaccounts", True),
    "Event": ("api/v1", "events", True),
    "Endpoints": ("api/v1", "endpoints", True),
    "ResourceQuota": ("api/v1", "resourcequotas", True),
    "Deployment": ("apis/apps/v1", "deployments", True),
    "StatefulSet": ("apis/apps/v1", "statefulsets", True),
    "DaemonSet": ("apis/apps/v1", "daemonsets", True),
    "HorizontalPodAutoscaler": ("apis/autoscaling/v2beta2", "horizontalpodautoscalers", True),
    "ClusterRole": ("apis/rbac.authorization.k8s.io/v1", "clusterroles", False),
    "ClusterRoleBinding": ("apis/rbac.authorization.k8s.io/v1", "clusterrolebindings", False),
    "Role": ("apis/rbac.authorization.k8s.io/v1", "roles", True),
    "RoleBinding": ("apis/rbac.authorization.k8s.io/v1", "rolebindings", True),
}


def assets() -> Path:
    """Return the folder with the control plane's binaries: KUBEBUILDER_ASSETS, else where `make test-deps` puts them."""
    return Path(os.environ.get("KUBEBUILDER_ASSETS") or Path.home() / ".cache/sre-copilot/kubebuilder")


def etcd() -> str | None:
    """Return the path of etcd, beside the control plane or installed."""
    beside = assets() / "etcd"
    return str(beside) if beside.exists() else shutil.which("etcd")


def skip_reason() -> str:
    """Return why no control plane can be started here, or nothing."""
    absent = [name for name in BINARIES if not (assets() / name).exists()] + ([] if etcd() else ["etcd"])
    return (
        f"needs {', '.join(absent)} in {assets()} (KUBEBUILDER_ASSETS; make test-deps puts them there)"
        if absent
        else ""
    )


class Refused(Exception):
    """Say that the API server answered with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


@dataclass(frozen=True)
class ControlPlane:
    """Hold the address of a running API server, its certificate, and helpers that act as the administrator."""

    url: str
    ca_certificate: str
    store: str = ""  # etcd's address, to write what no API lets one write: when an object was made

    def call(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        *,
        token: str = ADMIN,
        content_type: str = "application/json",
    ) -> Object:
        """Send one request and return the JSON answer.

        :raises Refused: with the server's status and message.
        """
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": content_type}
        address = f"{self.url}/{path}"
        request = urllib.request.Request(address, data=data, method=method, headers=headers)  # noqa: S310 (our own server)
        try:
            with urllib.request.urlopen(request, timeout=60, context=self.context()) as answer:  # noqa: S310 (our own server)
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            with error:
                raise Refused(error.code, error.read().decode(errors="replace")[:500]) from error

    def delete(self, path: str, body: Object | None = None) -> None:
        """Delete an object, unless a controller did so before."""
        try:
            self.call("DELETE", path, body)
        except Refused as error:
            if error.status != 404:
                raise

    def context(self) -> ssl.SSLContext:
        """Return a TLS context that trusts this server alone."""
        return ssl.create_default_context(cadata=self.ca_certificate)

    def apply(self, *manifests: Object) -> None:
        """Create objects, or replace them where they exist."""
        for manifest in manifests:
            path, name = self._path(manifest), manifest["metadata"]["name"]
            try:
                self.call("POST", path, manifest)
            except Refused as error:
                if error.status != 409:
                    raise
                self.call("PATCH", f"{path}/{name}", manifest, content_type="application/merge-patch+json")

    def apply_file(self, path: Path) -> None:
        """Apply all documents of a YAML file."""
        self.apply(*(document for document in yaml.safe_load_all(path.read_text()) if document))

    def set_status(self, kind: str, namespace: str, name: str, status: Object) -> None:
        """Set an object's status, as the component that looks after it would."""
        path = self._path({"kind": kind, "metadata": {"namespace": namespace}})
        self.call(
            "PATCH", f"{path}/{name}/status", {"status": status}, content_type="application/strategic-merge-patch+json"
        )

    def objects(self, kind: str, namespace: str = "") -> list[Object]:
        """Return all objects of a kind."""
        return list(self.call("GET", self._path({"kind": kind, "metadata": {"namespace": namespace}}))["items"])

    def token(self, namespace: str, account: str, *, has_rights: bool = True) -> str:
        """Return a token of a ServiceAccount, by the TokenRequest API, once the server knows what the account may do.

        An account without `has_rights` is bound to no role: there is nothing to wait for.
        """
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
        path = f"api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        token = str(self.call("POST", path, body)["status"]["token"])
        # Roles and their bindings reach the server's authoriser a moment after they were written.
        if has_rights:
            until(lambda: self.may(token, "list", "pods", namespace=namespace), what=f"the rights of {account}")
        return token

    def may(self, token: str, verb: str, resource: str, *, namespace: str = "") -> bool:
        """Return whether a token's account may do something, in all namespaces where none is named."""
        attributes = {"verb": verb, "resource": resource, "namespace": namespace}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        path = "apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        return bool(self.call("POST", path, review, token=token)["status"]["allowed"])

    def add_node(self, name: str, *, kubelet_port: int = 1, conditions: Mapping[str, str] | None = None) -> None:
        """Add a Node that is ready, whose logs are served by a kubelet on this machine."""
        self.apply(
            {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}}}
        )
        now = stamp(time.time())
        wanted = {"Ready": "True", "MemoryPressure": "False", "DiskPressure": "False", **(conditions or {})}
        self.set_status("Node", "", name, {
            "conditions": [
                {"type": kind, "status": status, "reason": "Test", "message": f"{kind} is {status}", "lastTransitionTime": now, "lastHeartbeatTime": now}
                for kind, status in wanted.items()
            ],
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": kubelet_port}},
            "capacity": {"cpu": "8", "memory": "16Gi", "pods": "110"},
            "allocatable": {"cpu": "8", "memory": "16Gi", "pods": "110"},
        })  # fmt: skip
        self.call(
            "PATCH", f"api/v1/nodes/{name}", {"spec": {"taints": []}}, content_type="application/merge-patch+json"
        )

    def run_pods(self, namespace: str, *, wanted: int = 1, selector: str = "") -> list[Object]:
        """Wait until the scheduler has placed pods, and report them as running and ready, as kubelets would."""
        where = f"api/v1/namespaces/{namespace}/pods" + (f"?labelSelector={selector}" if selector else "")

        def placed() -> list[Object]:
            found = [pod for pod in self.call("GET", where)["items"] if pod["spec"].get("nodeName")]
            return found if len(found) >= wanted else []

        pods: list[Object] = until(placed, what=f"{wanted} scheduled pods in {namespace}")
        for pod in pods:
            self.set_status("Pod", namespace, pod["metadata"]["name"], running_status(pod))
        return pods

    def _path(self, manifest: Object) -> str:
        root, plural, namespaced = PLACES[manifest["kind"]]
        namespace = manifest.get("metadata", {}).get("namespace") or ""
        return f"{root}/namespaces/{namespace}/{plural}" if namespaced and namespace else f"{root}/{plural}"


def running_status(pod: Object, *, restarts: int = 0, ready: bool = True) -> Object:
    """Return the status of a pod whose containers run."""
    now = stamp(time.time())
    # Without an address the endpoints' controller passes a pod over, however ready it is.
    number = zlib.crc32(pod["metadata"].get("name", "").encode())
    address = f"10.42.{number >> 8 & 255}.{number % 250 + 2}"
    return {
        "phase": "Running",
        "startTime": now,
        "podIP": address,
        "podIPs": [{"ip": address}],
        "conditions": [
            {"type": kind, "status": "True" if ready or kind == "Initialized" else "False", "lastTransitionTime": now}
            for kind in ("Initialized", "Ready", "ContainersReady")
        ],
        "containerStatuses": [
            {
                "name": container["name"], "image": container["image"], "imageID": "", "ready": ready, "started": True,
                "restartCount": restarts, "state": {"running": {"startedAt": now}}, "lastState": {},
            }
            for container in pod["spec"]["containers"]
        ],
    }  # fmt: skip


def stamp(at: float) -> str:
    """Return Unix seconds as RFC 3339."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


@contextmanager
def serving(folder: Path) -> Iterator[ControlPlane]:
    """Start a control plane and yield it; everything stops at the end."""
    if reason := skip_reason():
        pytest.skip(reason)
    folder.mkdir(parents=True, exist_ok=True)
    private, public = key_pair(folder, "service-account")
    certificate, key = self_signed(folder, "apiserver")
    (folder / "tokens.csv").write_text(f'{ADMIN},admin,admin,"system:masters"\n')
    etcd_port, peer_port, port = free_port(), free_port(), free_port()
    store, url = f"http://127.0.0.1:{etcd_port}", f"https://127.0.0.1:{port}"
    plane = ControlPlane(url, certificate.read_text(), store)
    with ExitStack() as stack:
        stack.enter_context(running(
            [etcd() or "etcd", "--data-dir", folder / "etcd", "--listen-client-urls", store, "--advertise-client-urls", store,
             "--listen-peer-urls", f"http://127.0.0.1:{peer_port}", "--unsafe-no-fsync"],
            log=folder / "etcd.log", ready=lambda: answers(f"{store}/health"), environment={"ETCD_UNSUPPORTED_ARCH": ""},
        ))  # fmt: skip
        stack.enter_context(running(
            [assets() / "kube-apiserver", f"--etcd-servers={store}", "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1",
             f"--secure-port={port}", f"--cert-dir={folder}", f"--tls-cert-file={certificate}", f"--tls-private-key-file={key}",
             "--service-cluster-ip-range=10.0.0.0/24", f"--service-account-key-file={public}",
             f"--service-account-signing-key-file={private}", "--service-account-issuer=https://kubernetes.default.svc",
             f"--token-auth-file={folder / 'tokens.csv'}", "--authorization-mode=RBAC",
             "--disable-admission-plugins=ServiceAccount", "--endpoint-reconciler-type=none"],
            log=folder / "apiserver.log",
            ready=lambda: answers(f"{url}/readyz", headers={"Authorization": f"Bearer {ADMIN}"}, context=plane.context()),
        ))  # fmt: skip
        config = _kubeconfig(folder, plane)
        for name, arguments in (
            (
                "kube-controller-manager",
                [
                    # What kubelets and a metrics server would tell, tests write: nobody else is to write over it.
                    "--controllers=*,-nodelifecycle,-horizontalpodautoscaling",
                    f"--service-account-private-key-file={private}",
                    # A count made before an object was seen is made again soon, not after five minutes.
                    "--resource-quota-sync-period=5s",
                ],
            ),
            ("kube-scheduler", []),
        ):
            secure = free_port()
            stack.enter_context(running(
                [assets() / name, f"--kubeconfig={config}", "--bind-address=127.0.0.1", "--port=0", f"--secure-port={secure}",
                 "--leader-elect=false", f"--cert-dir={folder / name}", *arguments],
                log=folder / f"{name}.log",
                ready=lambda port=secure: _healthy(port),  # type: ignore[misc]
                ))  # fmt: skip
        yield plane


def _healthy(port: int) -> bool:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return answers(f"https://127.0.0.1:{port}/healthz", context=context)


def _kubeconfig(folder: Path, plane: ControlPlane) -> Path:
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": plane.url, "certificate-authority": str(folder / "apiserver.crt")}}],
        "users": [{"name": "admin", "user": {"token": ADMIN}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
        "current-context": "test",
    }))  # fmt: skip
    return path
