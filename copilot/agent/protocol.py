"""What service and agent say to each other: typed, bounded, and refused by either side where it is anything else."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar
from uuid import UUID  # noqa: TC003 - pydantic reads it

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    JsonValue,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)

from integrations import base
from integrations.base import Scope, ServiceScope, SourceError
from integrations.survey import MOST_CALLS, MOST_THINGS, Call, Survey, Thing
from scoring.observations import EntityKind, Gap, Window

if TYPE_CHECKING:
    from collections.abc import Iterable

POLL_PATH = "/agent/v1/poll"
ANSWERS_PATH = "/agent/v1/answers/{request_id}"
# The longest that a poll may wait for work, and the most that one agent works at, at once.
MAX_WAIT_SECONDS = 25.0
MAX_CAPACITY = 8
MAX_POLL_BYTES = 65_536
MAX_OBSERVATIONS = 20_000
MAX_ROWS = 500
MAX_TOOLS = 40

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=80)]
Word = Annotated[str, StringConstraints(max_length=300)]
Text = Annotated[str, StringConstraints(max_length=2000)]
Moment = Annotated[FiniteFloat, Field(ge=0, le=1e11)]


class Strict(BaseModel):
    """Be a message of known fields alone; what is wrong in one is named without its value."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class AskedService(Strict):
    """Carry a `ServiceScope`."""

    name: Word
    namespace: Word = ""
    workload: Word = ""
    selector: Text = ""
    repository: Word = ""
    pagerduty_id: Word = ""


class AskedScope(Strict):
    """Carry a `Scope`."""

    service: AskedService | None = None
    neighbours: Annotated[tuple[AskedService, ...], Field(max_length=64)] = ()
    alert_title: Text = ""
    alert_labels: Annotated[dict[Word, Text], Field(max_length=100)] = Field(default_factory=dict)
    external_url: Text = ""
    dedupe_key: Word = ""

    def scope(self) -> Scope:
        """Return it as integrations take it."""
        return Scope(
            service=ServiceScope(**self.service.model_dump()) if self.service else None,
            neighbours=tuple(ServiceScope(**one.model_dump()) for one in self.neighbours),
            alert_title=self.alert_title,
            alert_labels=self.alert_labels,
            external_url=self.external_url,
            dedupe_key=self.dedupe_key,
        )


class AskedWindow(Strict):
    """Carry a `Window`."""

    start: Moment
    end: Moment
    alert_at: Moment
    alert_for: Moment = 0.0

    def window(self) -> Window:
        """Return it as integrations take it."""
        return Window(**self.model_dump())


class Gather(Strict):
    """Ask a source for all that it knows about a scope in a window."""

    do: Literal["gather"] = "gather"
    kind: Slug
    name: Name = "default"
    scope: AskedScope
    window: AskedWindow


class Look(Strict):
    """Ask a source one of its small questions; its own model bounds the arguments."""

    do: Literal["look"] = "look"
    kind: Slug
    name: Name = "default"
    look: Name
    arguments: dict[str, JsonValue]
    scope: AskedScope
    window: AskedWindow


class AskSurvey(Strict):
    """Ask a source which services it knows, and who needs whom, apart from any incident."""

    do: Literal["survey"] = "survey"
    kind: Slug
    name: Name = "default"
    scope: AskedScope
    window: AskedWindow


class AskTools(Strict):
    """Ask an outside server which of its tools the agent's file names, and which of these may be asked."""

    do: Literal["tools"] = "tools"
    kind: Slug
    name: Name = "default"


class AskTool(Strict):
    """Ask one tool of an outside server; the server says what its arguments may be, and checks them."""

    do: Literal["tool"] = "tool"
    kind: Slug
    name: Name = "default"
    tool: Name
    arguments: Annotated[dict[Word, JsonValue], Field(max_length=50)]


class Check(Strict):
    """Ask a source whether it answers at all."""

    do: Literal["check"] = "check"
    kind: Slug
    name: Name = "default"


Request = Gather | Look | AskSurvey | AskTools | AskTool | Check
REQUEST: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="do")])


class Handed(Strict):
    """Hand over one request: the attempt that fences late answers, the seconds that are left, and the answer's size cap.

    The request itself is read on its own, so that one outside of the types is refused alone.
    """

    id: UUID
    attempt: Annotated[int, Field(ge=1, le=1000)]
    seconds: Annotated[FiniteFloat, Field(gt=0, le=300)]
    max_bytes: Annotated[int, Field(ge=1024, le=64 * 1024 * 1024)]
    request: JsonValue


class Work(Strict):
    """Answer a poll: what to do now, seldom more than one; nothing where the wait was in vain."""

    requests: Annotated[tuple[Handed, ...], Field(max_length=MAX_CAPACITY)] = ()


class SourceState(Strict):
    """Tell of one source that an agent holds credentials for: whether it works, None where it was not tried yet."""

    kind: Slug
    name: Name
    works: bool | None = None
    detail: Word = ""


class Poll(Strict):
    """Ask for work. `instance` tells one process from the next; `working` renews the leases of what is being worked at."""

    version: Annotated[str, StringConstraints(max_length=40)]
    instance: UUID
    capacity: Annotated[int, Field(ge=0, le=MAX_CAPACITY)]
    working: Annotated[tuple[UUID, ...], Field(max_length=MAX_CAPACITY)] = ()
    wait_seconds: Annotated[FiniteFloat, Field(ge=0, le=MAX_WAIT_SECONDS)] = 0.0
    sources: Annotated[tuple[SourceState, ...], Field(max_length=50)] = ()


Code = Literal["unreachable", "timed_out", "unauthorised", "too_large", "rejected", "source", "refused"]
CODES: dict[Code, type[SourceError]] = {
    "unreachable": base.Unreachable,
    "timed_out": base.TimedOut,
    "unauthorised": base.Unauthorised,
    "too_large": base.TooLarge,
    "rejected": base.Rejected,
    "source": SourceError,
    "refused": base.Rejected,
}


class Failure(Strict):
    """Say why a source gave no answer, or not all of it; `refused` says that the agent itself would not ask."""

    code: Code
    reason: Annotated[str, StringConstraints(min_length=1, max_length=1000)]
    retryable: bool = True

    def error(self) -> SourceError:
        """Return it as the error that the source would have raised here."""
        return CODES[self.code](self.reason, retryable=self.retryable)


def failure_of(error: SourceError) -> Failure:
    """Return what a source's error says."""
    exact: Iterable[Code] = (code for code, kind in CODES.items() if type(error) is kind)
    near: Iterable[Code] = (code for code, kind in CODES.items() if kind is not SourceError and isinstance(error, kind))
    code = next(iter((*exact, *near)), "source")
    return Failure(code=code, reason=error.reason[:1000] or type(error).__name__, retryable=error.retryable)


class Observed(Strict):
    """Answer `Gather`; what a source said before it failed is kept. `copilot.agent.observed` reads the observations."""

    result: Literal["observed"] = "observed"
    observations: Annotated[list[JsonValue], Field(max_length=MAX_OBSERVATIONS)]
    failure: Failure | None = None


class Looked(Strict):
    """Answer `Look`."""

    result: Literal["looked"] = "looked"
    query: Annotated[str, StringConstraints(max_length=8000)]
    rows: Annotated[list[dict[str, JsonValue]], Field(max_length=MAX_ROWS)]
    link: Text = ""
    note: Text = ""


class SeenThing(Strict):
    """Carry a `Thing`."""

    name: Word
    kind: Literal["service", "database", "queue", "external"] = "service"
    namespace: Word = ""
    workload: Word = ""
    entrance: Word = ""

    def thing(self) -> Thing:
        """Return it as integrations tell it."""
        return Thing(self.name, EntityKind(self.kind), self.namespace, self.workload, self.entrance)


class SeenCall(Strict):
    """Carry a `Call`."""

    caller: SeenThing
    callee: SeenThing
    source: Word
    detail: Word = ""


class SeenGap(Strict):
    """Carry a `Gap`."""

    source: Word
    question: Word
    reason: Text


class Surveyed(Strict):
    """Answer `AskSurvey`."""

    result: Literal["surveyed"] = "surveyed"
    things: Annotated[tuple[SeenThing, ...], Field(max_length=MOST_THINGS)]
    calls: Annotated[tuple[SeenCall, ...], Field(max_length=MOST_CALLS)]
    gaps: Annotated[tuple[SeenGap, ...], Field(max_length=500)] = ()
    namespaces: Annotated[tuple[Word, ...], Field(max_length=64)] = ()

    @classmethod
    def of(cls, told: Survey) -> Surveyed:
        """Return a survey as it is sent."""
        return cls.model_validate(
            {
                "things": [asdict(one) for one in told.things],
                "calls": [asdict(one) for one in told.calls],
                "gaps": [{**asdict(one), "reason": one.reason[:2000]} for one in told.gaps[:500]],
                "namespaces": told.namespaces,
            }
        )

    def survey(self, *, kind: str) -> Survey:
        """Return it as a source of this kind tells it.

        :raises ValueError: where it speaks in another source's name.
        """
        sources = {one.source for one in self.calls} | {one.entrance for one in self.things if one.entrance}
        if any(one.partition(" ")[0] != kind for one in sources):
            raise ValueError(f"source: an agent's {kind} speaks for itself alone")
        return Survey(
            tuple(one.thing() for one in self.things),
            tuple(Call(one.caller.thing(), one.callee.thing(), one.source, one.detail) for one in self.calls),
            tuple(Gap(one.source, one.question, one.reason) for one in self.gaps),
            self.namespaces,
        )


class OfferedTool(Strict):
    """Carry one tool of an outside server, and why it is not offered, if it is not."""

    name: Name
    description: Text
    arguments: dict[str, JsonValue]
    refusal: Word = ""


class Offered(Strict):
    """Answer `AskTools`."""

    result: Literal["offered"] = "offered"
    tools: Annotated[tuple[OfferedTool, ...], Field(max_length=MAX_TOOLS)]


class Checked(Strict):
    """Answer `Check`."""

    result: Literal["checked"] = "checked"
    works: bool
    detail: Text


class Failed(Strict):
    """Answer any request that came to nothing."""

    result: Literal["failed"] = "failed"
    failure: Failure


Answer = Observed | Looked | Surveyed | Offered | Checked | Failed


class Answered(Strict):
    """Send an answer back."""

    attempt: Annotated[int, Field(ge=1, le=1000)]
    instance: UUID
    answer: Annotated[Answer, Field(discriminator="result")]


class Misspoken(ValueError):
    """Say what in a message is not of the protocol; the text names fields, never values."""


Message = TypeVar("Message", bound=Strict)


def read(message: type[Message], body: bytes) -> Message:
    """Return the message in a body.

    :raises Misspoken: where it is anything else.
    """
    try:
        return message.model_validate_json(body)
    except ValidationError as wrong:
        raise Misspoken(told(wrong)) from None


def read_request(value: Any) -> Request:
    """Return the request that a value holds.

    :raises Misspoken: where it is outside of the types.
    """
    try:
        return REQUEST.validate_python(value)
    except ValidationError as wrong:
        raise Misspoken(told(wrong)) from None


def told(wrong: ValidationError) -> str:
    """Return what is wrong in a few words, without what was sent."""
    problems = wrong.errors(include_input=False, include_url=False, include_context=False)[:3]
    return "; ".join(f"{'.'.join(map(str, each['loc'])) or 'message'}: {each['msg']}" for each in problems)[:500]


def asked_scope(scope: Scope) -> AskedScope:
    """Return a scope as it is sent; what is longer than the protocol carries is cut."""
    return AskedScope(
        service=_asked_service(scope.service) if scope.service else None,
        neighbours=tuple(_asked_service(one) for one in scope.neighbours[:64]),
        alert_title=scope.alert_title[:2000],
        alert_labels={key[:300]: value[:2000] for key, value in list(scope.alert_labels.items())[:100]},
        external_url=scope.external_url[:2000],
        dedupe_key=scope.dedupe_key[:300],
    )


def asked_window(window: Window) -> AskedWindow:
    """Return a window as it is sent."""
    return AskedWindow(**asdict(window))


def _asked_service(service: ServiceScope) -> AskedService:
    # A selector that is cut would select something else. Folders of a repository say nothing to what an agent reaches.
    given = {key: value for key, value in asdict(service).items() if key != "paths"}
    return AskedService(**{key: value if key == "selector" else value[:300] for key, value in given.items()})
