"""Ask GitHub's REST API what changed around an incident: deployments with their status, merged pull requests, releases."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from integrations.base import Health, Rejected, Unauthorised
from integrations.code_owners import Repository
from integrations.comparison import Compared
from integrations.genuine import separated
from integrations.github import comparing, deployments, published
from integrations.payload import part, text, time_of, whole
from integrations.questions import Questions
from integrations.repositories import asked
from integrations.rest import Rest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import httpx

    from integrations.base import Door, Scope
    from integrations.github import GitHubCredentials
    from scoring.observations import Change, Observation, Window

BASE_URL = "https://api.github.com"
VENDOR = "GitHub"

# A change shows its effect late: look this much further back than the window (seconds).
LOOK_BACK = 3600.0
_REPOSITORIES = 8
_PAGE = 50
_PAGES = 3
# Of each repository: deployments whose status is asked for, and those that are compared with the one before.
_STATUSES = 12
_COMPARED = 3
# Of each repository: pull requests and releases that are read with their files.
_READ = 3
_RELEASES = "10"
# Where GitHub looks for the file; the first that is there counts.
_OWNERS = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
# So many pull requests of a deployment are named.
_NAMED = 3


def check(door: Door, credentials: GitHubCredentials) -> Health:
    """Return what the token can be seen to do.

    :raises SourceError: where GitHub does not answer or refuses the token.
    """
    with _client(door, credentials) as client:
        rest = Rest(client, VENDOR)
        try:
            core = part(part(rest.read("/rate_limit"), "resources"), "core")
            left = f"{whole(core, 'remaining')} of {whole(core, 'limit')} requests left this hour"
        except Rejected:
            left = "it sets no rate limit"  # a GitHub Enterprise Server answers 404 then
        unread = []
        for name in separated(credentials.repositories)[:_REPOSITORIES]:
            try:
                rest.read(f"/repos/{name}/deployments", per_page="1")
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
    wanted, questions.gaps = asked(
        scope, source=source, address=credentials.base_url, otherwise=credentials.repositories, form="repository owner/name",
        most=_REPOSITORIES,
    )  # fmt: skip
    with _client(door, credentials) as client:
        rest = Rest(client, VENDOR)
        for name, services in wanted.items():
            repository = _Repository(door, rest, questions, name, [one.name for one in services], window)
            owned = Repository(
                name=name, address=credentials.base_url, bearer=credentials.bearer, services=services,
                questions=questions, places=_OWNERS, read=partial(_file, rest, name),
            )  # fmt: skip
            yield from owned.told(repository.changes())
    yield from questions.close()


@dataclass(frozen=True, slots=True)
class _Repository:
    """Be one repository that is asked about, for the services that live in it."""

    door: Door
    rest: Rest
    questions: Questions
    name: str
    services: list[str]
    window: Window

    @property
    def since(self) -> float:
        return self.window.start - LOOK_BACK

    def changes(self) -> Iterator[Change]:
        """Yield the deployments, then what was merged or released and went out with none of them."""
        listed = self.questions.ask(f"deployments of {self.name}", self._deployments) or []
        # A deployment may have waited for an approval since long ago: what counts is when it moved, then when it began.
        recent = [item for item in listed if _moved(item) >= self.since and _created(item) <= self.window.end]
        merged = self.questions.ask(f"pull requests of {self.name}", self._merged) or []
        deployed: set[str] = set()
        for index, deployment in enumerate(recent):
            yield from self._deployment(index, deployment, listed, merged, deployed)
        releases = self.questions.ask(f"releases of {self.name}", self._releases) or []
        alone = [(at, pull) for at, pull in merged if text(pull, "merge_commit_sha") not in deployed]
        for index, (at, pull) in enumerate(alone):
            yield from self._pull(index, at, pull)
        yield from self._released(releases, deployed)

    def _deployment(
        self,
        index: int,
        deployment: Mapping[str, Any],
        listed: list[Mapping[str, Any]],
        merged: list[tuple[float, Mapping[str, Any]]],
        deployed: set[str],
    ) -> Iterator[Change]:
        history: list[Mapping[str, Any]] | None = None
        key = text(deployment, "id")
        if index < _STATUSES and key.isascii() and key.isdigit():
            path = f"/repos/{self.name}/deployments/{key}/statuses"
            question = f"status of deployment {key} of {self.name}"
            history = self.questions.ask(question, partial(self.rest.listed, path, per_page="30"))
        at = _began(deployment, history or [])
        if not self.since <= at <= self.window.end:
            return
        previous = _previous(deployment, listed)
        compared = Compared()
        two = comparing.span(text(previous, "sha"), text(deployment, "sha"))
        if index < _COMPARED and two:
            ask = partial(comparing.between, self.rest, self.name, two)
            compared = self.questions.ask(f"commits of {self.name} {two}", ask) or compared
        brought = [pull for _, pull in merged if text(pull, "merge_commit_sha") in compared.shas]
        deployed.update(compared.shas, {text(deployment, "sha"), deployments.version(deployment)} - {""})
        for service in self.services:
            yield deployments.change(
                deployment,
                _latest(history),
                repository=self.name,
                service=service,
                source=self.questions.source,
                at=at,
                previous=previous,
                compared=compared,
                pulls=", ".join(published.named(pull) for pull in brought[:_NAMED]),
            )

    def _pull(self, index: int, at: float, pull: Mapping[str, Any]) -> Iterator[Change]:
        number = text(pull, "number")
        compared = None
        if index < _READ and number.isascii() and number.isdigit():
            ask = partial(comparing.of_pull, self.rest, self.name, pull)
            compared = self.questions.ask(f"files of pull request {number} of {self.name}", ask)
        for service in self.services:
            yield published.pull_request(
                pull, repository=self.name, service=service, source=self.questions.source, at=at, compared=compared
            )

    def _released(self, releases: list[Mapping[str, Any]], deployed: set[str]) -> Iterator[Change]:
        for index, release in enumerate(releases):
            at = time_of(release, "published_at")
            tag = text(release, "tag_name")
            if at is None or not self.since <= at <= self.window.end or not tag or tag in deployed:
                continue
            before = text(releases[index + 1], "tag_name") if index + 1 < len(releases) else ""
            compared = None
            if index < _READ and (two := comparing.span(before, tag)):
                ask = partial(comparing.between, self.rest, self.name, two)
                compared = self.questions.ask(f"commits of {self.name} {two}", ask)
            for service in self.services:
                yield published.release(
                    release,
                    repository=self.name,
                    service=service,
                    source=self.questions.source,
                    at=at,
                    previous=before,
                    compared=compared,
                )

    def _deployments(self) -> list[Mapping[str, Any]]:
        """Return deployments, the newest first, back to one page's end before what is looked at."""
        found: list[Mapping[str, Any]] = []
        for number in range(1, _PAGES + 1):
            page = self.rest.listed(f"/repos/{self.name}/deployments", per_page=str(_PAGE), page=str(number))
            found.extend(page)
            oldest = time_of(page[-1], "created_at") if page else None
            if len(page) < _PAGE or (oldest is not None and oldest < self.since) or self.door.remaining() <= 0:
                break
        return found

    def _merged(self) -> list[tuple[float, Mapping[str, Any]]]:
        """Return the pull requests that were merged in the time that is looked at, with when."""
        listed = self.rest.listed(
            f"/repos/{self.name}/pulls", state="closed", sort="updated", direction="desc", per_page=str(_PAGE)
        )
        dated = [(at, item) for item in listed if (at := published.merged_at(item)) is not None]
        return [(at, item) for at, item in dated if self.since <= at <= self.window.end]

    def _releases(self) -> list[Mapping[str, Any]]:
        """Return the newest releases, without drafts."""
        listed = self.rest.listed(f"/repos/{self.name}/releases", per_page=_RELEASES)
        return [item for item in listed if item.get("draft") is not True]


def _latest(history: list[Mapping[str, Any]] | None) -> Mapping[str, Any] | None:
    """Return the newest status that tells how it went, or None where the statuses are unknown."""
    if history is None:
        return None
    if not history:
        return {"state": "pending"}
    # Only a deployment that succeeded is ever made inactive by a newer one.
    return next((item for item in history if text(item, "state") != "inactive"), {"state": "success"})


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


def _file(rest: Rest, name: str, path: str) -> Mapping[str, Any]:
    return rest.read(f"/repos/{name}/contents/{path}")


def _client(door: Door, credentials: GitHubCredentials) -> httpx.Client:
    headers = {
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
        "User-Agent": "sre-copilot",
    }
    if credentials.bearer:
        headers["Authorization"] = f"Bearer {credentials.bearer}"
    return door.client(credentials.base_url, headers=headers)
