"""What the model is told of an incident besides its evidence: where it stands, the scores, the past, and what is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from copilot.knowledge.briefing import Briefing

MOST = 12


def of(briefing: Briefing) -> dict[str, Any]:
    """Return the facts as plain data; lists hold the most telling first, as their ends are cut where there is no room."""
    return {
        "incident": f"INC-{briefing.number}",
        "status": briefing.status,
        "since": f"{briefing.started_at:%Y-%m-%d %H:%M} UTC",
        "acknowledged_by": briefing.acknowledged_by,
        "assignees": list(briefing.assignees[:6]),
        "verdict": briefing.verdict or ("still being looked at" if briefing.is_working else "none"),
        "explanation": briefing.explanation,
        "confirmed_by_people": briefing.confirmed_words
        or next((one.statement for one in briefing.hypotheses if one.is_confirmed), ""),
        "hypotheses": [
            {
                "rank": one.rank,
                "statement": one.statement,
                "about": one.entity,
                "cause_kind": one.cause_kind,
                "range": [round(one.low, 2), round(one.high, 2)],
                "factors": [
                    {"name": factor.name, "value": round(factor.value, 2), "why": factor.reason}
                    for factor in one.factors
                ],
                "evidence_for": list(one.supporting),
                "evidence_against": list(one.contradicting),
                "next_check": one.next_check,
            }
            for one in briefing.hypotheses[:5]
        ],
        "next_check": briefing.next_check,
        "missing": list(briefing.missing[:MOST]),
        "not_answered": [
            f"{one.name}: {one.detail or one.status}" for one in briefing.sources if one.status in {"failed", "partial"}
        ][:MOST],
        "weighed_and_found_light": list(briefing.weighed_light[:MOST]),
        "similar_incidents": [
            {
                "number": one.number,
                "title": one.title,
                "when": one.started_at.isoformat(timespec="minutes"),
                "alike": one.why,
                "cause": one.cause or "never confirmed",
                "words": one.words,
            }
            for one in briefing.similar[:5]
        ],
        "timeline": [f"{one.at:%Y-%m-%d %H:%M:%S} UTC {one.text}" for one in briefing.timeline[-20:]],
        "runbook": dict(briefing.labels).get("runbook_url", ""),
    }
