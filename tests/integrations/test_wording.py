"""Symptoms stay the same when the same thing fires again, and changes are sorted by their words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.wording import change_kind, symptom
from scoring.observations import ChangeKind


@pytest.mark.parametrize(
    ("title", "stable"),
    [
        ("A little bump in the road", "a little bump in the road"),
        ("[FIRING:1] HighLatency checkout (prod critical)", "highlatency checkout (prod critical)"),
        ("[RESOLVED] HighLatency checkout", "highlatency checkout"),
        ("FIRING: HighLatency checkout", "highlatency checkout"),
        ("CPU at 97.3% on web-12.eu.example.com", "cpu at # on web-#"),
        ("Pod payments-7d9f8b6c5d-x2x4k OOMKilled 3 times", "pod payments-# oomkilled # times"),
        ("p99 > 500ms for 5m since 2026-11-20T10:00:00Z", "p99 > # for # since #"),
        ("5xx ratio 12% on s3 10.1.2.3:9090", "5xx ratio # on s3 #"),
        ("Disk /dev/sda1 95 % full on ip-10-0-3-17", "disk /dev/sda1 # full on ip-#"),
        ("Order 5f3a9c1e2b failed", "order # failed"),
        ("Job 3fa85f64-5717-4562-b3fc-2c963f66afa6 failed at 10:15", "job # failed at #"),
        ("queue-17 depth 1,234", "queue-# depth #"),
        ("see https://grafana.test/d/x?y=1 now", "see # now"),
        ("deadbeef cafe facade", "deadbeef cafe facade"),
        ("", ""),
        ("\x00", ""),
    ],
)
def test_what_changes_from_one_time_to_the_next_is_masked(title: str, stable: str) -> None:
    assert symptom(title) == stable


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("[FIRING:1] Checkout p99 2.4s", "[FIRING:12] Checkout p99 11s"),
        ("payments-7d9f8b6c5d-x2x4k restarts", "payments-6b5d4c9f8b-zzb7k restarts"),
        ("db03.eu.example.com is down", "db11.us.example.com is down"),
        ("Backup of 2026-11-20 failed", "Backup of 2026-11-21 failed"),
    ],
)
def test_two_firings_of_one_thing_have_one_symptom(one: str, other: str) -> None:
    assert symptom(one) == symptom(other)


def test_different_things_keep_different_symptoms() -> None:
    titles = ["p99 high on checkout", "p50 high on checkout", "p99 high on cart", "4xx ratio high", "5xx ratio high"]
    assert len({symptom(title) for title in titles}) == len(titles)


WORDS = st.text() | st.lists(
    st.sampled_from(
        [
            "[firing:2]",
            "p99",
            "12",
            "-",
            "#",
            ".",
            ":",
            "ms",
            "%",
            "web-1.a.b",
            "deadbeef1",
            "10:00",
            " ",
            "a",
            "-x2x4k",
            "İ",
        ]
    )
).map("".join)


@given(WORDS)
def test_applying_it_twice_changes_nothing(title: str) -> None:
    assert symptom(symptom(title)) == symptom(title)


@given(st.text(min_size=150, max_size=3000))
def test_it_is_short_and_on_one_line(title: str) -> None:
    found = symptom(title)
    assert len(found) <= 200
    assert "\n" not in found
    assert found == found.strip()


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("Deployed payments v2.14.0", ChangeKind.DEPLOYMENT),
        ("Build Success - Increase snapshot create timeout", ChangeKind.DEPLOYMENT),
        ("Rolled back to v2.13", ChangeKind.DEPLOYMENT),
        ("Feature flag new-cart switched on", ChangeKind.FLAG),
        ("DB migration 0042 applied", ChangeKind.MIGRATION),
        ("Autoscaled to 12", ChangeKind.SCALING),
        ("TLS renewed", ChangeKind.CERTIFICATE),
        ("Cronjob nightly changed", ChangeKind.CRON),
        ("Config map updated", ChangeKind.CONFIG),
        ("Something happened", ChangeKind.OTHER),
    ],
)
def test_changes_are_sorted_by_their_words(words: str, kind: ChangeKind) -> None:
    assert change_kind(words) is kind
