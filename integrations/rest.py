"""Ask a vendor's REST API for JSON; every refusal is told in words that say what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from integrations.base import Rejected, SourceError, Unauthorised
from integrations.refusals import no_answer_from, opens

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx


@dataclass(frozen=True, slots=True)
class Rest:
    """Read from one REST API through a client of the door.

    `vendor` is how messages call it, `home` the word for what it keeps code in (repository, project).
    """

    client: httpx.Client
    vendor: str
    home: str = "repository"

    def read(self, path: str, **parameters: str) -> Mapping[str, Any]:
        """Return the JSON object under a path, or an empty one where it is something else.

        :raises SourceError: where there is no answer, or a refusal.
        """
        answer = self._asked(path, parameters)
        return answer if isinstance(answer, dict) else {}

    def listed(self, path: str, **parameters: str) -> list[Mapping[str, Any]]:
        """Return the objects of the JSON list under a path.

        :raises SourceError: where there is no answer, a refusal, or no list.
        """
        answer = self._asked(path, parameters)
        if not isinstance(answer, list):
            raise SourceError(f"{self.vendor} answered {path} with something that is no list")
        return [item for item in answer if isinstance(item, dict)]

    def _asked(self, path: str, parameters: Mapping[str, str]) -> object:
        with no_answer_from(self.vendor):
            response = self.client.get(path, params=dict(parameters))
        if response.status_code != 200:
            raise self._refusal(response, path)
        try:
            answer: object = response.json()
        except ValueError as error:
            raise SourceError(f"{self.vendor} answered {path} with something that is no JSON") from error
        return answer

    def _refusal(self, response: httpx.Response, path: str) -> SourceError:
        status = response.status_code
        if status == 429 or (status == 403 and _is_limited(response)):
            return SourceError(f"{self.vendor}'s rate limit is used up ({status}){opens(response.headers)}")
        if status == 401:
            return Unauthorised(f"{self.vendor} refuses the token (401): enter a valid one", retryable=False)
        if status == 403:
            return Unauthorised(f"the token may not read {path} (403)", retryable=False)
        if status >= 500:
            return SourceError(f"{self.vendor} failed on {path} ({status})")
        said = f"{self.vendor} refused {path} ({status})"
        if status == 404:
            said = f"{self.vendor} has no {path}, or the token may not read it (404)"
        elif status < 400:
            said = f"{self.vendor} has moved {path} ({status}): enter the {self.home}'s new name"
        return Rejected(said, retryable=False)


def _is_limited(response: httpx.Response) -> bool:
    """Return whether a 403 is about the rate, the primary or a secondary one (GitHub answers so)."""
    headers = response.headers
    limited = "retry-after" in headers or headers.get("x-ratelimit-remaining") == "0"
    return limited or "secondary rate limit" in response.text[:1000].lower()
