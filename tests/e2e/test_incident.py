"""A page becomes a thread, people judge it, and the next page like it is weighed with what they said.

The story is played once on the demo's recording (any machine, no model) and once against a real Prometheus, a real
kube-apiserver read by the ServiceAccount of `k8s/rbac.yaml`, and a stand-in for Claude that others wrote.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.e2e import sources
from tests.e2e.customer import TITLE, Customer, Message, join, post_ids, words
from tests.servers.aimock import AiMock, answers
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.e2e.stack import Stack
    from tests.servers.otlp import Collector, Span

pytestmark = [pytest.mark.xdist_group("e2e"), pytest.mark.slow]

MODEL = "claude-sonnet-5-5"
SAID = "The new release left payments with too few database connections, so that requests wait for one"
FACTORS = ["signal strength", "temporal correlation", "precedent frequency", "evidence quality", "human validation"]


@dataclass(frozen=True)
class Story:
    """What was seen at each step."""

    customer: Customer
    has_model: bool
    pagerduty_id: str
    first: dict[str, Any]
    root: Message
    thread: list[Message]
    thumbed: Message
    confirmed: Message
    acknowledged: Message
    resolved: Message
    end_of_thread: list[Message]
    second: dict[str, Any]
    second_root: Message
    rescored: list[dict[str, Any]]
    deploys: list[httpx.Response]
    model_calls: list[dict[str, Any]]


# Settings of their own are a stack of its own, which may as well be another worker's: one group for each of them.
@pytest.fixture(scope="module", params=["replayed", pytest.param("real", marks=pytest.mark.xdist_group("e2e-model"))])
def story(
    request: pytest.FixtureRequest, start_stack: Callable[..., Stack], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    """Play the whole story and keep what was seen."""
    if request.param == "replayed":
        with sources.replaying() as replay:
            yield play(start_stack(), replay.sources, None)
        return
    start = request.getfixturevalue("start_prometheus")
    claude = request.getfixturevalue("aimock_server")
    shop = sources.real(
        request.getfixturevalue("control_plane"),
        request.getfixturevalue("kubelet"),
        start,
        tmp_path_factory.mktemp("cluster"),
    )
    stack = start_stack(ANTHROPIC_API_KEY="sk-ant-of-a-test", ANTHROPIC_BASE_URL=claude.base_url)
    yield play(stack, shop, claude)


def play(stack: Stack, shop: sources.Sources, claude: AiMock | None) -> Story:
    customer = join(stack, "acme", *shop.connections, ("deploys",), services=sources.services())
    deploys = [customer.tell_of_deploy(deploy, alert_at=shop.alert_at) for deploy in sources.SHOP.deploys]

    first_page = paged(customer, claude, created_at=shop.alert_at)
    first = stack.incident("acme", 1)
    (root,) = customer.roots(1)
    thread = customer.thread(root)

    press(customer, root, "verdict_up", rank=1, person="alice")
    thumbed = the_root(customer, 1)
    press(customer, root, "confirm", rank=1, person="bob")
    confirmed = the_root(customer, 1)

    acknowledged = moved(customer, first_page, "incident.acknowledged", "Acknowledged", created_at=shop.alert_at)
    resolved = moved(customer, first_page, "incident.resolved", "Resolved", created_at=shop.alert_at)
    customer.wait_until_shown(first_page)

    paged(customer, claude, created_at=shop.alert_at + 20)
    (second_root,) = customer.roots(2)
    return Story(
        customer=customer,
        has_model=claude is not None,
        pagerduty_id=first_page,
        first=first,
        root=root,
        thread=thread,
        thumbed=thumbed,
        confirmed=confirmed,
        acknowledged=acknowledged,
        resolved=resolved,
        end_of_thread=customer.thread(root),
        second=stack.incident("acme", 2),
        second_root=second_root,
        rescored=[
            said.json
            for said in stack.copilot(
                ["incident", "rescore", "acme", 1, "--json"], ["incident", "rescore", "acme", 2, "--json"]
            )
        ],
        deploys=deploys,
        model_calls=stack.rows(
            "SELECT i.number, c.model, c.outcome, c.input_tokens, c.output_tokens, c.dollars FROM copilot_modelcall c"
            " JOIN copilot_run r ON r.id = c.run_id JOIN copilot_incident i ON i.id = r.incident_id JOIN copilot_tenant t ON t.id = c.tenant_id"
            " WHERE t.slug = 'acme' ORDER BY c.id"
        ),
    )


def paged(customer: Customer, claude: AiMock | None, *, created_at: float) -> str:
    """Page, and let the model answer with what it was really shown; return PagerDuty's id when all is shown."""
    if claude is None:
        pagerduty_id = customer.page(created_at=created_at)
    else:
        # The run waits where the model would be asked, until the stand-in knows an answer that cites this very run.
        with customer.stack.held("copilot_run", "OLD.stage = 'propose' AND NEW.attempt > OLD.attempt") as gate:
            pagerduty_id = customer.page(created_at=created_at)
            gate.wait_until_reached()
            claude.load(answers({"hypotheses": [proposal(customer, pagerduty_id)]}, tokens=(2000, 100)))
    customer.wait_until_shown(pagerduty_id)
    return pagerduty_id


def proposal(customer: Customer, pagerduty_id: str) -> dict[str, Any]:
    """A hypothesis about payments that cites the run's own evidence on its connections."""
    incident = customer.incident(pagerduty_id)
    assert incident is not None
    cited = customer.stack.rows(
        "SELECT reference FROM copilot_evidence WHERE run_id = %s AND service = 'payments'"
        " AND indicator IN ('queue_depth', 'connection_wait', 'pool_utilisation') ORDER BY position",
        incident["run_id"],
    )
    assert cited
    return {
        "entity": "service/payments",
        "cause_kind": "connection saturation",
        "statement": SAID,
        "evidence_for": [row["reference"] for row in cited],
        "evidence_against": [],
        "next_check": "Compare the size of the pool before and after the release",
    }


def button(message: Message, action_id: str, *, rank: int) -> dict[str, Any]:
    """Return a button under the hypothesis of a rank, with the id of its block."""
    blocks = [one for one in message["blocks"] if str(one.get("block_id", "")).startswith("hypothesis:")]
    block = blocks[rank - 1]
    (element,) = [one for one in block["elements"] if one["action_id"] == action_id]
    return {**element, "block_id": block["block_id"]}


def press(customer: Customer, root: Message, action_id: str, *, rank: int, person: str) -> None:
    wanted = button(root, action_id, rank=rank)
    customer.act(
        "click",
        person=person,
        channel="incidents",
        ts=root["ts"],
        action_id=action_id,
        block_id=wanted["block_id"],
    )


def the_root(customer: Customer, number: int) -> Message:
    (root,) = customer.roots(number)
    return root


def moved(customer: Customer, pagerduty_id: str, event_type: str, word: str, *, created_at: float) -> Message:
    """Send a later event of the incident and return its message once it says so."""
    customer.page(event_type, incident=pagerduty_id, created_at=created_at)

    def there() -> Message | None:
        root = the_root(customer, 1)
        return root if f"*{word}*" in words(root) else None

    root: Message = until(there, what=f"the message to say {word}")
    return root


def factor(shown: dict[str, Any], name: str, *, rank: int = 1) -> dict[str, Any]:
    (found,) = [one for one in shown["hypotheses"][rank - 1]["factors"] if one["name"] == name]
    return dict(found)


def bars(message: Message, *, rank: int) -> dict[str, str]:
    """Return the factors of a hypothesis as the card shows them, by their short names."""
    lines = [line for line in words(message).splitlines() if line.startswith(("signal ▰", "signal ▱"))]
    pairs = [part.split(" ") for part in lines[rank - 1].split("  ·  ")[:5]]
    return {pair[0]: pair[1] for pair in pairs}


# The page ------------------------------------------------------------------------------------------------------------


def test_a_signed_page_becomes_one_message_in_the_services_channel(story: Story) -> None:
    assert len(story.customer.messages()) == 2  # one for each of the two incidents, and nothing else
    assert f"INC-1 · checkout · {TITLE}" in words(story.root)


def test_every_source_answered_and_is_named(story: Story) -> None:
    assert [(one["name"], one["status"]) for one in story.first["sources"]] == [
        ("Kubernetes", "answered"),
        ("Prometheus", "answered"),
    ]
    assert story.first["sources_without_answer"] == []
    assert "asked Kubernetes, Prometheus" in words(story.root)


def test_payments_is_named_first_although_checkout_is_the_loudest(story: Story) -> None:
    causes = [(one["service"], one["rank"]) for one in story.first["hypotheses"]]

    assert causes[0] == ("payments", 1)
    assert story.first["service"] == "checkout"
    assert story.first["verdict"] == "likely cause"
    assert "Likely cause" in words(story.root)
    assert "payments 2.14.0" in words(story.root)


def test_the_innocent_deployment_is_weighed_and_found_light(story: Story) -> None:
    assert any(line.startswith("catalog") for line in story.first["weighed_light"])
    assert "Weighed and found light: catalog" in words(story.root)
    assert [one["service"] for one in story.first["hypotheses"][:3]].count("catalog") == 0


def test_what_a_ci_told_is_the_same_change_that_the_cluster_shows(story: Story) -> None:
    assert [answer.status_code for answer in story.deploys] == [202, 202]
    changes = [one for one in story.first["evidence"] if one["kind"] == "change"]
    told = sorted({(one["entity"]["name"], one["source"]) for one in changes})
    assert told == [
        ("catalog", "deploys"),
        ("catalog", "kubernetes"),
        ("payments", "deploys"),
        ("payments", "kubernetes"),
    ]
    # Once as a change, once as a cause.
    assert words({"blocks": story.root["blocks"]}).count("payments 2.14.0 deployed") == 2


def test_the_thread_holds_the_evidence_and_the_charts_once(story: Story) -> None:
    ids = post_ids([story.root, *story.thread])

    assert len(ids) == len(set(ids))
    assert sum("pieces of evidence" in words(one) for one in story.thread) == 1
    charts = [one for one in story.thread if one.get("files")]
    assert 1 <= len(charts) <= 3
    assert len(story.thread) == 1 + len(charts)


def test_every_hypothesis_cites_evidence_that_is_there(story: Story) -> None:
    known = {one["id"] for one in story.first["evidence"]}

    for one in story.first["hypotheses"]:
        assert one["supporting"]
        assert {*one["supporting"], *one["contradicting"]} <= known
        assert [factor["name"] for factor in one["factors"]] == FACTORS
        assert 0 <= one["low"] <= one["confidence"] <= one["high"] <= 1


def test_the_stages_follow_one_another(story: Story) -> None:
    assert [one["stage"] for one in story.first["stages"]] == ["open", "gather", "propose", "rank", "post"]
    starts = [one["started_at"] for one in story.first["stages"]]
    assert starts == sorted(starts)


# The model -----------------------------------------------------------------------------------------------------------


def test_what_the_model_proposed_is_weighed_beside_the_rules_and_marked(story: Story) -> None:
    proposed = [one for one in story.first["hypotheses"] if one["origin"] == "model"]

    if not story.has_model:
        assert proposed == []
        assert story.first["model_note"] == "no ANTHROPIC_API_KEY"
        assert "rules only: no ANTHROPIC_API_KEY" in words(story.root)
        return
    assert [(one["statement"], one["service"], one["cause_kind"]) for one in proposed] == [
        (SAID, "payments", "connection saturation")
    ]
    assert SAID in words(story.root)
    assert "proposed by the model" in words(story.root)
    assert story.first["model_note"] == ""


def test_what_the_model_cost_is_in_a_row_and_on_the_card(story: Story) -> None:
    calls = [tuple(row.values()) for row in story.model_calls]

    if not story.has_model:
        assert calls == []
        return
    # 2,000 tokens at $3 and 100 at $15 per million.
    assert [(*call[:5], float(call[5])) for call in calls] == [
        (1, MODEL, "end_turn", 2000, 100, 0.0075),
        (2, MODEL, "end_turn", 2000, 100, 0.0075),
    ]
    assert f"{MODEL} $0.007" in words(story.root) or f"{MODEL} $0.008" in words(story.root)
    assert float(story.first["dollars"]) == 0.0075


# The people ----------------------------------------------------------------------------------------------------------


def test_a_verdict_is_in_the_message_at_once(story: Story) -> None:
    assert button(story.root, "verdict_up", rank=1)["text"]["text"] == "👍"
    assert button(story.thumbed, "verdict_up", rank=1)["text"]["text"] == "👍 1"
    # The second is folded into a line and has none.
    assert words(story.thumbed).count("👍 1") == 1
    assert story.thumbed["ts"] == story.root["ts"]


def test_the_confirmed_cause_is_in_the_message_at_once(story: Story) -> None:
    assert button(story.root, "confirm", rank=1)["text"]["text"] == "This was it"
    assert button(story.confirmed, "confirm", rank=1)["text"]["text"] == "✓ This was it"
    assert "Cause confirmed" in words(story.confirmed)
    assert story.confirmed["text"].startswith("INC-1 checkout: cause confirmed: ")


def test_acknowledging_and_resolving_at_pagerduty_edit_the_same_message(story: Story) -> None:
    assert story.acknowledged["ts"] == story.resolved["ts"] == story.root["ts"]
    assert "Alice Nguyen is on it" in words(story.acknowledged)
    assert "resolved by Alice Nguyen" in words(story.resolved)
    assert words(story.resolved).startswith("INC-1 checkout: cause confirmed")


def test_the_end_is_told_once_in_the_thread_and_the_post_mortem_draft_follows(story: Story) -> None:
    told = [one for one in story.end_of_thread if "INC-1 resolved" in words(one)]

    assert len(told) == 1
    assert "Cause: " in words(told[0])
    (drafted,) = [one for one in story.end_of_thread if "post-mortem draft" in str(one.get("files"))]
    assert drafted["ts"] > told[0]["ts"]
    assert len(story.end_of_thread) == len(story.thread) + 2


# The next time -------------------------------------------------------------------------------------------------------


def test_the_next_page_of_this_kind_is_an_incident_of_its_own(story: Story) -> None:
    assert story.second["number"] == 2
    assert story.second_root["ts"] > story.root["ts"]
    assert story.second["hypotheses"][0]["service"] == "payments"
    assert story.second["hypotheses"][0]["cause_kind"] == story.first["hypotheses"][0]["cause_kind"]


def test_a_confirmed_cause_raises_precedent_frequency_the_next_time(story: Story) -> None:
    before, after = (factor(one, "precedent frequency") for one in (story.first, story.second))

    assert before["reason"].startswith("no similar past incident")
    assert after["reason"] == "the cause in 1 of 1 similar past incidents"
    assert after["value"] > before["value"]
    assert (after["low"] > before["low"], after["high"] > before["high"]) == (True, True)


def test_a_verdict_raises_human_validation_the_next_time(story: Story) -> None:
    before, after = (factor(one, "human validation") for one in (story.first, story.second))

    assert before["value"] == 0.5
    assert before["reason"] == "nobody had judged such a cause before"
    # One 👍 and one "this was it".
    assert after["reason"] == "people accepted this cause at payments 2 of 2 times"
    assert after["value"] > before["value"]
    assert after["low"] > before["low"]


def test_the_first_hypothesis_is_surer_the_next_time_and_the_others_are_not(story: Story) -> None:
    first, second = story.first["hypotheses"], story.second["hypotheses"]

    assert second[0]["confidence"] > first[0]["confidence"]
    assert second[0]["low"] > first[0]["low"]
    causes = {(one["service"], one["cause_kind"]): one for one in first[1:]}
    for other in second[1:]:
        was = causes.get((other["service"], other["cause_kind"]))
        if was is not None:
            (now,) = [one for one in other["factors"] if one["name"] == "precedent frequency"]
            (then,) = [one for one in was["factors"] if one["name"] == "precedent frequency"]
            assert now["value"] < then["value"]


def test_the_card_shows_the_moved_factors(story: Story) -> None:
    before, after = bars(story.root, rank=1), bars(story.second_root, rank=1)

    for message, shown, drawn in ((story.root, story.first, before), (story.second_root, story.second, after)):
        first = shown["hypotheses"][0]
        assert f"{first['low']:.2f}–{first['high']:.2f}" in words(message)
        assert drawn == {
            short: "▰" * marks + "▱" * (5 - marks)
            for short, name in zip(("signal", "timing", "precedent", "evidence", "people"), FACTORS, strict=True)
            for marks in [int(factor(shown, name)["value"] * 5 + 0.5)]
        }
    assert after["people"].count("▰") > before["people"].count("▰")
    assert after["precedent"].count("▰") >= before["precedent"].count("▰")


def test_the_next_thread_says_what_it_was_the_last_time(story: Story) -> None:
    (seen,) = [one for one in story.customer.thread(story.second_root) if "Seen before" in words(one)]

    assert "INC-1" in words(seen)
    assert story.first["hypotheses"][0]["statement"][:100] in words(seen)
    assert [one["number"] for one in story.second["similar"]] == [1]


def test_rescoring_gives_equal_bytes(story: Story) -> None:
    assert [one["equal"] for one in story.rescored] == [True, True]


def test_a_verdict_can_be_taken_back(story: Story) -> None:
    """Last, as it changes what the story showed."""
    press(story.customer, story.root, "verdict_up", rank=1, person="alice")

    assert button(the_root(story.customer, 1), "verdict_up", rank=1)["text"]["text"] == "👍"


def test_one_trace_leads_from_the_webhook_to_the_post_in_slack(story: Story, collector: Collector) -> None:
    (run,) = story.customer.stack.rows(
        "SELECT r.id FROM copilot_run r JOIN copilot_incident i ON i.id = r.incident_id"
        " WHERE i.dedupe_key = %s AND r.sequence = 1",
        story.pagerduty_id,
    )

    def whole() -> list[Span]:
        """Each process sends its spans when it likes: what a span stands under may come after it."""
        found = collector.trace_of(str(run["id"]))
        known = {"", *(one.id for one in found)}
        is_there = "stage post" in {one.name for one in found} and all(one.parent in known for one in found)
        return found if is_there else []

    spans = until(whole, what="the trace")
    by_id = {one.id: one for one in spans}
    pairs = {(one.name, by_id[one.parent].name if one.parent else "") for one in spans}
    stages = {f"stage {name}" for name in ("open", "gather", "propose", "rank", "post")}

    assert len({one.trace for one in spans}) == 1
    assert {below for below, above in pairs if not above} == {"webhook"}
    assert {("ingest", "webhook"), *((stage, "ingest") for stage in stages)} <= pairs
    assert {("source prometheus", "stage gather"), ("source kubernetes", "stage gather")} <= pairs
    # Whoever was first: the run's own stage, or another process that was hinted to show it.
    assert {("slack chat.postMessage", "publish"), ("slack chat.update", "publish")} <= pairs
    assert {above for below, above in pairs if below == "publish"} <= {"ingest", *stages}
    assert ((f"chat {MODEL}", "stage propose") in pairs) is story.has_model
    # No tenant, no text from outside.
    assert not [one for one in spans if "acme" in str(one.attributes) or TITLE in str(one.attributes)]
