"""HashiCorp Vault, or OpenBao: log in by token, Kubernetes or AppRole, read KV (version 2 or 1), and log out.

A token that was given is left as it is, and renewed by beat (`renewal`); one that a login here made is revoked after reading.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from copilot.secret_stores.reference import Document, NotRead

if TYPE_CHECKING:
    from collections.abc import Callable

    from copilot.secret_stores.settings import StoreSettings

# A Vault that fails over or unseals answers 503 for moments: each request is tried so often within the time there is.
TRIES = 4


class HashiCorpVault:
    """Read documents as one logged-in client."""

    def __init__(self, settings: StoreSettings) -> None:
        """Log in.

        :raises NotRead: where that is refused, or Vault does not answer.
        """
        self._settings = settings
        self._client = _client(settings)
        self._who = _log_in(self._client, settings)

    def document(self, name: str) -> Document:
        """Return a document of KV; `name` is the API's path, which has `data/` behind the mount in version 2.

        :raises NotRead: where the store does not answer, or refuses.
        """
        answer = self._ask(name)
        data = answer.get("data") or {}
        if not isinstance(data.get("metadata"), dict) or "data" not in data:
            return Document("of KV version 1", data)
        metadata = data["metadata"]
        return Document(f"version {metadata.get('version')} of {metadata.get('created_time', '')[:19]}Z", data["data"])

    def _ask(self, name: str) -> dict[str, Any]:
        import hvac

        settings = self._settings
        try:
            answer: dict[str, Any] = _asking(settings, lambda: self._client.adapter.get(url=f"/v1/{name.strip('/')}"))
        except hvac.exceptions.Forbidden as refused:
            raise NotRead(
                f"{_place(settings)} refused (403, {_said(refused)}): let a policy of {self._who} `read` the path {name}"
            ) from None
        except hvac.exceptions.InvalidPath:
            raise NotRead(
                f"{_place(settings)} has nothing at {name}: is it deleted? In KV version 2 `data/` stands behind the mount, as in"
                " secret/data/copilot"
            ) from None
        return answer

    def close(self) -> None:
        """Revoke the token that was made for reading."""
        if self._settings.vault_login != "token":
            # It ends by itself soon; batch tokens cannot be revoked.
            with suppress(Exception):
                self._client.auth.token.revoke_self()


@dataclass(frozen=True, slots=True)
class Token:
    """Hold how long a token lives on, in seconds (0: for ever), and whether it can be renewed."""

    seconds: int
    renewable: bool


def look_up(settings: StoreSettings) -> Token:
    """Return how the given token does.

    :raises NotRead: where it is no longer good, or Vault does not answer.
    """
    return _of_token(settings, renew=False)


def renew(settings: StoreSettings) -> Token:
    """Renew the given token, and return how long it lives now.

    :raises NotRead: where it is no longer good, or Vault does not answer.
    """
    return _of_token(settings, renew=True)


def _of_token(settings: StoreSettings, *, renew: bool) -> Token:
    import hvac

    client = _client(settings)
    client.token = settings.vault_token.get_secret_value()
    try:
        if renew:
            auth = _asking(settings, client.auth.token.renew_self)["auth"]
            return Token(auth["lease_duration"], auth["renewable"])
        data = _asking(settings, client.auth.token.lookup_self)["data"]
        return Token(data["ttl"], data.get("renewable", False))
    except hvac.exceptions.VaultError as refused:
        raise NotRead(
            f"{_place(settings)} refuses the token of VAULT_TOKEN ({_said(refused)}): give a new one, and restart"
        ) from None


def _client(settings: StoreSettings) -> Any:
    try:
        import hvac
    except ImportError:
        raise NotRead("HashiCorp Vault needs another package: install sre-copilot[vault]") from None
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    if not settings.vault_address:
        raise NotRead("where is HashiCorp Vault? Set VAULT_ADDR, such as https://vault.example.org:8200")
    session = requests.Session()
    session.verify = settings.vault_ca or True
    again = Retry(
        TRIES - 1, status_forcelist=(429, 502, 503), backoff_factor=0.1, allowed_methods=None, raise_on_status=False
    )
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(max_retries=again))
    return hvac.Client(
        url=settings.vault_address,
        token="",
        namespace=settings.vault_namespace or None,
        timeout=settings.secrets_seconds / TRIES,
        session=session,
        verify=settings.vault_ca or True,
    )


def _log_in(client: Any, settings: StoreSettings) -> str:
    """Log the client in; return who it is now, for people."""
    import hvac

    method = settings.vault_login
    at = settings.vault_login_path.strip("/") or method
    secret = settings.vault_secret_id.get_secret_value()
    try:
        if method == "token":
            client.token = _needed("VAULT_TOKEN", settings.vault_token.get_secret_value(), method)
            return "this token"
        if method == "kubernetes":
            role, jwt = _needed("COPILOT_VAULT_ROLE", settings.vault_role, method), _service_account(settings)
            _asking(settings, lambda: client.auth.kubernetes.login(role=role, jwt=jwt, mount_point=at))
            return f"role {role}"
        role = _needed("COPILOT_VAULT_ROLE_ID", settings.vault_role_id, method)
        _asking(settings, lambda: client.auth.approle.login(role_id=role, secret_id=secret, mount_point=at))
    except hvac.exceptions.VaultError as refused:
        wanted = {
            "kubernetes": "does COPILOT_VAULT_ROLE name a role that is bound to this ServiceAccount and namespace?",
            "approle": "are COPILOT_VAULT_ROLE_ID and COPILOT_VAULT_SECRET_ID those of one AppRole, and not used up?",
        }[method]
        raise NotRead(f"{_place(settings)} refused the login at auth/{at} ({_said(refused)}): {wanted}") from None
    return "this AppRole"


def _needed(variable: str, value: str, method: str) -> str:
    if not value:
        raise NotRead(f"set {variable} for HashiCorp Vault: COPILOT_VAULT_LOGIN is {method}")
    return value


def _service_account(settings: StoreSettings) -> str:
    path = settings.vault_jwt_file
    try:
        return path.read_text().strip()
    except OSError as error:
        raise NotRead(
            f"the ServiceAccount's token {path} cannot be read ({error.strerror}): mount it, or set COPILOT_VAULT_JWT_FILE"
        ) from None


def _asking(settings: StoreSettings, ask: Callable[[], Any]) -> Any:
    """Ask Vault, and return its answer; trouble on the way and in Vault itself is said, refusals are left to the caller."""
    import hvac
    import requests

    try:
        return ask()
    except requests.exceptions.SSLError:
        raise NotRead(
            f"the certificate of {_place(settings)} is not trusted: name its authority's PEM file with VAULT_CACERT"
        ) from None
    except requests.exceptions.RequestException as error:
        raise NotRead(
            f"{_place(settings)} does not answer within {settings.secrets_seconds:g} s ({type(error).__name__}): is VAULT_ADDR"
            " right, and may this process reach it?"
        ) from None
    except (hvac.exceptions.VaultDown, hvac.exceptions.VaultNotInitialized) as down:
        raise NotRead(f"{_place(settings)} is not ready ({_said(down)}): unseal it") from None
    except (
        hvac.exceptions.InternalServerError,
        hvac.exceptions.BadGateway,
        hvac.exceptions.RateLimitExceeded,
    ) as failed:
        raise NotRead(f"{_place(settings)} failed ({_said(failed)}): look at its log, and start again") from None


def _place(settings: StoreSettings) -> str:
    namespace = f", namespace {settings.vault_namespace}" if settings.vault_namespace else ""
    return f"Vault at {settings.vault_address}{namespace}"


def _said(error: Any) -> str:
    """Return what Vault gave as the reason, in one line."""
    return " ".join(str(error.args[0] if error.args and error.args[0] else type(error).__name__).split())[:200]
