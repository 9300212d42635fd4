"""GitHub's published JSON Schema of its webhooks, both ways: our fixtures keep to it, and whatever keeps to it is read."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from integrations.base import BadPayload, Event, EventKind, Inbound
from integrations.github import GitHub
from tests.integrations.schema_samples import Sampler
from tests.integrations.test_contract import check_event

FIXTURES = Path(__file__).parent / "fixtures" / "github"
RECEIVED = 1_795_170_000.0
GITHUB = GitHub()
OURS = {
    "deployment_status": "deployment_status$created",
    "pull_request.closed": "pull_request$closed",
    "release.published": "release$published",
}
READ = ("deployment$created", "deployment_status$created", "pull_request$closed", "release$published")

if TYPE_CHECKING:
    from collections.abc import Mapping


@pytest.fixture(scope="module")
def schema(shared: Path) -> Mapping[str, Any]:
    found: dict[str, Any] = json.loads((shared / "vendor/specs/github-webhooks-jsonschema.json").read_text())
    return found


def keeps_to(schema: Mapping[str, Any], name: str, payload: object) -> None:
    # An empty address is told from a real one by its format alone.
    formats = jsonschema.FormatChecker(formats=())
    formats.checks("uri")(lambda value: not isinstance(value, str) or value.startswith("http"))
    whole = {"$ref": f"#/definitions/{name}", "definitions": schema["definitions"]}
    jsonschema.Draft7Validator(whole, format_checker=formats).validate(payload)


def parse(name: str, payload: object) -> Event:
    headers = {"x-github-event": name.partition("$")[0].removesuffix("_event")}
    (event,) = GITHUB.parse(Inbound(headers, json.dumps(payload).encode(), RECEIVED))
    return event


@pytest.mark.parametrize("fixture", OURS)
def test_every_field_of_our_fixtures_is_one_of_githubs(fixture: str, schema: Mapping[str, Any]) -> None:
    """Fixtures hold what is read alone; completed with the rest of the fields, they are GitHub's own webhooks."""
    name = OURS[fixture]
    given = json.loads((FIXTURES / f"{fixture}.json").read_text())
    whole = Sampler(schema, Random(1)).completed(name, given)

    keeps_to(schema, name, whole)
    short, long = parse(name, given), parse(name, whole)
    assert (long.kind, long.dedupe_key, long.change and long.change.key) == (
        EventKind.CHANGE, short.dedupe_key, short.change and short.change.key,
    )  # fmt: skip

    with pytest.raises(jsonschema.ValidationError):
        keeps_to(schema, name, {**whole, "no_field_of_github": 1})


@pytest.mark.parametrize("name", READ)
def test_whatever_keeps_to_the_schema_of_a_change_is_read(name: str, schema: Mapping[str, Any]) -> None:
    kinds: set[EventKind] = set()
    for seed in range(40):
        payload = Sampler(schema, Random(seed)).of(name)
        if seed < 3:
            keeps_to(schema, name, payload)
        try:
            event = parse(name, payload)
        except BadPayload as error:
            # An empty or endless name or tag keeps to the schema, and names nothing.
            assert "must be a non-empty text" in str(error) or "characters long" in str(error)  # noqa: PT017
            continue
        check_event(GITHUB, event)
        kinds.add(event.kind)
    assert EventKind.CHANGE in kinds


def test_every_other_webhook_of_github_is_passed_over_with_a_reason(schema: Mapping[str, Any]) -> None:
    names = [one["$ref"].rpartition("/")[2] for one in schema["oneOf"]]
    others = [name for name in names if name.removesuffix("_event") not in {one.partition("$")[0] for one in READ}]
    assert len(others) > 50
    for name in others:
        event = parse(name, Sampler(schema, Random(7)).of(name))
        check_event(GITHUB, event)
        assert event.kind is EventKind.IGNORED
