"""Make a Web API method fail on purpose, so that an app's handling of rate limits and revoked tokens can be tried."""

from dataclasses import dataclass

from slackbot.local.errors import LocalError
from slackbot.local.model import Json


@dataclass
class Fault:
    """The next `times` calls of a method (`*` is any) answer this error."""

    method: str
    error: str
    times: int
    retry_after: int
    team: str


class Faults:
    """The faults that are still to come."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def plan(self, body: Json, *, team: str) -> Fault:
        """Plan a fault from what a local route was sent.

        :raises LocalError: the error code is missing, or a number is not one.
        """
        error = body.get("error")
        if not isinstance(error, str) or not error:
            raise LocalError("error: name the Slack error to answer, such as ratelimited", field="error")
        times, retry_after = body.get("times", 1), body.get("retry_after", 1)
        for name, value in (("times", times), ("retry_after", retry_after)):
            if not isinstance(value, int) or value < 0:
                raise LocalError(f"{name}: {value!r} is not a whole number", field=name)
        fault = Fault(method=str(body.get("method", "*")), error=error, times=times, retry_after=retry_after, team=team)
        self._waiting.append(fault)
        return fault

    def due(self, method: str, *, team: str) -> Fault | None:
        """Return the fault this call runs into, and count it down."""
        for fault in self._waiting:
            if fault.team == team and fault.method in (method, "*") and fault.times > 0:
                fault.times -= 1
                return fault
        self._waiting = [fault for fault in self._waiting if fault.times > 0]
        return None

    def clear(self) -> None:
        """Forget all planned faults."""
        self._waiting.clear()
