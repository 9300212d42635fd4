"""What is redacted, what survives, and that no planted secret does."""

from __future__ import annotations

import re
import string
from importlib import import_module
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from copilot.guard.redact import KINDS, NAMED, PLACEHOLDER, RULES, Redactor

# Python's own parser of patterns, which it keeps to itself.
opcodes, parser = import_module("re._constants"), import_module("re._parser")
KEY = b"a tenant's key"
# Built at run time: a scanner of this repository should find no secret in it, and neither should a reader.
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
PEM = "-----BEGIN {0}PRIVATE KEY-----\nMIIEowIBAAKCAQEA7bq+/x\n0aZ9\n-----END {0}PRIVATE KEY-----"
TAIL = "Zq3" + "x7Kp9LmW2" * 5

SHAPES: list[tuple[str, str, str]] = [
    # kind, the text, the secret in it
    ("token", "Authorization: Bearer {}", "abc123.def-456_ghi"),
    ("token", "authorization: bearer {}", "abc123.def-456_ghi"),
    ("token", '{{"Authorization": "Bearer {}"}}', "abc123.def-456_ghi"),
    ("token", "Authorization: Basic {}", "YWRtaW46aHVudGVyMg=="),
    ("token", "Authorization: Token token={}", "y_NbAkKc66ryYTWUXYEu"),
    ("token", "curl -H 'Authorization: GenieKey {}' https://api.example", "0a1b2c3d-4e5f"),
    ("token", "proxy-authorization={}", "c2VjcmV0"),
    ("token", "sent Bearer {} to upstream", "q8fj2kd93kfla02k"),
    ("token", "jwt {}", JWT),
    ("token", "access_token={}&x=1", JWT),
    ("token", "remote: {}", "ghp_" + TAIL[:36]),
    ("token", "{}", "github_pat_11ABCDEFG0" + TAIL),
    ("token", "{}", "glpat-" + TAIL[:20]),
    ("token", "token is {}", "xoxb-" + "123456789012-" + TAIL[:24]),
    ("token", "{}", "xapp-1-A0123-" + TAIL),
    ("token", "https://hooks.slack.com/services/{}", "T000/B000/" + TAIL[:24]),
    ("key", "{}", "AKIA" + "IOSFODNN7EXAMPLE"),
    ("secret", "aws_secret_access_key = {}", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("key", "{}", "sk_live_" + TAIL[:24]),
    ("key", "{}", "whsec_" + TAIL[:32]),
    ("key", "{}", "AIza" + TAIL[:35]),
    ("key", "{}", "sk-ant-api03-" + TAIL),
    ("key", "{}", "sk-proj-" + TAIL),
    ("key", "{}", "sk-" + TAIL),
    ("token", "{}", "glsa_" + TAIL[:32]),
    ("token", "{}", "npm_" + TAIL[:36]),
    ("token", "{}", "hvs." + TAIL),
    ("key", "{}", "u+" + TAIL[:18]),
    ("key", "POST https://events.pagerduty.com/integration/{}/enqueue", "0123456789abcdef0123456789abcdef"),
    ("secret", '{{"routing_key": "{}"}}', "R0123456789ABCDEF0123456789ABCDE"),
    ("key", "{}", PEM.format("RSA ")),
    ("key", "{}", PEM.format("")),
    ("key", "{}", PEM.format("OPENSSH ").replace("\n", "\\n")),
    ("key", "cut off: {}", "-----BEGIN EC PRIVATE KEY-----\nMIIEowIBAAKCAQEA7bq+"),
    (
        "key",
        "cut off: {}",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A\n\nMIIEowIB/x",
    ),
    ("key", '"{}" x', "-----BEGIN PRIVATE KEY-----\\nMIIEowIBAAKCAQEA7bq+\\n0aZ9"),
    ("password", "postgres://app:{}@db.prod.svc:5432/orders?sslmode=require", "hunter2"),
    ("password", "amqp://guest:{}@rabbit", "p@ss:w0rd"),
    ("password", "mongodb://root:{}@a:27017,b:27017/admin", "pa/ss#1"),
    ("password", "redis://:{}@cache:6379/0", "hunter2"),
    ("token", "https://{}@o0.ingest.sentry.example/1", "0123456789abcdef0123456789abcdef"),
    ("cookie", "Cookie: {}", "sid=abc; theme=dark"),
    ("cookie", "Set-Cookie: {}", "sid=s%3Aabc; Path=/; HttpOnly"),
    ("password", "password={}", "hunter2"),
    ("password", "password: {}", "correcthorse"),
    ("password", 'DB_PASSWORD="{}"', "with blank"),
    ("password", "spring.datasource.password={}", "hunter2"),
    ("password", "user=app pass={} host=db", "hunter2"),
    ("password", "Server=db;Uid=sa;Pwd={};Timeout=30", "hunter2"),
    ("password", '{{"password": "{}", "user": "app"}}', "hun,ter2"),
    ("password", '{{\\"password\\":\\"{}\\",\\"user\\":\\"app\\"}}', "hunter2"),
    ("password", "'passwd' => '{}'", "hunter2"),
    ("password", '{{"password": "{}', "cut off in the midd"),
    ("password", "my password is {}", "hunter2"),
    ("password", "hi, the new password for the orders db is: {} please", "Sommer-2026"),
    ("password", "the passphrase was '{}'", "correct horse battery"),
    ("token", "our API key is {} by the way", "q8fj2kd93kfla02k"),
    ("secret", "<password>{}</password>", "hunter2"),
    ("secret", "clientSecret: {}", "hunter2"),
    ("secret", "X-Api-Key: {}", "hunter2"),
    ("secret", "AccountKey={};EndpointSuffix=core", "Zm9vYmFyYmF6"),
    ("secret", "run --db-password {} --verbose", "hunter2"),
    ("secret", "run --token '{}'", "hunter2"),
    ("secret", "GET /maps?key={}&q=x", "hunter2"),
    ("secret", "GET /o?X-Amz-Signature={}&q=x", "0123456789abcdef"),
    ("token", "GET /x?access_token={}&q=x", "hunter2"),
    ("token", "X-Auth-Token: {}", "hunter2"),
    ("token", "JSESSIONID={};", "0A1B2C3D"),
    ("token", "otp token={}", "123456"),
    ("key", "datadog.key={}", "aB3" + TAIL),
    ("email", "user {} not found", "jane.doe+test@corp.example.com"),
    ("email", "mailto:{}", "jane@example.org"),
    ("phone", "call {} now", "+49 30 1234567"),
    ("phone", "call {} now", "+14155550123"),
    ("phone", "call {} now", "(555) 123-4567"),
    ("phone", "call {} now", "555-123-4567"),
    ("phone", "mobile: {}", "01701234567"),
    ("card", "card {} declined", "4111 1111 1111 1111"),
    ("card", "card {} declined", "5555555555554444"),
    ("card", "card {} declined", "3782-822463-10005"),
    ("iban", "account {} closed", "DE89 3704 0044 0532 0130 00"),
    ("iban", "account {} closed", "GB82WEST12345698765432"),
]

SURVIVORS = [
    "2026-11-21T01:26:05.123Z INFO payments-7d9f8b6c5-x2v9k PoolManager acquired 10.42.3.17:5432 in 153ms (pool 8/10)",
    "ERROR checkout-6b7f9c4d8-abcde upstream 34.117.59.81:443 timed out after 2m30s trace_id=4bf92f3577b34da6a3ce929d0e0e4736",
    "req=4f1c2d3e-1111-2222-3333-444455556666 span=00f067aa0ba902b7 GET /api/v1/orders/12345?page=2&sort=asc 200 1732150000123",
    "Pulled image registry.example.com/shop/payments@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "deployed commit 3f786850e387550fdab836ed7e6dc881de23001b by pipeline 8812345678901234 in 93s",
    "Back-off restarting failed container task-runner in pod task-processor-6b7f9c4d8-x2v9k_shop(0b8e1a2c-7c3d-4e5f-8a9b)",
    'MountVolume.SetUp failed for volume "certs" : secret "payments-tls" not found',
    'secrets "regcred" is forbidden: User "system:serviceaccount:shop:payments" cannot get resource "secrets"',
    "Warning FailedScheduling 0/3 nodes are available: 3 Insufficient memory, 1 node(s) had taint {dedicated: gpu}",
    'http_requests_total{namespace="shop",pod="checkout-6b7f9c4d8-abcde",code="500"} 1.234e+06 1732150000',
    'histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket{service="checkout"}[5m])))',
    "the password is wrong", "password for app is expired since 90 days", "password was rotated", "the token is 5 minutes old",
    "password is 8 characters long", "the api key is not set", "my password is out-of-date",
    "authentication token expired", "invalid token: token is expired", 'password authentication failed for user "app"',
    'FATAL: password authentication failed for user "orders" (SQLSTATE 28P01) at 10.0.4.9:5432',
    "usage: prompt_tokens=4096 max_tokens: 1024 token=150", "pass=12 fail=3 skipped=1",
    "secretName: payments-tls", "tokenExpirationSeconds: 3600", "key: cpu, value: 80", "partition_key=order-123",
    "password=${DB_PASSWORD}", "password: ******", "token: null", "secret=<redacted>", "api_key={{ .Values.key }}",
    "git@github.com:shop/payments.git", "lodash@4.17.21", "getty@tty1.service: Deactivated", "ssh deploy@10.0.0.5",
    "https://grafana.example.com:3000/d/abc/checkout?from=1732150000000&to=1732153600000",
    "http://prometheus:9090/api/v1/query", "postgres://app@db.prod.example.com:5432/orders", "jdbc:postgresql://db:5432/orders",
    "Thu Nov 21 01:26:05 2026 +0530", "2026-11-21T01:26:05+01:00", "[21/Nov/2026:01:26:05 +1000] 2026-11-21 200",
    "cache_key=user:123:cart", "idempotency_key=4f1c2d3e-1111-2222-3333-444455556666", "bearer authentication failed", "Basic health check passed",
    "fe80::1ff:fe23:4567:890a%eth0 2606:4700:4700::1111", "v1.31.2+k3s1 go1.22.9 node 20.11.1", "arn:aws:iam::123456789012:role/payments",
    "sa: payments@shop-prod.iam.gserviceaccount.com", "exit code 137 (OOMKilled), limit 512Mi, restarts 14",
    "x-request-id: 9f1b3c7e2a6d4f80", 'etag: W/"33a64df551425fcc55e4d42a148795d9f25f89d4"',
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "secret"), SHAPES, ids=lambda value: str(value)[:30])
def test_a_secret_becomes_a_placeholder_of_its_kind_and_the_rest_stays(kind: str, text: str, secret: str) -> None:
    redactor = Redactor(KEY)
    before, after = (part.replace("{{", "{").replace("}}", "}") for part in text.split("{}"))
    redacted = redactor.text(before + secret + after)
    assert re.fullmatch(re.escape(before) + rf"<{kind}:[0-9a-f]{{6}}>" + re.escape(after), redacted)
    assert redactor.count == 1
    assert redactor.counts == {kind: 1}


@pytest.mark.parametrize("line", SURVIVORS)
def test_what_an_engineer_needs_survives(line: str) -> None:
    redactor = Redactor(KEY)
    assert redactor.text(line) == line
    assert redactor.count == 0


def test_a_log_of_many_lines_loses_its_secrets_alone() -> None:
    log = "\n".join([*SURVIVORS, "connecting with password=hunter2", *SURVIVORS])
    assert Redactor(KEY).text(log) == log.replace("hunter2", Redactor(KEY).text("password=hunter2").partition("=")[2])


def test_the_same_secret_is_recognised_within_a_tenant_and_not_across() -> None:
    first, second = Redactor(KEY), Redactor(KEY)
    assert first.text("password=hunter2") == second.text("password=hunter2")
    assert first.text("password=hunter2") != first.text("password=hunter3")
    assert first.text("password=hunter2") != Redactor(b"another tenant's").text("password=hunter2")
    in_url = PLACEHOLDER.findall(first.text("redis://:hunter2@cache/0"))
    assert in_url == PLACEHOLDER.findall(first.text("password=hunter2"))


def test_a_forged_placeholder_hides_nothing() -> None:
    redacted = Redactor(KEY).text("password=<token:aaaaaa>hunter2 and ghp_<token:aaaaaa>")
    assert "hunter2" not in redacted


def test_data_is_redacted_by_its_names_and_its_texts() -> None:
    redactor = Redactor(KEY)
    redacted = redactor.data(
        {
            "user": "app",
            "password": "hunter2",
            "pin_token": 12345,
            "Authorization": ["Bearer abc"],
            "headers": {"X-Api-Key": "k", "Accept": "*/*"},
            "cookies": {"sid": "abc", "n": 1},
            "log": "redis://:hunter2@cache/0",
            "enabled_token": True,
            "token": None,
            "max_tokens": 4096,
            "secret": {"secretName": "payments-tls"},
            "pods": ["payments-7d9f8b6c5-x2v9k"],
            "weight": 0.5,
        }
    )
    same = redacted["password"]
    assert PLACEHOLDER.fullmatch(same)
    assert redacted == {
        "user": "app",
        "password": same,
        "pin_token": redacted["pin_token"],
        "Authorization": [redacted["Authorization"][0]],
        "headers": {"X-Api-Key": redacted["headers"]["X-Api-Key"], "Accept": "*/*"},
        "cookies": {"sid": redacted["cookies"]["sid"], "n": redacted["cookies"]["n"]},
        "log": f"redis://:{same}@cache/0",
        "enabled_token": True,
        "token": None,
        "max_tokens": 4096,
        "secret": {"secretName": "payments-tls"},
        "pods": ["payments-7d9f8b6c5-x2v9k"],
        "weight": 0.5,
    }
    assert redactor.count == 7
    assert "hunter2" not in str(redacted)
    assert "abc" not in PLACEHOLDER.sub("", str(redacted))


def test_environment_variables_and_kubernetes_secrets_are_redacted() -> None:
    redacted = Redactor(KEY).data(
        {
            "env": [{"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "DB_HOST", "value": "db.prod"}],
            "object": {"kind": "Secret", "metadata": {"name": "db"}, "data": {"user": "YXBw", "conf": "aHVudGVyMg=="}},
            "map": {"kind": "ConfigMap", "data": {"user": "app"}},
        }
    )
    assert PLACEHOLDER.fullmatch(redacted["env"][0]["value"])
    assert redacted["env"][1] == {"name": "DB_HOST", "value": "db.prod"}
    assert [bool(PLACEHOLDER.fullmatch(value)) for value in redacted["object"]["data"].values()] == [True, True]
    assert redacted["object"]["metadata"] == {"name": "db"}
    assert redacted["map"] == {"kind": "ConfigMap", "data": {"user": "app"}}


def test_data_keeps_its_types_and_its_input() -> None:
    value = {"list": [1, "a"], "tuple": ("password=x1", 2), "none": None}
    redacted = Redactor(KEY).data(value)
    assert isinstance(redacted["tuple"], tuple)
    assert value["tuple"] == ("password=x1", 2)
    assert redacted["list"] == [1, "a"]


# Texts as they come: letters, marks that the patterns look for, and their own words.
WORDS = st.sampled_from(
    ["password=", "token: ", '"', "'", "\\", "Bearer ", "Authorization: ", "://", "@", ":", "<", ">", "&", "key=", "eyJ", "ghp_",
     "-----BEGIN PRIVATE KEY-----", "<token:aaaaaa>", "<password:", "+49 ", "4111 1111 1111 1111", "a@b.example", "\n", " ", "cookie: ",
     "u:p@", "--token ", "\U000f0000", "sk-", "secret", "name", "é", "{", "}", ",", ";", "=", "x"]
)  # fmt: skip
TEXTS = st.lists(st.one_of(WORDS, st.text(max_size=12)), max_size=12).map("".join)
ALNUM = string.ascii_letters + string.digits
DRAWN = st.text(alphabet=ALNUM, min_size=40, max_size=60).map(lambda drawn: f"aB3{drawn}")
# Unmistakable wherever they stand, even inside a word.
BARE = st.one_of(
    DRAWN.map(lambda drawn: f"ghp_{drawn}"),
    DRAWN.map(lambda drawn: f"github_pat_{drawn}"),
    DRAWN.map(lambda drawn: f"xoxb-{drawn}"),
    DRAWN.map(lambda drawn: f"sk-ant-{drawn}"),
    DRAWN.map(lambda drawn: f"glpat-{drawn}"),
    DRAWN.map(lambda drawn: f"AKIA{drawn.upper()}"),
    DRAWN.map(lambda drawn: f"eyJ{drawn}.eyJ{drawn}.{drawn}"),
    DRAWN.map(lambda drawn: f"-----BEGIN PRIVATE KEY-----\n{drawn}\n{drawn}\n-----END PRIVATE KEY-----"),
)
# Secret by what stands before them, on a line or after a blank.
NAMES = ["password=", "DB_PASSWORD: ", '"clientSecret": ', "X-Auth-Token: ", "api_key=", "Authorization: Bearer ", "?access_token=",
         "--db-password ", "postgres://app:"]  # fmt: skip


@given(TEXTS, BARE, TEXTS)
def test_no_planted_token_survives_in_any_text(before: str, secret: str, after: str) -> None:
    telling = secret[-43:] if "KEY" not in secret else secret.split("\n")[1]
    assume(telling not in before + after)
    assert telling not in Redactor(KEY).text(before + secret + after)


@given(TEXTS, st.sampled_from(NAMES), DRAWN, st.sampled_from(["@db/x", " ", "\n", ""]), TEXTS)
def test_no_planted_value_survives_under_its_name(before: str, name: str, secret: str, end: str, after: str) -> None:
    assume(secret not in before + after)
    end = "@db/x" if name.endswith("app:") else end.replace("@db/x", ";")
    assert secret not in Redactor(KEY).text(f"{before}\n{name}{secret}{end}{after if end else ''}")


@given(TEXTS)
def test_redacting_twice_changes_nothing(text: str) -> None:
    once = Redactor(KEY).text(text)
    again = Redactor(KEY)
    assert again.text(once) == once
    assert again.count == 0


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), TEXTS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["password", "token", "name", "value", "headers", "kind", "data", "cookies", "x"]),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=8,
)


@given(JSON)
def test_redacting_data_twice_changes_nothing(value: Any) -> None:
    once = Redactor(KEY).data(value)
    assert Redactor(KEY).data(once) == once


@given(DRAWN, st.sampled_from(["password", "dbPassword", "api_key", "X-Auth-Token", "client_secret", "Authorization"]))
def test_no_secret_survives_under_a_telling_name_in_data(secret: str, name: str) -> None:
    value = {"a": [{name: secret}, {name: [secret]}, {"name": name, "value": secret}]}
    assert secret not in str(Redactor(KEY).data(value))


def test_every_kind_has_a_rule() -> None:
    assert {item.kind for item in RULES} == set(KINDS)
    assert {kind for kind, _ in NAMED} <= set(KINDS)


def repeats(parsed: Any) -> list[tuple[Any, int, int, Any]]:
    """Return every quantifier in a parsed pattern."""
    found: list[tuple[Any, int, int, Any]] = []
    for operation, argument in parsed:
        if operation in {opcodes.MAX_REPEAT, opcodes.MIN_REPEAT, opcodes.POSSESSIVE_REPEAT}:
            low, high, inner = argument
            found.append((operation, low, high, inner))
            found += repeats(inner)
        elif operation is opcodes.SUBPATTERN:
            found += repeats(argument[-1])
        elif operation is opcodes.BRANCH:
            for branch in argument[1]:
                found += repeats(branch)
        elif operation in {opcodes.ASSERT, opcodes.ASSERT_NOT}:
            found += repeats(argument[1])
        elif operation is opcodes.ATOMIC_GROUP:
            found += repeats(argument)
    return found


@pytest.mark.parametrize("pattern", [item.pattern for item in RULES], ids=lambda pattern: pattern.pattern[:40])
def test_patterns_cannot_backtrack_without_bound(pattern: re.Pattern[str]) -> None:
    """Whatever repeats without bound is possessive; what may give back repeats a bounded number of times."""
    for operation, _, high, inner in repeats(parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE)):
        if operation is not opcodes.POSSESSIVE_REPEAT:
            assert high is not opcodes.MAXREPEAT, pattern.pattern
            assert high <= 256
            backtracking = [bound for kind, _, bound, _ in repeats(inner) if kind is not opcodes.POSSESSIVE_REPEAT]
            assert all(bound * high <= 512 for bound in backtracking)


HOSTILE = [
    "a", "eyJ", "eyJ.", "token=", 'token="', "token='", "://a:", "://a:b@", "a@", "a.", "4 ", "41-", "token \t", "token\\", "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN A ", "Bearer ", "+1 ", "DE89 ", "AAAA", "--a-", "<a", "sk-", "ghp_", "hooks.slack.com/services/", "<token:aaaaaa>", "key", "private_",
    "authorization: ", "cookie:", "?key=", "/integration/0/enqueue", "%", '\\"', "password: <token:aaaaaa> ",
]  # fmt: skip


@pytest.mark.parametrize("part", HOSTILE)
def test_a_hostile_line_is_worked_off(part: str) -> None:
    """A pattern that scanned any stretch twice per character would take minutes for these."""
    line = part * (200_000 // len(part))
    once = Redactor(KEY).text(line)
    assert Redactor(KEY).text(once) == once


@pytest.mark.parametrize("value", ["$ecret", "<hunter2>", "%abc!", "x1x", "{{hunter!", "**a**", "expired1", "truely"])
def test_a_secret_that_resembles_a_mask_is_redacted(value: str) -> None:
    assert value not in Redactor(KEY).text(f"password={value}")
