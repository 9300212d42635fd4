"""A change counts by what it touches and what it does to it: diffs as reviewers read them, against the words of a symptom."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring import diffs
from scoring.candidates import candidates
from scoring.changes import altered, reason
from scoring.detect import detect
from scoring.evidence import CauseKind, EvidenceKind
from scoring.folders import elsewhere
from scoring.observations import Change, ChangeKind, Entity, EntityKind, LogPattern, Note, Observation
from scoring.relevance import CLEARED, FITS, UNKNOWN, weigh

from . import made, shop

PAY = Entity(EntityKind.SERVICE, "payments", "shop")
OTHER = Entity(EntityKind.SERVICE, "web", "shop")

LIMIT = """\
--- a/pkg/db/pool.go
+++ b/pkg/db/pool.go
@@ -3,4 +3,4 @@
-const defaultMaxConns = 50
+const defaultMaxConns = 10
"""
TIMEOUT = """\
-    ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
+    callCtx, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
"""
LOCK = """\
 func (l *Limiter) Allow(id string) bool {
-    l.mu.Lock()
-    defer l.mu.Unlock()
     l.counts[id]++
"""
CHECK = """\
-        if customer is None:
-            return ""
-        return customer.name
+        return customer.name
"""
GROWS = """\
+seen = []
+def handle(request):
+    seen.append(request)
"""
BOUNDED = """\
+recent = lru(maxsize=100)
+def handle(request):
+    recent.put(request)
"""
QUERY = """\
+        return session.execute("SELECT id FROM user_favourites WHERE user_id = :id")
"""
REGISTERED = """\
-  registerHandlers(router);
   await router.warmup();
"""
LOGGING = """\
-    LOG_DEBUG(log, "leader elected term={}", term);
+    LOG_INFO(log, "leader elected term={} node={}", term, node);
"""
REWORDED = """\
-    if (lat < -90 || lat > 90) { return outOfRange("lat", lat); }
+    if (!between(lat, -90, 90)) { return outOfRange("lat", lat); }
"""


def change(diff: str = "", *files: str, kind: ChangeKind = ChangeKind.DEPLOYMENT, **fields: Any) -> Change:
    return Change(
        PAY, kind, shop.SYMPTOM_AT - 120, fields.pop("title", "a change"), "github", files=files, diff=diff, **fields
    )


@pytest.mark.parametrize(
    ("diff", "symptom", "does"),
    [
        (LIMIT, "pgx pool: exhausted, waited for a connection", "lowers a limit"),
        (TIMEOUT, "rpc error: code = DeadlineExceeded", "lowers a time limit"),
        (LOCK, "fatal error: concurrent map writes", "takes a lock away"),
        (CHECK, "AttributeError: 'NoneType' object has no attribute 'name'", "takes a check against nothing away"),
        (GROWS, "OOMKilled: container exceeded its memory limit", "lets something grow without bound"),
        (QUERY, 'relation "user_favourites" does not exist', "alters what is asked of a database"),
        (REGISTERED, "route lookup failed: no handler", "no longer calls what it called"),
    ],
)
def test_what_a_diff_does_is_held_against_how_that_shows(diff: str, symptom: str, does: str) -> None:
    found = weigh([change(diff)], [symptom])
    assert found.words == f"it {does}"
    assert found.value >= FITS
    # The same diff does not fit a symptom that shows something else.
    assert weigh([change(diff)], ["certificate chain is not trusted"]).value <= UNKNOWN


def test_a_limit_that_is_raised_is_not_lowered() -> None:
    raised = LIMIT.replace("50", "x").replace("10", "50").replace("x", "10")
    assert weigh([change(raised)], ["pool exhausted, no free connection"]).value < FITS


def test_units_count_a_move_from_seconds_to_more_milliseconds_is_no_raise() -> None:
    (moved,) = diffs.parse([change(TIMEOUT)]).moved  # type: ignore[union-attr]
    assert (moved.old, moved.new) == (5.0, 0.3)
    assert moved.words == "context.WithTimeout 5*time.Second → 300*time.Millisecond"
    assert altered(change(LIMIT)) == "defaultMaxConns 50 → 10"


def test_what_is_bounded_does_not_grow() -> None:
    assert weigh([change(BOUNDED)], ["OOMKilled"]).value < FITS


@pytest.mark.parametrize(
    ("diff", "files"),
    [
        (LOGGING, ("src/leader.cpp",)),
        ("-.card { padding: 8px }\n+.card { padding: 12px }", ("static/card.css",)),
        ("", ("docs/api.md", "README.md")),
        ("+    assert backoff(3) < 800", ("pkg/retry/backoff_test.go",)),
        ("-// the pool of connections\n+// the pool of all connections", ("pool.go",)),
    ],
)
def test_what_nothing_runs_is_cleared(diff: str, files: tuple[str, ...]) -> None:
    found = weigh([change(diff, *files)], ["leader election failed: connection pool timeout, retry"])
    assert found.value < CLEARED
    assert found.words == "it alters nothing that runs"


def test_lines_with_the_same_values_and_guards_are_only_reworded() -> None:
    found = weigh([change(REWORDED)], ["field lat out of bounds, got 412"])
    assert (found.value, found.words) == (0.15, "it only rewords what it touches")
    wrapped = (
        '-    if err != nil { return nil, err }\n+    if err != nil { return nil, fmt.Errorf("parse record: %w", err) }'
    )
    assert weigh([change(wrapped)], ["record validation failed"]).words == "it only rewords what it touches"
    altered_bound = REWORDED.replace("between(lat, -90, 90)", "between(lat, -9, 9)")
    assert weigh([change(altered_bound)], ["field lat out of bounds, got 412"]).value > 0.15


def test_a_name_that_the_error_says_counts_more_than_words_and_words_more_than_nothing() -> None:
    symptom = ["settle_invoice: ledger entry rejected"]
    named = weigh([change("+    settle_invoice(order)")], symptom)
    spoken = weigh([change("+    total = ledger.entry(total)")], symptom)
    neither = weigh([change("+    colour = palette.accent")], symptom)
    assert (named.value, named.words) == (0.5, "it touches settle_invoice, which what failed names")
    assert (spoken.value, spoken.words) == (0.4, "it touches ledger, entry, of which what failed speaks")
    assert (neither.value, neither.words) == (0.2, "nothing that it touches fits what failed")


def test_the_names_of_services_are_no_words_in_common() -> None:
    assert weigh([change("+    ledger.entry()")], ["ledger entry rejected"], common=["ledger-entry-api"]).value == 0.2


def test_what_nobody_knows_is_neither_held_against_a_change_nor_for_it() -> None:
    assert weigh([change()], ["pool exhausted"]).value == UNKNOWN


def test_a_part_that_is_told_may_speak_for_a_change_but_not_against_it() -> None:
    rollout = change(detail="env DB_POOL_SIZE 20 → 5; image payments:7 → payments:8")
    assert weigh([rollout], ["connection pool exhausted"]).words == "it lowers a limit"
    assert weigh([rollout], ["disk is full"]).value == UNKNOWN


def test_two_sightings_of_one_change_are_weighed_as_one() -> None:
    bare = Change(PAY, ChangeKind.DEPLOYMENT, shop.SYMPTOM_AT - 120, "payments 8", "deploys")
    assert weigh([bare, change(LIMIT)], ["pool exhausted"]) == weigh([change(LIMIT)], ["pool exhausted"])


@pytest.mark.parametrize(
    ("symptom", "kind"),
    [
        ("remote error: tls: x509: certificate has expired or is not yet valid", CauseKind.CREDENTIALS),
        ("POST https://api.paypartner.com/v1/charges returned 503", CauseKind.THIRD_PARTY),
    ],
)
def test_what_lies_outside_clears_a_change_that_does_not_touch_it(symptom: str, kind: CauseKind) -> None:
    assert weigh([change(LIMIT)], [symptom]).value < CLEARED
    assert weigh([change()], [symptom]).value < CLEARED
    observations: list[Observation] = [
        LogPattern(PAY, symptom, 0, 300, "logs", 3000.0, 300.0, "error", shop.SYMPTOM_AT, shop.NOW),
        change(LIMIT, version="8"),
        Note(PAY, "payments fails", shop.ALERT_AT, "pagerduty"),
    ]
    found = detect(observations, shop.WINDOW, subject=PAY)
    made_of = candidates(found, window=shop.WINDOW, subject=PAY)
    assert made_of[0].cause_kind is kind
    assert CauseKind.BAD_DEPLOY not in {one.cause_kind for one in made_of}


def test_who_touches_the_certificate_is_not_cleared_when_it_runs_out() -> None:
    touching = change("-  secretName: payments-cert-2026\n+  secretName: payments-cert-2024", "deploy/tls.yaml")
    assert weigh([touching], ["x509: certificate has expired"]).value >= FITS


@pytest.mark.parametrize(
    "address",
    [
        "https://payments.shop.svc:8443/charge",
        "http://10.0.0.7/charge",
        "http://payments/charge",
        "https://db.internal/x",
    ],
)
def test_an_address_of_our_own_is_no_third_party(address: str) -> None:
    assert weigh([change()], [f"POST {address} returned 503"]).value == UNKNOWN


def test_of_two_deployments_the_one_that_fits_is_the_candidate_not_the_latest() -> None:
    early = Change(
        PAY, ChangeKind.DEPLOYMENT, shop.SYMPTOM_AT - 600, "shared limits", "github", version="7", key="aa", diff=LIMIT
    )
    late = Change(
        PAY,
        ChangeKind.DEPLOYMENT,
        shop.SYMPTOM_AT - 30,
        "tidy",
        "github",
        version="8",
        key="bb",
        diff="+    colour = accent",
    )
    exhausted = LogPattern(PAY, "pool exhausted", 0, 300, "logs", 3000.0, 300.0, "error", shop.SYMPTOM_AT, shop.NOW)
    found = detect([early, late, exhausted], shop.WINDOW, subject=PAY)
    (one,) = (
        one for one in candidates(found, window=shop.WINDOW, subject=PAY) if one.cause_kind is CauseKind.BAD_DEPLOY
    )
    assert one.statement.startswith("payments 7 deployed")
    assert "(defaultMaxConns 50 → 10)" in one.statement
    cited = {
        item.indicator for item in found.evidence if item.id in one.supporting and item.kind is EvidenceKind.CHANGE
    }
    assert cited == {"payments 7 deployed"}
    told = {item.indicator: reason([item]) for item in found.evidence if item.kind is EvidenceKind.CHANGE}
    assert told == {
        "payments 7 deployed": "it lowers a limit",
        "payments 8 deployed": "nothing that it touches fits what failed",
    }


def test_a_flag_of_which_nobody_knows_what_it_does_stands_behind_a_deployment_that_fits() -> None:
    early = Change(
        PAY, ChangeKind.DEPLOYMENT, shop.SYMPTOM_AT - 900, "shared limits", "github", version="7", key="aa", diff=LIMIT
    )
    flag = Change(PAY, ChangeKind.FLAG, shop.SYMPTOM_AT - 30, "new_cards off → on", "flags", key="flag new_cards")
    exhausted = LogPattern(PAY, "pool exhausted", 0, 300, "logs", 3000.0, 300.0, "error", shop.SYMPTOM_AT, shop.NOW)
    ranking = made.ranked([early, flag, exhausted], subject=PAY)
    assert [one.candidate.cause_kind for one in ranking.scores[:2]] == [CauseKind.BAD_DEPLOY, CauseKind.CONFIG_CHANGE]
    alone = made.ranked([flag, exhausted], subject=PAY)
    assert alone.scores[0].confidence > ranking.scores[1].confidence


def test_what_a_change_is_known_not_to_fit_it_does_not_explain() -> None:
    unfit = Change(
        PAY,
        ChangeKind.DEPLOYMENT,
        shop.SYMPTOM_AT - 60,
        "tidy",
        "github",
        version="8",
        key="bb",
        diff="+    colour = accent",
    )
    unknown = Change(PAY, ChangeKind.DEPLOYMENT, shop.SYMPTOM_AT - 60, "tidy", "github", version="8", key="bb")
    exhausted = LogPattern(PAY, "pool exhausted", 0, 300, "logs", 3000.0, 300.0, "error", shop.SYMPTOM_AT, shop.NOW)
    found = {one.candidate.cause_kind: one.confidence for one in made.ranked([unfit, exhausted], subject=PAY).scores}
    before = {one.candidate.cause_kind: one.confidence for one in made.ranked([unknown, exhausted], subject=PAY).scores}
    assert set(before) == {CauseKind.BAD_DEPLOY}
    assert set(found) == {CauseKind.BAD_DEPLOY, CauseKind.CONNECTION_SATURATION}
    assert found[CauseKind.BAD_DEPLOY] < before[CauseKind.BAD_DEPLOY]


@made.thorough
@given(diff=st.text(max_size=400), detail=st.text(max_size=60), texts=st.lists(st.text(max_size=80), max_size=4))
def test_any_text_gives_a_share(diff: str, detail: str, texts: list[str]) -> None:
    assert 0.0 <= weigh([change(diff, detail=detail)], texts).value <= 1.0


@made.thorough
@given(
    lines=st.lists(
        st.sampled_from([*LIMIT.splitlines(), *LOCK.splitlines(), *GROWS.splitlines(), "-x(((((((", "+" + "a." * 400]),
        max_size=30,
    )
)
def test_any_order_of_lines_gives_a_share(lines: list[str]) -> None:
    assert 0.0 <= weigh([change("\n".join(lines))], ["pool exhausted", "OOM", "not found"]).value <= 1.0


def test_a_large_diff_and_long_texts_take_no_time() -> None:
    large = "\n".join(
        f"{'-+'[place % 2]}    limit_{place} = pool.size({place}) if value != None else timeout"
        for place in range(3000)
    )
    began = time.process_time()
    weigh([change(large, detail="a.b-c " * 20_000)], ["https://" + "a." * 20_000, "pool exhausted " * 5000])
    # Ten times what it takes on one core that others use too.
    assert time.process_time() - began < 3.0


# --- whose folders ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (("services/cart/pool.go",), ("cart",)),
        (("cart-service/pool.go", "src/catalog_svc/list.py"), ("cart", "catalog-service")),
        # One file of its own, one that is shared, or one that lies nowhere: it may be of this service.
        (("services/cart/pool.go", "services/payments/pool.go"), ()),
        (("services/cart/pool.go", "pkg/money/round.go"), ()),
        (("services/cart/pool.go", "go.mod"), ()),
        ((), ()),
        # A client for another service, inside of this one.
        (("payments/cart/client.go",), ()),
        (("pkg/cart/client.go",), ()),
        # A folder that any service may have, though one is called so.
        (("db/pool.go",), ()),
        (("deploy/production/cart/values.yaml",), ("cart",)),
    ],
)
def test_files_belong_to_the_services_whose_folders_they_lie_in(
    paths: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert elsewhere(paths, "payments", ("cart", "catalog-service", "db", "payments")) == expected


def deployed(*paths: str) -> Change:
    return Change(PAY, ChangeKind.DEPLOYMENT, 0.0, "deploy", "github", key="abc", files=paths, diff=TIMEOUT)


def test_a_deployment_that_brings_other_services_changes_alone_weighs_less_than_one_that_brings_its_own() -> None:
    texts = ("context deadline exceeded after 300ms",)
    services = ("payments", "cart")

    others = weigh((deployed("services/cart/call.go"),), texts, services=services)
    own = weigh((deployed("services/payments/call.go"),), texts, services=services)
    both = weigh((deployed("services/cart/call.go", "services/payments/call.go"),), texts, services=services)

    assert (others.value, others.words) == (0.1, "it touches only the folders of cart")
    assert own.value == both.value >= FITS
    assert others.value < UNKNOWN
    # A restart is left of it: it is not cleared.
    assert others.value >= CLEARED


def test_the_same_commit_weighs_at_each_service_by_what_it_touches_there() -> None:
    cart = Entity(EntityKind.SERVICE, "cart", "shop")
    files = ("services/cart/call.go",)
    observations: list[Observation] = [
        Change(
            entity,
            ChangeKind.DEPLOYMENT,
            shop.ALERT_AT - 600,
            "deploy",
            "github",
            key="abc",
            version="abc",
            files=files,
            diff=TIMEOUT,
        )
        for entity in (PAY, cart)
    ]
    found = detect(
        [*observations, Note(PAY, "payments: deadline exceeded", shop.ALERT_AT, "pagerduty")], shop.WINDOW, subject=PAY
    )
    told = {one.entity.service: reason([one]) for one in found.evidence if one.kind is EvidenceKind.CHANGE}
    assert told["payments"] == "it touches only the folders of cart"
    assert told["cart"] != told["payments"]
