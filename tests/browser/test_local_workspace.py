"""The local workspace's page, as a person uses it in a browser: reads, presses, types, fills in."""

import base64
import re
import time
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from slackbot.local.testing import Json, Received, ReceivingApp, Team

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def button(text: str, action_id: str, **more: Any) -> Json:
    return {"type": "button", "action_id": action_id, "value": "h1", "text": plain(text), **more}


def incident(team: Team, status: str = "not confirmed") -> list[Json]:
    since = int(time.time()) - 360
    owner, channel = team.user_id("alice"), team.channel_id("incidents")
    return [
        {"type": "header", "text": plain(":red_circle: INC-42 · checkout")},
        {
            "type": "section",
            "fields": [
                {"type": "mrkdwn", "text": f"*Since*\n<!date^{since}^{{time}}|earlier>"},
                {"type": "mrkdwn", "text": f"*Owner*\n<@{owner}> in <#{channel}>"},
            ],
        },
        {"type": "section", "text": {"type": "mrkdwn", "text": f"*payments* shrank its pool: `50` to `5`, _{status}_"}},
        {
            "type": "context",
            "elements": [{"type": "mrkdwn", "text": "<https://example.com/812|#812> :unknown_emoji: &lt;b&gt;"}],
        },
        {
            "type": "context_actions",
            "elements": [
                {
                    "type": "feedback_buttons",
                    "action_id": "vote",
                    "positive_button": {"text": plain("Helpful"), "value": "up"},
                    "negative_button": {"text": plain("Not it"), "value": "down"},
                }
            ],
        },
        {
            "type": "actions",
            "elements": [
                button("This was it", "confirm", style="primary"),
                button("Why?", "why"),
                button(
                    "Mute 1 h",
                    "mute",
                    confirm={"title": plain("Mute INC-42?"), "text": plain("No updates"), "confirm": plain("Mute")},
                ),
                {"type": "overflow", "action_id": "more", "options": [{"text": plain("Runbook"), "value": "runbook"}]},
            ],
        },
    ]


WHY: Json = {
    "type": "modal",
    "callback_id": "why",
    "title": plain("Why payments?"),
    "submit": plain("Send"),
    "blocks": [
        {"type": "section", "text": {"type": "mrkdwn", "text": "Score *0.79*"}},
        {
            "type": "input",
            "block_id": "reason",
            "label": plain("What is wrong with it?"),
            "element": {
                "type": "radio_buttons",
                "action_id": "reason",
                "options": [
                    {"text": plain("Wrong service"), "value": "service"},
                    {"text": plain("Only a symptom"), "value": "symptom"},
                ],
            },
        },
        {
            "type": "input",
            "block_id": "words",
            "label": plain("In your words"),
            "element": {"type": "plain_text_input", "action_id": "words", "multiline": True},
        },
    ],
}


@pytest.fixture
def posted(team: Team) -> str:
    return str(team.client.chat_postMessage(channel="#incidents", text="INC-42", blocks=incident(team))["ts"])


@pytest.fixture
def channel(page: Page, team: Team, posted: str) -> Page:
    page.goto(team.page(channel="incidents", **{"as": "alice"}))
    expect(page.locator("#messages .message")).to_have_count(1)
    return page


def test_a_person_reads_the_channel_as_block_kit_looks(channel: Page) -> None:
    message = channel.locator("#messages .message")
    expect(message.locator("h2.header")).to_have_text("INC-42 · checkout")
    expect(message.locator("h2.header .emoji")).to_have_attribute("aria-label", "red_circle")
    expect(message.get_by_text("payments", exact=True)).to_have_css("font-weight", "700")
    expect(message.locator("code").first).to_have_text("50")
    expect(message.locator("em")).to_have_text("not confirmed")
    expect(message.locator("time.date")).to_have_text(re.compile(r"^\d\d:\d\d$"))
    expect(message.locator(".mention")).to_have_text(["@alice", "#incidents"])
    expect(message.get_by_role("link", name="#812")).to_have_attribute("href", "https://example.com/812")
    expect(message.locator(".context")).to_contain_text(":unknown_emoji: <b>")
    expect(message.get_by_role("button", name="Helpful")).to_be_visible()


def test_a_pressed_button_changes_the_message_and_marks_it_edited(
    channel: Page, team: Team, app: ReceivingApp, posted: str
) -> None:
    def confirm(received: Received) -> tuple[int, str]:
        body = received.body
        team.client.chat_update(
            channel=body["channel"]["id"],
            ts=body["message"]["ts"],
            text="INC-42",
            blocks=incident(team, f"confirmed by {body['user']['name']}"),
        )
        return 200, ""

    app.on("block_actions", confirm)
    channel.get_by_role("button", name="This was it").click()
    expect(channel.locator("#messages .message em")).to_have_text("confirmed by alice")
    expect(channel.locator("#messages .edited")).to_have_text("(edited)")
    assert app.of("block_actions")[0].genuine
    assert app.of("block_actions")[0].body["actions"][0]["value"] == "h1"


def test_feedback_confirmation_and_the_overflow_menu_send_what_was_chosen(channel: Page, app: ReceivingApp) -> None:
    channel.get_by_role("button", name="Not it").click()
    app.wait_for("block_actions")
    channel.get_by_role("button", name="Mute 1 h").click()
    channel.get_by_role("dialog").get_by_role("button", name="Mute").click()
    app.wait_for("block_actions", count=2)
    channel.get_by_role("button", name="More").click()
    channel.get_by_role("menuitem", name="Runbook").click()
    chosen = [received.body["actions"][0] for received in app.wait_for("block_actions", count=3)]
    assert [(action["action_id"], action.get("value")) for action in chosen] == [
        ("vote", "down"),
        ("mute", "h1"),
        ("more", None),
    ]
    assert chosen[2]["selected_option"]["value"] == "runbook"


def test_the_thread_opens_beside_the_channel_and_takes_replies(
    channel: Page, team: Team, app: ReceivingApp, posted: str
) -> None:
    team.client.chat_postMessage(
        channel="#incidents",
        thread_ts=posted,
        text="evidence",
        blocks=[{"type": "markdown", "text": "### E3\n\n| a | b |\n|--|--:|\n| x | 1 |"}],
    )
    team.client.files_upload_v2(
        channel=team.channel_id("incidents"),
        thread_ts=posted,
        content=PIXEL,
        filename="p95.png",
        title="p95",
        alt_txt="rises at 14:01",
    )
    channel.get_by_role("button", name="2 replies").click()
    thread = channel.locator("#replies")
    expect(thread.locator(".md-heading")).to_have_text("E3")
    expect(thread.locator("td.align-right")).to_have_text("1")
    expect(thread.get_by_alt_text("rises at 14:01")).to_be_visible()
    # Seen before it is loaded: the pixel has a size once it is.
    expect(thread.get_by_alt_text("rises at 14:01")).to_have_js_property("naturalWidth", 1)
    channel.get_by_role("textbox", name="Reply in this thread").fill("rolling *back* <b>now</b>")
    channel.keyboard.press("Enter")
    expect(thread.locator(".message").last).to_contain_text("rolling back <b>now</b>")
    expect(channel.locator("#messages .thread-link")).to_contain_text("3 replies")
    assert app.wait_for("message")[0].body["event"]["thread_ts"] == posted
    assert f"thread={posted}" in channel.url


def test_a_typed_command_is_answered_for_that_person_only(channel: Page, app: ReceivingApp) -> None:
    app.on("slash", (200, {"text": "*1* open incident"}))
    channel.get_by_role("textbox", name="Message #incidents").fill("/sre status")
    channel.keyboard.press("Enter")
    answer = channel.locator("#messages .message.ephemeral")
    expect(answer).to_contain_text("Only visible to you")
    expect(answer).to_contain_text("1 open incident")
    assert [app.of("slash")[0].body[name] for name in ("command", "text")] == ["/sre", "status"]
    channel.get_by_label("You are").select_option("bob")
    expect(channel.locator("#messages .message.ephemeral")).to_have_count(0)
    expect(channel.locator("#messages .message")).to_have_count(1)


def test_a_modal_is_filled_in_corrected_and_submitted(channel: Page, team: Team, app: ReceivingApp) -> None:
    def why(received: Received) -> tuple[int, str]:
        team.client.views_open(trigger_id=received.body["trigger_id"], view=WHY)
        return 200, ""

    answers = iter([(200, {"response_action": "errors", "errors": {"words": "Say which change"}}), (200, "")])
    app.on("block_actions", why)
    app.on("view_submission", lambda _received: next(answers))
    channel.get_by_role("button", name="Why?").click()
    modal = channel.get_by_role("dialog", name="Why payments?")
    modal.get_by_role("button", name="Send").click()
    expect(modal.get_by_role("alert")).to_have_text(["Please complete this required field."] * 2)
    modal.get_by_label("Only a symptom").check()
    modal.locator("textarea").fill("the pool")
    modal.get_by_role("button", name="Send").click()
    expect(modal.get_by_role("alert")).to_have_text(["Say which change"])
    expect(modal.locator("textarea")).to_have_value("the pool")
    modal.locator("textarea").fill("#812, the pool")
    modal.get_by_role("button", name="Send").click()
    expect(modal).to_be_hidden()
    values = app.of("view_submission")[-1].body["view"]["state"]["values"]
    assert values["reason"]["reason"]["selected_option"]["value"] == "symptom"
    assert values["words"]["words"]["value"] == "#812, the pool"


def test_what_the_app_does_is_seen_without_reloading(channel: Page, team: Team) -> None:
    team.client.chat_postMessage(channel="#incidents", text="resolved :white_check_mark:")
    expect(channel.locator("#messages .message")).to_have_count(2)
    team.client.chat_postMessage(channel="#general", text="all well")
    expect(channel.get_by_role("button", name="general")).to_have_class(re.compile("unread"))


def test_the_home_tab_shows_what_the_app_published_for_this_person(page: Page, team: Team, app: ReceivingApp) -> None:
    def publish(received: Received) -> tuple[int, str]:
        view = {"type": "home", "blocks": [{"type": "header", "text": plain("Your open incidents")}, incident(team)[5]]}
        team.client.views_publish(user_id=received.body["event"]["user"], view=view)
        return 200, ""

    app.on("app_home_opened", publish)
    page.goto(team.page())
    page.get_by_role("button", name="SRE Copilot").click()
    expect(page.locator(".home-body h2")).to_have_text("Your open incidents")
    page.get_by_role("button", name="This was it").click()
    assert app.wait_for("block_actions")[0].body["container"]["type"] == "view"


def test_a_text_full_of_markup_stays_text(page: Page, team: Team) -> None:
    nasty = "<img src=x onerror=alert(1)> <https://x.example/|<b>bold</b>> <javascript:alert(1)|press> &lt;script&gt;"
    team.client.chat_postMessage(
        channel="#general", text="x", blocks=[{"type": "section", "text": {"type": "mrkdwn", "text": nasty}}]
    )
    page.goto(team.page(channel="general"))
    message = page.locator("#messages .message")
    expect(message).to_contain_text("<script>")
    assert message.locator("img, script, b").count() == 0
    assert [link.get_attribute("href") for link in message.locator(".section a").all()] == ["https://x.example/"]


def test_on_a_phone_the_thread_takes_the_screen_and_nothing_scrolls_sideways(
    page: Page, team: Team, posted: str
) -> None:
    team.client.chat_postMessage(channel="#incidents", thread_ts=posted, text="evidence " + "x" * 200)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(team.page(channel="incidents", thread=posted))
    expect(page.locator("#replies .message")).to_have_count(2)
    assert page.locator("#thread").evaluate("thread => thread.getBoundingClientRect().width") == 390
    for box in ("#replies", "#messages"):
        assert page.locator(box).evaluate("box => box.scrollWidth - box.clientWidth") == 0
    page.get_by_role("button", name="Close thread").click()
    page.get_by_role("button", name="Show channels").click()
    page.get_by_role("button", name="general").click()
    expect(page.locator("#title")).to_have_text("# general")


def test_a_permalink_opens_the_thread_at_the_reply(page: Page, team: Team, posted: str) -> None:
    ts = team.client.chat_postMessage(channel="#incidents", thread_ts=posted, text="the decisive line")["ts"]
    link = team.client.chat_getPermalink(channel=team.channel_id("incidents"), message_ts=str(ts))["permalink"]
    page.goto(str(link))
    expect(page.locator("#replies .message.marked")).to_contain_text("the decisive line")


def test_a_shared_link_shows_its_card_and_opens_its_pane_without_a_mouse(page: Page, team: Team) -> None:
    team.install(unfurl_domains=["copilot.example.com"])
    url = "https://copilot.example.com/slack/incidents/acme/1"
    message = team.act(type="message", channel="#incidents", text=f"is it {url}?", wait=0)["messages"][0]
    entity: Json = {
        "entity_type": "slack#/entities/incident",
        "url": url,
        "external_ref": {"id": "1"},
        "entity_payload": {
            "attributes": {"title": {"text": "INC-42 · checkout"}},
            "custom_fields": [{"key": "verdict", "label": "Verdict", "type": "string", "value": "<b>Likely cause</b>"}],
        },
    }
    place = {"channel": team.channel_id("incidents"), "ts": message["ts"]}
    team.client.chat_unfurl(**place, metadata={"entities": [{**entity, "app_unfurl_url": url}]})
    page.goto(team.page(channel="incidents"))
    expect(page.get_by_role("region", name="INC-42 · checkout")).to_contain_text("<b>Likely cause</b>")

    page.get_by_role("button", name="INC-42 · checkout").press("Enter")

    expect(page.get_by_role("button", name="Close details")).to_be_focused()
    asked = team.get("/local/deliveries", kind="event entity")["deliveries"][-1]["request"]["event"]
    team.client.entity_presentDetails(trigger_id=asked["trigger_id"], error={"status": "not_found"})
    expect(page.locator("#details")).to_contain_text("This does not exist any more.")
    page.keyboard.press("Escape")
    expect(page.locator("#details")).to_be_hidden()
