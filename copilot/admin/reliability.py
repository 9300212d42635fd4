"""What a tenant's confidences were worth: what was said of its first hypotheses, and what people made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Count, OuterRef, Q, Subquery

from copilot.models import Confirmation, FeedbackValue, Hypothesis, Run
from scoring.calibrate import LEAST_JUDGED, Judged, brier, expected_calibration_error, reliability

if TYPE_CHECKING:
    from copilot.models import Tenant
    from scoring.calibrate import Bin


@dataclass(frozen=True, slots=True)
class ReliabilityView:
    """Hold the reliability table of a tenant, lowest confidence first; the numbers are None without judged incidents."""

    judged: int
    rows: tuple[Bin, ...]
    brier: float | None
    error: float | None
    needed: int = LEAST_JUDGED


def read(tenant: Tenant) -> ReliabilityView:
    """Return how right the first hypotheses were, by their raw confidence."""
    found = judged(tenant)
    return ReliabilityView(len(found), reliability(found), brier(found), expected_calibration_error(found))


def judged(tenant: Tenant) -> list[Judged]:
    """Return the first hypothesis of each incident's newest ranking, where people judged it.

    What they settled on decides; without it the majority of verdicts on the first hypothesis, of which a tie decides nothing.
    """
    newest = Run.objects.filter(tenant=tenant, incident=OuterRef("run__incident"), hypotheses__isnull=False)
    firsts = (
        Hypothesis.objects.filter(tenant=tenant, rank=1, run=Subquery(newest.order_by("-sequence").values("pk")[:1]))
        .annotate(
            up=Count("feedback", filter=Q(feedback__value=FeedbackValue.UP)),
            down=Count("feedback", filter=Q(feedback__value=FeedbackValue.DOWN)),
        )
        .values_list("run__incident", "service", "cause_kind", "confidence", "up", "down")
    )
    settled = {
        one.incident_id: one.hypothesis
        for one in Confirmation.objects.filter(tenant=tenant).select_related("hypothesis")
    }
    found = []
    for incident, service, kind, confidence, up, down in firsts:
        if incident in settled:
            cause = settled[incident]
            is_right = cause is not None and (cause.service, cause.cause_kind) == (service, kind)
            found.append(Judged(confidence, is_right))
        elif up != down:
            found.append(Judged(confidence, up > down))
    return found
