"""What can be refused: by Slack's Web API in Slack's words, and by our local routes in plain ones."""

from typing import Any


class SlackError(Exception):
    """Refuse a Web API call with one of Slack's error codes."""

    def __init__(self, code: str, *, messages: list[str] | None = None, **extra: object) -> None:
        super().__init__(code)
        self.code = code
        self.messages = messages or []
        self.extra = extra

    def body(self) -> dict[str, Any]:
        """Return the JSON that Slack would answer."""
        answer: dict[str, Any] = {"ok": False, "error": self.code, **self.extra}
        if self.messages:
            answer["errors"] = self.messages
            answer["response_metadata"] = {"messages": [f"[ERROR] {message}" for message in self.messages]}
        return answer


class LocalError(Exception):
    """Refuse a call of a local route; names the field that was wrong."""

    def __init__(self, message: str, *, field: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.status = status

    def body(self) -> dict[str, Any]:
        """Return the JSON that the route answers."""
        return {"ok": False, "error": self.message, "field": self.field}
