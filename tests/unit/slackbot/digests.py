"""Made-up digests."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from copilot.knowledge.digest import Digest, Noisy, Recurring
from tests.unit.slackbot.briefings import BEGAN

if TYPE_CHECKING:
    from copilot.knowledge.briefing import Briefing

WEEK = Digest(
    since=BEGAN - timedelta(days=7),
    until=BEGAN,
    incidents=12,
    before=9,
    resolved=11,
    still_open=1,
    related=31,
    first_hypotheses=3.4,
    acknowledged=120.0,
    lasted=1860.0,
    up=6,
    down=2,
    answered=5,
    confirmed=5,
    first_right=4,
    services=(("checkout", 7), ("payments", 5)),
    noisiest=(Noisy("checkout", "HighLatency", 6, 1), Noisy("mail", "QueueLong", 0, 9)),
    recurring=(Recurring("payments", "bad deploy", (17, 40)),),
    dollars=0.42,
)
QUIET = replace(
    WEEK, incidents=0, resolved=0, still_open=0, related=0, first_hypotheses=None, acknowledged=None, lasted=None, up=0,
    down=0, answered=0, confirmed=0, first_right=0, services=(), noisiest=(), recurring=(), dollars=0.0,
)  # fmt: skip


def of(briefing: Briefing) -> Digest:
    """A digest in which outsiders chose every word."""
    return replace(
        WEEK,
        services=((briefing.service, 7),) * 5,
        noisiest=(Noisy(briefing.service, briefing.title, 6, 1),) * 5,
        recurring=(Recurring(briefing.service, "bad deploy", tuple(range(30))),) * 5,
    )
