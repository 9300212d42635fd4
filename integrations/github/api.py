"""Ask GitHub's REST API: the deployments of a repository around an incident, with their latest status."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from integrations.base import Health, Rejected, SourceError, TimedOut, Unauthorised, Unreachable
from integrations.genuine import separated
from integrations.github import deployments
from integrations.github.deployments import Compared
from integrations.payload import part, parts, text, time_of, whole
from integrations.questions import Questions
from scoring.observations import Gap

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import httpx

    from integrations.base import Door, Scope
    from integrations.github import GitHubCredentials
    from scoring.observations import Change, Observation, Window

BASE_URL = "https://api.github.com"

# A change shows its effect late: look this much further back than the window (seconds).
LOOK_BACK = 3600.0
_REPOSITORIES = 8
_PAGE = 50
_PAGES = 3
# Of each repository: deployments whose status is asked for, and those that are compared with the one before.
_STATUSES = 12
_COMPARED = 3
# So much of a diff is looked at.
_LONGEST_DIFF = 40_000
_SPAN = re.compile(r"[0-9a-f]{7,64}\.\.\.[0-9a-f]{7,64}")
_REPOSITORY = re.compile(r"(?:(?:https?://|git@)[^/:\s]+[/:])?(?P<name>[\w.-]+/[\w.-]+?)(?:\.git)?/?", re.ASCII)


def repository_name(written: str) -> str:
    """Return `owner/name` of a repository that is written so or as its address, else an empty text."""
    match = _REPOSITORY.fullmatch(written.strip())
    name = match.group("name") if match else ""
    return "" if {".", ".."} & set(name.split("/")) else name


def check(door: Door, credentials: GitHubCredentials) -> Health:
    """Return what the token can be seen to do.

    :raises SourceError: where GitHub does not answer or refuses the token.
    """
    with _client(door, credentials) as client:
        try:
            core = part(part(_read(client, "/rate_limit"), "resources"), "core")
            left = f"{whole(core, 'remaining')} of {whole(core, 'limit')} requests left this hour"
        except Rejected:
            left = "it sets no rate limit"  # a GitHub Enterprise Server answers 404 then
        unread = []
        for name in separated(credentials.repositories)[:_REPOSITORIES]:
            try:
                _read(client, f"/repos/{name}/deployments", per_page="1")
            except (Rejected, Unauthorised) as error:
                unread.append(error.reason)
    known = (
        "GitHub accepts the token"
        if credentials.bearer
        else "GitHub answers, without a token: public repositories only"
    )
    return Health(works=not unread, detail="; ".join((f"{known} ({left})", *unread)))


def gather(
    door: Door, credentials: GitHubCredentials, scope: Scope, window: Window, *, source: str
) -> Iterator[Observation]:
    """Yield one change for each deployment and service; what failed is yielded as a gap.

    :raises SourceError: where nothing at all could be asked.
    """
    questions = Questions(source=source, door=door)
    wanted: dict[str, list[str]] = {}
    for service in scope.services:
        if service.repository:
            name = repository_name(service.repository)
            if name:
                wanted.setdefault(name, []).append(service.name)
            else:
                reason = f"{service.repository!r} is no repository: write owner/name"
                questions.gaps.append(Gap(source, f"deployments of {service.name}", reason))
    if not wanted:
        wanted = {name: [name.rpartition("/")[2]] for name in separated(credentials.repositories)}
    skipped = list(wanted)[_REPOSITORIES:]
    questions.gaps += [
        Gap(source, f"deployments of {name}", f"only {_REPOSITORIES} repositories are asked") for name in skipped
    ]
    with _client(door, credentials) as client:
        for name in list(wanted)[:_REPOSITORIES]:
            yield from _repository_changes(door, client, questions, name, wanted[name], window)
    yield from questions.close()


def _repository_changes(
    door: Door, client: httpx.Client, questions: Questions, name: str, services: list[str], window: Window
) -> Iterator[Change]:
    since = window.start - LOOK_BACK
    listed = questions.ask(f"deployments of {name}", partial(_listed, door, client, name, since)) or []
    # A deployment may have waited for an approval since long ago: what counts is when it moved, then when it began.
    recent = [item for item in listed if _moved(item) >= since and _created(item) <= window.end]
    for index, deployment in enumerate(recent):
        history: list[Mapping[str, Any]] | None = None
        key = text(deployment, "id")
        if index < _STATUSES and key.isascii() and key.isdigit():
            path = f"/repos/{name}/deployments/{key}/statuses"
            question = f"status of deployment {key} of {name}"
            history = questions.ask(question, partial(_objects, client, path, per_page="30"))
        at = _began(deployment, history or [])
        if not since <= at <= window.end:
            continue
        previous = _previous(deployment, listed)
        span = f"{text(previous, 'sha')}...{text(deployment, 'sha')}"
        compared = Compared()
        if index < _COMPARED and _SPAN.fullmatch(span) and text(previous, "sha") != text(deployment, "sha"):
            compared = questions.ask(f"commits of {name} {span}", partial(_compared, client, name, span)) or compared
        for service in services:
            yield deployments.change(
                deployment,
                _latest(history),
                repository=name,
                service=service,
                source=questions.source,
                at=at,
                previous=previous,
                compared=compared,
            )


def _latest(history: list[Mapping[str, Any]] | None) -> Mapping[str, Any] | None:
    """Return the newest status that tells how it went, or None where the statuses are unknown."""
    if history is None:
        return None
    if not history:
        return {"state": "pending"}
    # Only a deployment that succeeded is ever made inactive by a newer one.
    return next((item for item in history if text(item, "state") != "inactive"), {"state": "success"})


def _listed(door: Door, client: httpx.Client, name: str, since: float) -> list[Mapping[str, Any]]:
    """Return deployments, the newest first, back to one page's end before `since`."""
    found: list[Mapping[str, Any]] = []
    for number in range(1, _PAGES + 1):
        page = _objects(client, f"/repos/{name}/deployments", per_page=str(_PAGE), page=str(number))
        found.extend(page)
        oldest = time_of(page[-1], "created_at") if page else None
        if len(page) < _PAGE or (oldest is not None and oldest < since) or door.remaining() <= 0:
            break
    return found


def _began(deployment: Mapping[str, Any], history: list[Mapping[str, Any]]) -> float:
    """Return when a deployment began to act: the first `in_progress`, else its creation."""
    created = time_of(deployment, "created_at") or 0.0
    began = [
        moment for item in history if text(item, "state") == "in_progress" and (moment := time_of(item, "created_at"))
    ]
    return max(created, min(began)) if began else created


def _created(deployment: Mapping[str, Any]) -> float:
    return time_of(deployment, "created_at") or 0.0


def _moved(deployment: Mapping[str, Any]) -> float:
    return max(_created(deployment), time_of(deployment, "updated_at") or 0.0)


def _previous(deployment: Mapping[str, Any], listed: list[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the deployment to the same environment before this one, as far as the list reaches."""
    position = next((index for index, item in enumerate(listed) if item is deployment), len(listed))
    same = (item for item in listed[position + 1 :] if text(item, "environment") == text(deployment, "environment"))
    return next(same, None)


def _compared(client: httpx.Client, name: str, span: str) -> Compared:
    """Return what lies between two deployments; GitHub gives at most 300 files, and leaves out the patch of a large one.

    https://docs.github.com/en/rest/commits/commits#compare-two-commits
    """
    answer = _read(client, f"/repos/{name}/compare/{span}", per_page="1", page="1")
    found = [(path, item.get("patch")) for item in parts(answer, "files") if (path := text(item, "filename"))]
    diff = "\n".join(f"+++ b/{path}\n{patch}" for path, patch in found if isinstance(patch, str))
    return Compared(whole(answer, "total_commits") or 0, tuple(path for path, _ in found), diff[:_LONGEST_DIFF])


def _client(door: Door, credentials: GitHubCredentials) -> httpx.Client:
    headers = {
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
        "User-Agent": "sre-copilot",
    }
    if credentials.bearer:
        headers["Authorization"] = f"Bearer {credentials.bearer}"
    return door.client(credentials.base_url, headers=headers)


def _read(client: httpx.Client, path: str, **parameters: str) -> Mapping[str, Any]:
    answer = _asked(client, path, parameters)
    return answer if isinstance(answer, dict) else {}


def _objects(client: httpx.Client, path: str, **parameters: str) -> list[Mapping[str, Any]]:
    answer = _asked(client, path, parameters)
    if not isinstance(answer, list):
        raise SourceError(f"GitHub answered {path} with something that is no list")
    return [item for item in answer if isinstance(item, dict)]


def _asked(client: httpx.Client, path: str, parameters: Mapping[str, str]) -> object:
    import httpx

    try:
        response = client.get(path, params=dict(parameters))
    except httpx.TimeoutException as error:
        raise TimedOut("GitHub did not answer in time") from error
    except httpx.HTTPError as error:
        raise Unreachable(f"GitHub could not be reached ({type(error).__name__})") from error
    if response.status_code != 200:
        raise _refusal(response, path)
    try:
        answer: object = response.json()
    except ValueError as error:
        raise SourceError(f"GitHub answered {path} with something that is no JSON") from error
    return answer


def _refusal(response: httpx.Response, path: str) -> SourceError:
    status = response.status_code
    if status == 429 or (status == 403 and _is_limited(response)):
        return SourceError(f"GitHub's rate limit is used up ({status}){_opens(response.headers)}")
    if status == 401:
        return Unauthorised("GitHub refuses the token (401): enter a valid one", retryable=False)
    if status == 403:
        return Unauthorised(f"the token may not read {path} (403)", retryable=False)
    if status >= 500:
        return SourceError(f"GitHub failed on {path} ({status})")
    said = f"GitHub refused {path} ({status})"
    if status == 404:
        said = f"GitHub has no {path}, or the token may not read it (404)"
    elif status < 400:
        said = f"GitHub has moved {path} ({status}): enter the repository's new name"
    return Rejected(said, retryable=False)


def _is_limited(response: httpx.Response) -> bool:
    """Return whether a 403 is about the rate, the primary or a secondary one."""
    headers = response.headers
    limited = "retry-after" in headers or headers.get("x-ratelimit-remaining") == "0"
    return limited or "secondary rate limit" in response.text[:1000].lower()


def _opens(headers: Mapping[str, str]) -> str:
    wait, reset = headers.get("retry-after", ""), headers.get("x-ratelimit-reset", "")
    if wait.isascii() and wait.isdigit():
        return f"; it opens in {wait} s"
    if reset.isascii() and reset.isdigit() and len(reset) <= 11:
        return f"; it opens at {datetime.fromtimestamp(int(reset), UTC):%H:%M:%S} UTC"
    return ""
