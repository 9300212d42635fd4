"""The one outbound door: guarded clients of four HTTP libraries under one deadline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from copilot.guard.http import tls
from copilot.guard.http.addresses import CONNECT_SECONDS, Gate, Network
from copilot.guard.http.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import httpx
    import httpx2
    import requests
    import urllib3

    from copilot.guard.http.meter import Meter

MAX_BYTES = 8 * 1024 * 1024
USER_AGENT = "sre-copilot"


class HttpDoor:
    """Hand out clients that reach allowed addresses only, follow no redirect, use no proxy, keep deadline and size cap.

    One door serves one errand (a source in a run, a connection test): its deadline starts when it is made; a `meter` that
    several doors share bounds what they read together. What goes
    wrong is raised as `SourceError`, also from inside the libraries. They are imported when first asked for, so that a
    process pays only for those it uses.
    """

    def __init__(
        self,
        *,
        deadline_seconds: float,
        max_bytes: int = MAX_BYTES,
        allowed_private: Sequence[Network] = (),
        user_agent: str = USER_AGENT,
        meter: Meter | None = None,
    ) -> None:
        self.max_bytes = max_bytes
        self._user_agent = user_agent
        self._deadline = Deadline(deadline_seconds)
        self._gate = Gate(deadline=self._deadline, allowed_private=allowed_private, meter=meter)

    def remaining(self) -> float:
        """Return the seconds left until the deadline, never below zero."""
        return self._deadline.remaining()

    def client(
        self, base_url: str, *, headers: Mapping[str, str] | None = None, verify: bool | str = True
    ) -> httpx.Client:
        """Return a guarded httpx client; the caller closes it (use `with`). `verify` takes a CA's path or PEM text."""
        import httpcore
        import httpx

        from copilot.guard.http.httpx_stack import transport_class

        transport = transport_class(httpx, httpcore)(
            self._gate, max_bytes=self.max_bytes, ssl_context=tls.context(verify)
        )
        return httpx.Client(
            base_url=base_url,
            headers={"User-Agent": self._user_agent, **(headers or {})},
            transport=transport,
            timeout=httpx.Timeout(self.remaining(), connect=CONNECT_SECONDS),
            follow_redirects=False,
            trust_env=False,
        )

    def transport2(self, *, verify: bool | str = True) -> httpx2.BaseTransport:
        """Return a guarded httpx2 transport, for SDKs that are built on httpx2."""
        import httpcore2
        import httpx2

        from copilot.guard.http.httpx_stack import transport_class

        made: httpx2.BaseTransport = transport_class(httpx2, httpcore2)(
            self._gate, max_bytes=self.max_bytes, ssl_context=tls.context(verify)
        )
        return made

    def session(self, *, verify: bool | str = True) -> requests.Session:
        """Return a guarded requests session, for prometheus-api-client."""
        from copilot.guard.http.urllib3_stack import GuardedSession

        return GuardedSession(self._gate, self.max_bytes, verify=verify, user_agent=self._user_agent)

    def pool_manager(self, **arguments: Any) -> urllib3.PoolManager:
        """Return a guarded urllib3 pool manager, for the Kubernetes client; arguments go to urllib3."""
        from copilot.guard.http.urllib3_stack import pool_manager

        return pool_manager(self._gate, self.max_bytes, **arguments)
