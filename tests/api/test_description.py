"""The description of the API: served, kept beside the code, and true to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot.models import Scope
from copilot.web.api import application
from copilot.web.api.__main__ import described

if TYPE_CHECKING:
    from starlette.testclient import TestClient

KEPT = Path(__file__).parents[2] / "docs" / "api" / "openapi.json"


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    schema = application.make().openapi()
    return [(method, path, one) for path, item in schema["paths"].items() for method, one in item.items()]


def test_the_kept_description_is_todays() -> None:
    assert KEPT.read_text(encoding="utf-8") == described(application.make().openapi()), "run `make openapi`"


def test_it_is_served_without_a_token(http: TestClient) -> None:
    answer = http.get("/api/v1/openapi.json")

    assert answer.status_code == 200
    assert answer.json() == application.make().openapi()
    assert answer.json()["servers"] == [{"url": "/api/v1"}]


def test_every_operation_names_its_scope_its_refusals_and_itself() -> None:
    names = set()
    for method, path, one in operations():
        assert one["x-scope"] in Scope.values, (method, path)
        assert one["security"] == [{"token": [one["x-scope"]]}]
        assert {"401", "403", "404", "422", "429"} <= set(one["responses"])
        for status in (status for status in one["responses"] if status >= "400"):
            assert list(one["responses"][status]["content"]) == ["application/problem+json"], (method, path, status)
        if method != "get":
            assert not one["x-scope"].endswith(":read"), (method, path)
        names.add(one["operationId"])
    assert len(names) == len(operations())
