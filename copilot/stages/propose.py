"""Evidence to candidates: rules and precedents always, the model where it can be reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot import llm
from copilot.guard.tenancy import tenant_scope
from copilot.knowledge.precedents import acceptances, precedents
from copilot.models import EvidenceRecord, Incident, Stage, StageResult
from copilot.stages.claim import Claim, Outcome, Progress
from scoring.candidates import admit, candidates
from scoring.detect import Detection
from scoring.frozen import plain, thaw_dependency, thaw_entity, thaw_evidence, thaw_gap, thaw_window
from scoring.similarity import signature

if TYPE_CHECKING:
    from scoring.evidence import Evidence
    from scoring.observations import Entity, Window


def load_detection(claim: Claim) -> tuple[Detection, Window, Entity, tuple[str, ...]]:
    """Return what the gather stage found; runs inside the tenant's scope."""
    gathered = StageResult.objects.get(run_id=claim.run_id, stage=Stage.GATHER).output
    evidence: tuple[Evidence, ...] = tuple(
        thaw_evidence(row.payload) for row in EvidenceRecord.objects.filter(run_id=claim.run_id).order_by("position")
    )
    detection = Detection(
        evidence=evidence,
        dependencies=tuple(thaw_dependency(one) for one in gathered["dependencies"]),
        gaps=tuple(thaw_gap(one) for one in gathered["gaps"]),
        onset=float(gathered["onset"]),
        looked_at=int(gathered.get("looked_at", 0)),
    )
    return (
        detection,
        thaw_window(gathered["window"]),
        thaw_entity(gathered["subject"]),
        tuple(gathered["sources_asked"]),
    )


def propose(claim: Claim, progress: Progress) -> Outcome:
    """Return candidates made by rules and precedents, and those of the model that cite evidence we gave."""
    del progress
    with tenant_scope(claim.tenant_id):
        detection, window, subject, _ = load_detection(claim)
        incident = Incident.objects.select_related("service").get(id=claim.incident_id)
        history = precedents(incident, signature(detection.evidence))
        accepted = acceptances(incident)
    by_rules = candidates(detection, window=window, subject=subject, precedents=history)
    economy = str(claim.plan.get("economy", ""))
    proposed = (
        llm.Proposals(note=economy)
        if economy
        else llm.propose(
            claim.tenant_id,
            claim.run_id,
            subject=subject,
            title=incident.title,
            evidence=detection.evidence,
            rule_candidates=by_rules,
            dependencies=detection.dependencies,
            gaps=detection.gaps,
        )
    )
    admitted = admit((*by_rules, *proposed.candidates), detection.evidence)
    return Outcome(
        output={
            "candidates": plain(admitted),
            "precedents": plain(history),
            "acceptances": plain(accepted),
            "model": proposed.model,
            "model_note": proposed.note,
            "model_candidates": len(proposed.candidates),
            "model_dropped": list(proposed.dropped),
        }
    )
