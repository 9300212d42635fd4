"""The local workspace through Slack's own client: what it answers, and what it refuses in Slack's words."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

import slackbot.local.methods  # noqa: F401 (importing registers them)
from slackbot.local.calls import METHODS, Call
from slackbot.local.errors import SlackError
from slackbot.local.server import build_service
from slackbot.local.testing import Team, http, running


def refusal(call: Callable[..., Any], **arguments: Any) -> Any:
    with pytest.raises(SlackApiError) as caught:
        call(**arguments)
    return caught.value.response


def test_auth_test_tells_whose_token_it_is(team: Team, client: WebClient) -> None:
    answer = client.auth_test()
    assert answer["team_id"] == team.installed["team_id"]
    assert answer["user_id"] == team.installed["bot_user_id"]
    assert answer["bot_id"] == team.installed["bot_id"]


def test_any_other_bot_token_works_on_the_default_team_or_the_only_one_with_an_app() -> None:
    with running() as address:
        client = WebClient(token="xoxb-anything", base_url=f"{address}/api/")
        assert client.auth_test()["team_id"] == "T0ACME"
        shop = Team(server=address, name="shop").install(app_url="http://127.0.0.1:9/slack/events")
        assert client.auth_test()["team_id"] == shop["team_id"]
        Team(server=address, name="acme").install(app_url="http://127.0.0.1:9/slack/events")
        assert client.auth_test()["team_id"] == "T0ACME"


ARGUMENTS = [
    "channel",
    "ts",
    "blocks",
    "text",
    "metadata",
    "thread_ts",
    "view",
    "files",
    "limit",
    "cursor",
    "users",
    "attachments",
]


@pytest.mark.parametrize("value", [5, [], {}, None, True, "x", [{}], {"type": 5}, "[", "é" * 300])
@pytest.mark.parametrize("method", METHODS)
def test_an_argument_of_any_kind_is_taken_or_refused_in_slacks_words(method: str, value: Any) -> None:
    service = build_service()
    usual = {
        "channel": "C0INCIDENTS",
        "text": "x",
        "ts": "1.0",
        "view": {},
        "trigger_id": "1",
        "files": [],
        "timestamp": "1",
        "name": "x",
    }
    for name in ARGUMENTS:
        call = Call(
            state=service.state,
            workspace=service.state.default,
            arguments={**usual, name: value},
            base_url="http://127.0.0.1:1",
            triggers=service.triggers,
        )
        try:
            answer = METHODS[method](call)
        except SlackError as error:
            answer = error.body()
        json.dumps(answer)
    service.state.documents.close()


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ({}, "not_authed"),
        ({"Authorization": "Bearer nonsense"}, "invalid_auth"),
        ({"Authorization": "Basic eDp4"}, "not_authed"),
    ],
)
def test_a_missing_or_malformed_token_is_refused(server: str, headers: dict[str, str], error: str) -> None:
    answer = http().post(f"{server}/api/auth.test", headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"ok": False, "error": error})


def test_an_unknown_method_is_named(client: WebClient) -> None:
    answer = refusal(client.api_call, api_method="chat.shout")
    assert (answer["error"], answer["req_method"]) == ("unknown_method", "chat.shout")


def test_api_test_echoes(client: WebClient) -> None:
    assert client.api_test(foo="bar")["args"] == {"foo": "bar"}
    assert refusal(client.api_test, error="my_error")["error"] == "my_error"


def test_the_seeded_people_and_channels_are_there(server: str) -> None:
    client = WebClient(token="xoxb-acme-x", base_url=f"{server}/api/")
    people = {member["name"]: member for member in client.users_list()["members"]}
    assert {name: people[name]["id"] for name in ("alice", "bob", "carol")} == {
        "alice": "U0ALICE",
        "bob": "U0BOB",
        "carol": "U0CAROL",
    }
    assert people["alice"]["tz"] == "Europe/Berlin"
    assert people["copilot"]["is_bot"] is True
    assert {"general", "incidents"} <= {channel["name"] for channel in client.conversations_list()["channels"]}
    assert client.users_lookupByEmail(email="bob@acme.example")["user"]["id"] == "U0BOB"
    assert refusal(client.users_lookupByEmail, email="mallory@acme.example")["error"] == "users_not_found"
    assert refusal(client.users_info, user="U0NOBODY")["error"] == "user_not_found"


def test_a_message_is_posted_by_channel_id_or_name_and_kept_with_ids_and_metadata(
    client: WebClient, incidents: str
) -> None:
    metadata = {"event_type": "incident", "event_payload": {"number": 42}}
    posted = client.chat_postMessage(
        channel="#incidents",
        text="INC-42",
        blocks=[{"type": "section", "text": {"type": "mrkdwn", "text": "*INC-42*"}}],
        metadata=metadata,
    )
    assert posted["channel"] == incidents
    assert len(posted["message"]["blocks"][0]["block_id"]) == 5
    assert posted["message"]["metadata"] == metadata
    plain = client.conversations_history(channel=incidents)["messages"][0]
    assert "metadata" not in plain
    assert (plain["ts"], plain["bot_id"], plain["text"]) == (posted["ts"], client.auth_test()["bot_id"], "INC-42")
    assert (
        client.conversations_history(channel=incidents, include_all_metadata=True)["messages"][0]["metadata"]
        == metadata
    )


def test_json_and_form_bodies_mean_the_same(team: Team, server: str) -> None:
    headers = {"Authorization": f"Bearer {team.installed['bot_token']}"}
    blocks = '[{"type": "divider"}]'
    form = http().post(
        f"{server}/api/chat.postMessage", headers=headers, data={"channel": "incidents", "text": "a", "blocks": blocks}
    )
    body = {"channel": "incidents", "text": "a", "blocks": [{"type": "divider"}]}
    sent = http().post(f"{server}/api/chat.postMessage", headers=headers, json=body)
    assert form.json()["message"]["blocks"][0]["type"] == sent.json()["message"]["blocks"][0]["type"] == "divider"
    query = http().get(f"{server}/api/auth.test", params={"token": team.installed["bot_token"]})
    assert query.json()["ok"] is True


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"channel": "#nowhere", "text": "x"}, "channel_not_found"),
        ({"channel": "#quiet", "text": "x"}, "not_in_channel"),
        ({"channel": "#old", "text": "x"}, "is_archived"),
        ({"channel": "#incidents", "text": ""}, "no_text"),
        ({"channel": "#incidents", "text": "x" * 40_001}, "msg_too_long"),
        ({"channel": "#incidents", "text": "x", "thread_ts": "1.000001"}, "thread_not_found"),
        ({"channel": "#incidents", "markdown_text": "x", "text": "y"}, "markdown_text_conflict"),
        ({"channel": "#incidents", "text": "x", "metadata": {"event_type": "a"}}, "invalid_metadata_format"),
        ({"channel": "#incidents", "text": "x", "blocks": "{"}, "invalid_blocks_format"),
    ],
)
def test_a_message_is_refused_with_slacks_code(
    team: Team, client: WebClient, arguments: dict[str, Any], error: str
) -> None:
    team.post("/local/channels", name="quiet", bot=False)
    team.post("/local/channels", name="old", archived=True)
    assert refusal(client.api_call, api_method="chat.postMessage", json=arguments)["error"] == error


def test_a_bot_may_join_a_public_channel_and_then_write_there(team: Team, client: WebClient) -> None:
    channel = team.post("/local/channels", name="quiet", bot=False)["channel"]["id"]
    assert refusal(client.conversations_history, channel=channel)["error"] == "not_in_channel"
    assert client.conversations_join(channel=channel)["channel"]["is_member"] is True
    client.chat_postMessage(channel=channel, text="here now")
    assert client.conversations_members(channel=channel)["members"][-1] == team.installed["bot_user_id"]


def test_a_private_channel_does_not_exist_for_strangers(team: Team, client: WebClient) -> None:
    channel = team.post("/local/channels", name="secret", private=True, bot=False)["channel"]["id"]
    assert refusal(client.conversations_info, channel=channel)["error"] == "channel_not_found"


def test_a_deleted_channel_is_not_found(team: Team, client: WebClient) -> None:
    channel = client.conversations_create(name="short-lived")["channel"]["id"]
    client.chat_postMessage(channel=channel, text="hello")
    http().delete(f"{team.server}/local/channels/short-lived", params={"team": team.name}).raise_for_status()
    assert refusal(client.chat_postMessage, channel=channel, text="still there?")["error"] == "channel_not_found"


@pytest.mark.parametrize(
    ("name", "error"),
    [("incidents", "name_taken"), ("Bad Name", "invalid_name_specials"), ("x" * 81, "invalid_name_maxlength")],
)
def test_a_channel_name_is_checked(client: WebClient, name: str, error: str) -> None:
    assert refusal(client.conversations_create, name=name)["error"] == error


def test_an_update_edits_in_place_and_says_so(client: WebClient, incidents: str) -> None:
    ts = client.chat_postMessage(channel=incidents, text="one", blocks=[{"type": "divider"}])["ts"]
    client.chat_update(channel=incidents, ts=ts, text="two")
    message = client.conversations_history(channel=incidents)["messages"][0]
    assert (message["ts"], message["text"], "blocks" in message) == (ts, "two", False)
    assert message["edited"]["user"] == client.auth_test()["user_id"]


def test_only_the_bots_own_messages_can_be_updated_or_deleted(team: Team, client: WebClient, incidents: str) -> None:
    ts = team.act(type="message", channel="incidents", text="mine")["messages"][0]["ts"]
    assert refusal(client.chat_update, channel=incidents, ts=ts, text="x")["error"] == "cant_update_message"
    assert refusal(client.chat_delete, channel=incidents, ts=ts)["error"] == "cant_delete_message"
    assert refusal(client.chat_update, channel=incidents, ts="1.000001", text="x")["error"] == "message_not_found"
    assert refusal(client.chat_update, channel="incidents", ts=ts, text="x")["error"] == "channel_not_found"


def test_an_update_takes_4000_characters_of_text_and_no_more(client: WebClient, incidents: str) -> None:
    ts = client.chat_postMessage(channel=incidents, text="x")["ts"]
    client.chat_update(channel=incidents, ts=ts, text="x" * 4000)
    assert refusal(client.chat_update, channel=incidents, ts=ts, text="x" * 4001)["error"] == "msg_too_long"


def test_a_thread_is_counted_on_its_parent_and_kept_out_of_the_history(
    team: Team, client: WebClient, incidents: str
) -> None:
    ts = client.chat_postMessage(channel=incidents, text="parent")["ts"]
    first = client.chat_postMessage(channel=incidents, text="first", thread_ts=ts)["ts"]
    shared = client.chat_postMessage(channel=incidents, text="shared", thread_ts=first, reply_broadcast=True)["ts"]
    history = client.conversations_history(channel=incidents)["messages"]
    assert [message["text"] for message in history] == ["shared", "parent"]
    assert (history[1]["reply_count"], history[1]["latest_reply"]) == (2, shared)
    assert history[1]["reply_users"] == [team.installed["bot_user_id"]]
    replies = client.conversations_replies(channel=incidents, ts=ts)["messages"]
    assert [(message["text"], message["thread_ts"]) for message in replies] == [
        ("parent", ts),
        ("first", ts),
        ("shared", ts),
    ]
    assert refusal(client.conversations_replies, channel=incidents, ts="1.000001")["error"] == "thread_not_found"
    client.chat_delete(channel=incidents, ts=ts)
    assert client.conversations_history(channel=incidents)["messages"][1]["subtype"] == "tombstone"


def test_history_comes_by_pages_and_between_bounds(client: WebClient, incidents: str) -> None:
    stamps = [client.chat_postMessage(channel=incidents, text=str(number))["ts"] for number in range(5)]
    pages = [
        [message["text"] for message in page["messages"]]
        for page in client.conversations_history(channel=incidents, limit=2)
    ]
    assert pages == [["4", "3"], ["2", "1"], ["0"]]

    def between(**bounds: Any) -> list[str]:
        return [message["text"] for message in client.conversations_history(channel=incidents, **bounds)["messages"]]

    assert between(oldest=stamps[1], latest=stamps[3]) == ["2"]
    assert between(oldest=stamps[1], latest=stamps[3], inclusive=True) == ["3", "2", "1"]
    assert refusal(client.conversations_history, channel=incidents, cursor="nonsense")["error"] == "invalid_cursor"


def test_an_ephemeral_message_is_seen_by_one_person_and_not_in_the_history(
    team: Team, client: WebClient, incidents: str
) -> None:
    alice = client.users_lookupByEmail(email=f"alice@{team.name}.example")["user"]["id"]
    ts = client.chat_postEphemeral(channel=incidents, user=alice, text="psst")["message_ts"]
    assert [(message["ts"], message["is_ephemeral"]) for message in team.messages(by="alice")] == [(ts, True)]
    assert team.messages(by="bob") == []
    assert client.conversations_history(channel=incidents)["messages"] == []
    assert refusal(client.chat_update, channel=incidents, ts=ts, text="x")["error"] == "message_not_found"
    assert (
        refusal(client.chat_postEphemeral, channel=incidents, user="U0NOBODY", text="x")["error"]
        == "user_not_in_channel"
    )


def test_a_permalink_opens_the_page_at_the_message(team: Team, client: WebClient, incidents: str) -> None:
    ts = client.chat_postMessage(channel=incidents, text="parent")["ts"]
    link = client.chat_getPermalink(channel=incidents, message_ts=ts)["permalink"]
    assert link == f"{team.server}/archives/{incidents}/p{ts.replace('.', '')}"
    assert http().get(link).headers["location"] == f"/?team={team.name}&channel={incidents}&thread={ts}&at={ts}"


def test_reactions_are_added_once_and_removed(client: WebClient, incidents: str) -> None:
    ts = client.chat_postMessage(channel=incidents, text="INC-1")["ts"]
    client.reactions_add(channel=incidents, timestamp=ts, name="eyes")
    assert refusal(client.reactions_add, channel=incidents, timestamp=ts, name="eyes")["error"] == "already_reacted"
    assert client.reactions_get(channel=incidents, timestamp=ts)["message"]["reactions"][0]["count"] == 1
    client.reactions_remove(channel=incidents, timestamp=ts, name="eyes")
    assert refusal(client.reactions_remove, channel=incidents, timestamp=ts, name="eyes")["error"] == "no_reaction"


def test_a_direct_conversation_is_opened_once(team: Team, client: WebClient) -> None:
    alice = client.users_lookupByEmail(email=f"alice@{team.name}.example")["user"]["id"]
    channel = client.conversations_open(users=alice)["channel"]["id"]
    assert channel.startswith("D")
    assert client.conversations_open(users=[alice])["channel"]["id"] == channel
    assert client.chat_postMessage(channel=alice, text="hello")["channel"] == channel


def test_a_file_is_uploaded_shared_in_a_thread_and_served_unchanged(client: WebClient, incidents: str) -> None:
    ts = client.chat_postMessage(channel=incidents, text="INC-1")["ts"]
    picture = b"\x89PNG\r\n\x1a\nnot really"
    answer = client.files_upload_v2(
        channel=incidents,
        thread_ts=ts,
        content=picture,
        filename="p 95.png",
        title="p95",
        alt_txt="rises",
        initial_comment="chart",
    )
    message = client.conversations_replies(channel=incidents, ts=ts)["messages"][1]
    assert (message["text"], message["files"][0]["id"], message["files"][0]["alt_txt"]) == (
        "chart",
        answer["file"]["id"],
        "rises",
    )
    served = http().get(message["files"][0]["url_private"])
    assert (served.content, served.headers["content-type"]) == (picture, "image/png")
    assert client.files_info(file=answer["file"]["id"])["file"]["title"] == "p95"
    block = {"type": "image", "alt_text": "p95 rises", "slack_file": {"id": answer["file"]["id"]}}
    client.chat_postMessage(channel=incidents, text="p95", blocks=[block])
    absent = {**block, "slack_file": {"id": "F0NOTHING"}}
    assert refusal(client.chat_postMessage, channel=incidents, text="p95", blocks=[absent])["error"] == "invalid_blocks"
    assert refusal(client.files_info, file="F0NOTHING")["error"] == "file_not_found"


def test_a_page_of_markup_is_served_as_a_download(client: WebClient, incidents: str) -> None:
    answer = client.files_upload_v2(channel=incidents, content="<script>alert(1)</script>", filename="x.html")
    served = http().get(answer["file"]["url_private"])
    assert served.headers["content-type"] == "application/octet-stream"
    assert served.headers["content-disposition"].startswith("attachment")


def test_an_upload_of_another_length_than_announced_is_refused(client: WebClient) -> None:
    address = client.files_getUploadURLExternal(filename="a.txt", length=5)["upload_url"]
    assert http().post(address, content=b"123").status_code == 400
    assert http().post(address, content=b"12345").status_code == 200


def test_a_planned_fault_answers_as_slack_does_under_load_or_after_revocation(
    team: Team, client: WebClient, incidents: str
) -> None:
    team.post("/local/faults", method="chat.postMessage", error="ratelimited", retry_after=7, times=1)
    limited = refusal(client.chat_postMessage, channel=incidents, text="x")
    assert (limited.status_code, limited["error"], limited.headers["retry-after"]) == (429, "ratelimited", "7")
    client.chat_postMessage(channel=incidents, text="x")
    team.post("/local/faults", error="token_revoked", times=1)
    assert refusal(client.auth_test)["error"] == "token_revoked"


def test_teams_do_not_see_each_other(server: str, client: WebClient, incidents: str) -> None:
    client.chat_postMessage(channel=incidents, text="ours")
    other = WebClient(token="xoxb-acme-1", base_url=f"{server}/api/")
    assert refusal(other.conversations_info, channel=incidents)["error"] == "channel_not_found"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "slack"


def test_what_was_said_outlives_a_restart(folder: Path) -> None:
    with running(data=folder) as address:
        team = Team(server=address, name="acme")
        before = team.install(app_url="http://127.0.0.1:9/slack/events", commands=["/sre"])
        team.post("/local/channels", name="checkout")
        ts = team.client.chat_postMessage(
            channel="checkout", text="INC-1", metadata={"event_type": "i", "event_payload": {}}
        )["ts"]
        team.client.chat_postMessage(channel="checkout", text="reply", thread_ts=ts)
        file = team.client.files_upload_v2(content=b"12345", filename="a.txt")["file"]["id"]
    assert (folder / "workspace.sqlite3").stat().st_mode & 0o077 == 0
    with running(data=folder) as address:
        team = Team(server=address, name="acme", installed=before)
        message = team.messages("checkout")[0]
        assert (message["ts"], message["reply_count"], message["metadata"]["event_type"]) == (ts, 1, "i")
        assert team.client.files_info(file=file)["file"]["name"] == "a.txt"
        assert team.install()["signing_secret"] == before["signing_secret"]
        assert team.client.chat_postMessage(channel="checkout", text="later")["ts"] > ts


def test_the_server_answers_only_for_this_machine_and_its_own_page(server: str) -> None:
    elsewhere = http().get(f"{server}/local/workspace", headers={"Host": "evil.example"})
    assert elsewhere.status_code == 403
    foreign = http().post(f"{server}/local/act", headers={"Origin": "https://evil.example"}, json={"type": "open_home"})
    assert foreign.status_code == 403
    form = http().post(f"{server}/local/act", data={"type": "open_home"})
    assert (form.status_code, form.json()["field"]) == (415, "Content-Type")
    page = http().get(f"{server}/")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]


def test_an_install_verifies_the_address_and_refuses_what_is_none(team: Team) -> None:
    assert team.installed["url_verified"] is True
    for body, field in (
        ({"app_url": "ftp://x"}, "app_url"),
        ({"commands": ["sre"]}, "commands"),
        ({"signing_secret": ""}, "signing_secret"),
        ({"team": "Not A Team"}, "team"),
    ):
        refused = http().post(f"{team.server}/local/app", json={"team": team.name, **body})
        assert (refused.status_code, refused.json()["field"]) == (400, field)


def test_people_and_channels_are_added_and_changed_from_this_machine(team: Team, client: WebClient) -> None:
    dave = team.post("/local/users", name="dave", real_name="Dave Oyelaran", tz="America/Lima")["user"]
    assert client.users_info(user=dave["id"])["user"]["tz_offset"] == -5 * 3600
    team.post("/local/users", name="dave", tz="Asia/Tokyo")
    assert client.users_info(user=dave["id"])["user"]["real_name"] == "Dave Oyelaran"
    assert client.users_info(user=dave["id"])["user"]["tz"] == "Asia/Tokyo"
    assert dave["id"] in client.conversations_members(channel=team.channel_id("general"))["members"]
    made = team.post("/local/channels", name="#checkout", topic="carts")["channel"]
    assert (made["name"], made["topic"]["value"], made["is_member"]) == ("checkout", "carts", True)
    refused = http().post(f"{team.server}/local/users", json={"team": team.name, "name": "eve", "tz": "Mars/Olympus"})
    assert (refused.status_code, refused.json()["field"]) == (400, "tz")
