"""Ask GitLab's REST API what changed around an incident: deployments, merged merge requests, releases."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from integrations.base import Health, Rejected, Unauthorised
from integrations.code_owners import Repository
from integrations.comparison import Compared, unified
from integrations.genuine import separated
from integrations.gitlab import made
from integrations.payload import iso, link, part, parts, text, time_of
from integrations.questions import Questions
from integrations.repositories import asked
from integrations.rest import Rest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import httpx

    from integrations.base import Door, Scope
    from integrations.gitlab import GitLabCredentials
    from scoring.observations import Change, Observation, Window

    Object = Mapping[str, Any]

BASE_URL = "https://gitlab.com"
VENDOR = "GitLab"
# GitLab allows groups within groups, twenty deep.
DEEPEST = 21
# A change shows its effect late: look this much further back than the window (seconds).
LOOK_BACK = 3600.0
_PROJECTS = 8
_PAGE = "100"
_RELEASES = "10"
# Where GitLab looks for the file; the first that is there counts.
_OWNERS = ("CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS")
# Of each project: deployments, merge requests and releases that are read with what they touched.
_COMPARED = 3
_NAMED = 3


def check(door: Door, credentials: GitLabCredentials) -> Health:
    """Return what the token can be seen to do.

    :raises SourceError: where GitLab does not answer or refuses the token.
    """
    with _client(door, credentials) as client:
        rest = Rest(client, VENDOR, "project")
        if credentials.bearer:
            who = text(rest.read("/api/v4/user"), "username")
            known = f"GitLab accepts the token of {who}" if who else "GitLab accepts the token"
        else:
            rest.listed("/api/v4/projects", per_page="1")
            known = "GitLab answers, without a token: public projects only"
        unread = []
        for name in separated(credentials.projects)[:_PROJECTS]:
            try:
                rest.listed(f"/api/v4/projects/{quote(name, safe='')}/deployments", per_page="1")
            except (Rejected, Unauthorised) as error:
                unread.append(error.reason)
    return Health(works=not unread, detail="; ".join((known, *unread)))


def gather(
    door: Door, credentials: GitLabCredentials, scope: Scope, window: Window, *, source: str
) -> Iterator[Observation]:
    """Yield one change for each deployment and service, and what was merged or released with none; failures are gaps.

    :raises SourceError: where nothing at all could be asked.
    """
    questions = Questions(source=source, door=door)
    wanted, questions.gaps = asked(
        scope, source=source, address=credentials.base_url, otherwise=credentials.projects, form="project group/name",
        most=_PROJECTS, deepest=DEEPEST,
    )  # fmt: skip
    with _client(door, credentials) as client:
        rest = Rest(client, VENDOR, "project")
        for name, services in wanted.items():
            project = _Project(rest, questions, name, [one.name for one in services], window)
            owned = Repository(
                name=name, address=credentials.base_url, bearer=credentials.bearer, services=services,
                questions=questions, places=_OWNERS, read=project.file,
            )  # fmt: skip
            yield from owned.told(project.changes())
    yield from questions.close()


@dataclass(frozen=True, slots=True)
class _Project:
    """Be one project that is asked about, for the services that live in it."""

    rest: Rest
    questions: Questions
    name: str
    services: list[str]
    window: Window

    @property
    def root(self) -> str:
        return f"/api/v4/projects/{quote(self.name, safe='')}"

    @property
    def since(self) -> float:
        return self.window.start - LOOK_BACK

    def file(self, path: str) -> Object:
        """Return a file of the default branch, its content in base64."""
        return self.rest.read(f"{self.root}/repository/files/{quote(path, safe='')}", ref="HEAD")

    def changes(self) -> Iterator[Change]:
        """Yield the deployments, then what was merged or released and went out with none of them."""
        listed = self.questions.ask(f"deployments of {self.name}", self._deployments) or []
        merged = self.questions.ask(f"merge requests of {self.name}", self._merged) or []
        deployed: set[str] = set()
        recent = [item for item in listed if self._is_in(_began(item))]
        for index, item in enumerate(recent):
            yield from self._deployment(index, item, listed, merged, deployed)
        releases = self.questions.ask(f"releases of {self.name}", self._releases) or []
        alone = [item for item in merged if not _commits(item) & deployed]
        for index, item in enumerate(alone):
            yield from self._merge(index, item)
        yield from self._released(releases, deployed)

    def _deployment(
        self, index: int, item: Object, listed: list[Object], merged: list[Object], deployed: set[str]
    ) -> Iterator[Change]:
        sha = text(item, "sha")
        before = _previous(item, listed)
        compared = Compared()
        if index < _COMPARED and before and before != sha:
            compared = self._between(before, sha) or compared
        brought = [one for one in merged if _commits(one) & (compared.shas | {sha})]
        deployed.update(compared.shas, {sha, text(item, "ref")} - {""})
        job, environment = part(item, "deployable"), part(item, "environment")
        named = ", ".join(f"!{text(one, 'iid')} {text(one, 'title')}" for one in brought[:_NAMED])
        at = _began(item)
        for service in self.services:
            yield made.deployment(
                project=self.name,
                service=service,
                source=self.questions.source,
                at=at or 0.0,
                sha=sha,
                ref=text(item, "ref"),
                environment=text(environment, "name"),
                status=text(item, "status"),
                author=text(part(item, "user"), "username", "name"),
                link=link(job, "web_url") or link(part(job, "pipeline"), "web_url"),
                words=named or text(part(job, "commit"), "title"),
                previous=before,
                compared=compared,
            )

    def _merge(self, index: int, item: Object) -> Iterator[Change]:
        number = text(item, "iid")
        compared = None
        if index < _COMPARED and number.isascii() and number.isdigit():
            ask = partial(self.rest.listed, f"{self.root}/merge_requests/{number}/diffs", per_page=_PAGE)
            files = self.questions.ask(f"files of merge request {number} of {self.name}", ask)
            compared = _touched(files) if files is not None else None
        for service in self.services:
            yield made.merge_request(
                project=self.name,
                service=service,
                source=self.questions.source,
                at=time_of(item, "merged_at") or 0.0,
                number=number,
                title=text(item, "title"),
                sha=text(item, "merge_commit_sha", "squash_commit_sha", "sha"),
                author=text(part(item, "author"), "username", "name"),
                link=link(item, "web_url"),
                compared=compared,
            )

    def _released(self, releases: list[Object], deployed: set[str]) -> Iterator[Change]:
        for index, item in enumerate(releases):
            tag, sha = text(item, "tag_name"), text(part(item, "commit"), "id")
            at = time_of(item, "released_at")
            if not tag or at is None or not self._is_in(at) or {tag, sha} & deployed:
                continue
            before = text(releases[index + 1], "tag_name") if index + 1 < len(releases) else ""
            for service in self.services:
                yield made.release(
                    project=self.name,
                    service=service,
                    source=self.questions.source,
                    at=at,
                    tag=tag,
                    name=text(item, "name"),
                    author=text(part(item, "author"), "username", "name"),
                    link=link(part(item, "_links"), "self"),
                    sha=sha,
                    previous=before,
                    compared=self._between(before, tag) if index < _COMPARED and before else None,
                )

    def _between(self, before: str, after: str) -> Compared | None:
        """Return what lies between two commits or tags; GitLab leaves out the diff of a large file.

        https://docs.gitlab.com/api/repositories/#compare-branches-tags-or-commits
        """

        def ask() -> Compared:
            answer = self.rest.read(f"{self.root}/repository/compare", **{"from": before, "to": after})
            commits = parts(answer, "commits")
            shas = frozenset(sha for one in commits if (sha := text(one, "id")))
            return _touched(parts(answer, "diffs"), commits=len(commits), shas=shas)

        return self.questions.ask(f"commits of {self.name} {before}...{after}", ask)

    def _deployments(self) -> list[Object]:
        """Return deployments, those that moved last first."""
        return self.rest.listed(f"{self.root}/deployments", order_by="updated_at", sort="desc", per_page=_PAGE)

    def _merged(self) -> list[Object]:
        """Return the merge requests that were merged in the time that is looked at."""
        listed = self.rest.listed(
            f"{self.root}/merge_requests",
            state="merged",
            order_by="updated_at",
            sort="desc",
            updated_after=iso(self.since),
            per_page=_PAGE,
        )
        return [item for item in listed if self._is_in(time_of(item, "merged_at"))]

    def _releases(self) -> list[Object]:
        listed = self.rest.listed(f"{self.root}/releases", per_page=_RELEASES)
        return [item for item in listed if item.get("upcoming_release") is not True]

    def _is_in(self, moment: float | None) -> bool:
        return moment is not None and self.since <= moment <= self.window.end


def _began(item: Object) -> float | None:
    """Return when a deployment began to act: its job's start, else its creation; it may have waited for an approval."""
    return time_of(part(item, "deployable"), "started_at") or time_of(item, "created_at")


def _previous(item: Object, listed: list[Object]) -> str:
    """Return the commit of the last deployment to the same environment that succeeded before this one, if it is listed."""
    environment = text(part(item, "environment"), "name")
    began = _began(item) or 0.0
    earlier = [
        (moment, text(one, "sha"))
        for one in listed
        if text(part(one, "environment"), "name") == environment
        and text(one, "status") == "success"
        and (moment := _began(one)) is not None
        and moment < began
    ]
    return max(earlier, default=(0.0, ""))[1]


def _commits(item: Object) -> frozenset[str]:
    named = (text(item, name) for name in ("merge_commit_sha", "squash_commit_sha", "sha"))
    return frozenset(sha for sha in named if sha)


def _touched(diffs: list[Object], *, commits: int = 0, shas: frozenset[str] = frozenset()) -> Compared:
    found = [(path, item.get("diff")) for item in diffs if (path := text(item, "new_path", "old_path"))]
    lines = [line for _, diff in found if isinstance(diff, str) for line in diff.splitlines()]
    # Where a diff is left out its lines are not known.
    is_counted = bool(found) and all(isinstance(diff, str) and diff for _, diff in found)
    return Compared(
        commits=commits,
        files=tuple(path for path, _ in found),
        diff=unified(found),
        added=sum(line.startswith("+") for line in lines) if is_counted else None,
        removed=sum(line.startswith("-") for line in lines) if is_counted else None,
        shas=shas,
    )


def _client(door: Door, credentials: GitLabCredentials) -> httpx.Client:
    headers = {"Accept": "application/json", "User-Agent": "sre-copilot"}
    if credentials.bearer:
        headers["PRIVATE-TOKEN"] = credentials.bearer
    return door.client(credentials.base_url, headers=headers)
