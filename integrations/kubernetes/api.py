"""A thin layer over the official client: raw JSON of any server version, paged, bounded, with errors for people.

The client's typed calls are not used: they check answers against the models of one API version, and importing them
costs 20 MiB and a second. Its ApiClient does the addresses, escaping, signing in and transport.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import urllib3

from integrations.base import Rejected, SourceError, TimedOut, TooLarge, Unauthorised, Unreachable
from integrations.cluster import fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubernetes.client import ApiClient

    from integrations.base import Door
    from integrations.kubernetes.access import Access

Object = dict[str, Any]
PAGE = 500
MAX_PAGES = 6
SECONDS_PER_REQUEST = 10.0
_ANYTHING = "application/json, */*"
# The names, labels and times of objects, without what is in them.
_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


@dataclass(frozen=True, slots=True)
class Resource:
    """Name a kind of object: its plural, and the API groups with versions under which servers have it, newest first."""

    plural: str
    versions: tuple[str, ...]
    namespaced: bool = True

    @property
    def group(self) -> str:
        """Return the API group, "" for the core one."""
        return self.versions[0].rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class Listing:
    """Hold the objects of a list; `left_out` says that there were more than we read."""

    items: tuple[Object, ...]
    left_out: bool = False


class Forbidden(Unauthorised):
    """Say that the account may not do this (403)."""


class NotFound(Rejected):
    """Say that the server has no such object, or no such API (404)."""


class Expired(Rejected):
    """Say that a list changed too much while it was being paged (410)."""


class Api:
    """Read from one cluster; may be used by several threads at once. Close it, or use `with`."""

    def __init__(self, door: Door, access: Access) -> None:
        self.door = door
        self.host = urlsplit(access.url).netloc
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._client = self._connected(access)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections, and remove the client's certificate from the disk."""
        self._client.rest_client.close()
        if self._folder:
            self._folder.cleanup()

    def list(self, resource: Resource, namespace: str = "", **parameters: str) -> Listing:
        """Return all objects of a kind, of one namespace or of the cluster, page by page.

        :raises SourceError: `NotFound` where the server has none of the resource's versions.
        """
        for version in resource.versions[:-1]:
            try:
                return self._restarted(version, resource, namespace, parameters)
            except NotFound:
                continue
        return self._restarted(resource.versions[-1], resource, namespace, parameters)

    def metadata(self, resource: Resource, namespace: str = "", **parameters: str) -> Listing:
        """Return the metadata of all objects of a kind; their contents do not leave the API server.

        A server that does not know this form would send the objects whole: it is not asked for another.

        :raises SourceError: `Rejected` (406) where the server has no such form.
        """
        return self._pages(resource.versions[0], resource, namespace, parameters, accept=_METADATA)

    def log(self, namespace: str, pod: str, **parameters: str) -> str:
        """Return a container's log as text."""
        path = "/api/v1/namespaces/{namespace}/pods/{pod}/log"
        return self._call("GET", path, {"namespace": namespace, "pod": pod}, parameters).decode(errors="replace")

    def get(self, path: str) -> Object:
        """Return one JSON document."""
        return self._json(self._call("GET", path, {}, {}))

    def may(self, verb: str, resource: str, group: str, namespace: str = "") -> bool:
        """Return whether the account may do something, as the API server itself sees it."""
        plural, _, subresource = resource.partition("/")
        attributes = {
            "verb": verb,
            "group": group,
            "resource": plural,
            "subresource": subresource,
            "namespace": namespace,
        }
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {key: value for key, value in attributes.items() if value}},
        }
        answer = self._json(
            self._call("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {}, {}, review)
        )
        return fields.part(answer, "status").get("allowed") is True

    def _connected(self, access: Access) -> ApiClient:
        from kubernetes.client import ApiClient, Configuration

        configuration = Configuration(host=access.url)
        configuration.verify_ssl = access.verify_tls
        configuration.retries = False
        # Only the door may reach out: a proxy of this process's environment is not the tenant's.
        configuration.proxy = None
        if access.token:
            configuration.api_key["authorization"] = f"Bearer {access.token}"
        elif access.username:
            basic = urllib3.make_headers(basic_auth=f"{access.username}:{access.password}")["authorization"]
            configuration.api_key["authorization"] = basic
        client = ApiClient(configuration)
        client.user_agent = "sre-copilot"
        client.rest_client.pool_manager = self.door.pool_manager(**self._tls(access))
        return client

    def _tls(self, access: Access) -> dict[str, Any]:
        arguments: dict[str, Any] = {"retries": False, "maxsize": 8}
        if urlsplit(access.url).scheme != "https":
            return arguments
        arguments["cert_reqs"] = "CERT_REQUIRED" if access.verify_tls else "CERT_NONE"
        if not access.verify_tls:
            arguments["assert_hostname"] = False
        if access.verify_tls and access.ca_certificate:
            arguments["ca_cert_data"] = access.ca_certificate
        if access.server_name:
            arguments["server_hostname"] = access.server_name
        if access.client_certificate and access.client_key:
            # OpenSSL takes a client's certificate from files only; the folder is ours alone and goes at the end.
            self._folder = tempfile.TemporaryDirectory(prefix="kubernetes-")
            for name, text in (("cert", access.client_certificate), ("key", access.client_key)):
                path = Path(self._folder.name) / f"{name}.pem"
                path.touch(mode=0o600)
                path.write_text(text, encoding="utf-8")
                arguments[f"{name}_file"] = str(path)
        return arguments

    def _restarted(self, version: str, resource: Resource, namespace: str, parameters: Mapping[str, str]) -> Listing:
        try:
            return self._pages(version, resource, namespace, parameters)
        except Expired:
            return self._pages(version, resource, namespace, parameters)

    def _pages(
        self,
        version: str,
        resource: Resource,
        namespace: str,
        parameters: Mapping[str, str],
        *,
        accept: str = _ANYTHING,
    ) -> Listing:
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        within = resource.namespaced and namespace
        path = f"{root}/namespaces/{{namespace}}/{resource.plural}" if within else f"{root}/{resource.plural}"
        places = {"namespace": namespace} if within else {}
        items: list[Object] = []
        follow = ""
        for _ in range(MAX_PAGES):
            asked = {**parameters, "limit": str(PAGE), **({"continue": follow} if follow else {})}
            page = self._json(self._call("GET", path, places, asked, accept=accept))
            found = page.get("items")
            items += [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
            follow = fields.text(page, "metadata", "continue")
            if not follow:
                break
        return Listing(tuple(items), left_out=bool(follow))

    def _call(
        self,
        method: str,
        path: str,
        places: Mapping[str, str],
        parameters: Mapping[str, str],
        body: Object | None = None,
        *,
        accept: str = _ANYTHING,
    ) -> bytes:
        seconds = min(self.door.remaining(), SECONDS_PER_REQUEST)
        if seconds <= 0:
            raise TimedOut(f"the deadline passed before {self.host} could be asked")
        headers = {"Accept": accept} | ({"Content-Type": "application/json"} if body else {})
        request = self._client.param_serialize(
            method, path, dict(places), list(parameters.items()), headers, body=body, auth_settings=["BearerToken"]
        )
        try:
            answer = self._client.call_api(*request, _request_timeout=seconds).response
            content = self._read(answer)
        except SourceError:
            raise
        except urllib3.exceptions.TimeoutError as error:
            raise TimedOut(f"{self.host} did not answer in time") from error
        except urllib3.exceptions.HTTPError as error:
            raise Unreachable(f"no answer from {self.host}: {_root(error)}") from error
        except Exception as error:
            from kubernetes.client.exceptions import ApiException

            if isinstance(error, ApiException):  # the client's word for a failed TLS handshake
                words = " ".join(str(error.reason).split())
                raise Unreachable(f"no secure connection to {self.host}: {words}", retryable=False) from error
            raise
        if answer.status >= 300:
            raise _error(answer.status, content, self.host)
        return content

    def _read(self, answer: urllib3.HTTPResponse) -> bytes:
        content = bytearray()
        try:
            for part in answer.stream(1 << 16):
                content += part
                if len(content) > self.door.max_bytes:
                    break
        except BaseException:
            answer.close()
            raise
        if len(content) > self.door.max_bytes:
            answer.close()
            raise TooLarge(f"an answer of {self.host} is over {self.door.max_bytes} bytes", retryable=False)
        answer.release_conn()
        return bytes(content)

    def _json(self, content: bytes) -> Object:
        try:
            value = json.loads(content)
        except ValueError as error:
            raise Rejected(
                f"{self.host} answered with something else than JSON; is it a Kubernetes API?", retryable=False
            ) from error
        if not isinstance(value, dict):
            raise Rejected(f"{self.host} answered in an unknown shape; is it a Kubernetes API?", retryable=False)
        return value


def _root(error: BaseException) -> str:
    reason = getattr(error, "reason", None)
    return type(reason).__name__ if isinstance(reason, BaseException) else type(error).__name__


def _error(status: int, content: bytes, host: str) -> SourceError:
    try:
        body = json.loads(content)
    except ValueError:
        body = {}
    words = str(body.get("message") or "") if isinstance(body, dict) else ""
    text = f"{host} answered {status}{f': {words[:300]}' if words else ''}"
    kinds: dict[int, type[SourceError]] = {
        401: Unauthorised,
        403: Forbidden,
        404: NotFound,
        410: Expired,
        413: TooLarge,
        504: TimedOut,
    }
    kind = kinds.get(status) or (Rejected if status < 500 and status != 429 else SourceError)
    if status == 401:
        text += "; the token is wrong or has expired"
    if status == 503:
        kind = Unreachable
    return kind(text, retryable=status >= 500 or status in {410, 429})
