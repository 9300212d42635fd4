"""Candidates to scores: freeze the inputs, rank, and write both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from copilot import observe
from copilot.guard.tenancy import tenant_scope
from copilot.models import Hypothesis, RankingRecord, Stage, StageResult
from copilot.stages.claim import Claim, Outcome, Progress
from copilot.stages.propose import load_detection
from scoring.evidence import RankInputs
from scoring.frozen import freeze, plain, thaw_acceptance, thaw_candidate, thaw_inputs, thaw_precedent
from scoring.rank import rank as rank_candidates
from scoring.version import VERSION

if TYPE_CHECKING:
    from uuid import UUID

    from scoring.evidence import Ranking

# People are shown three; the rest is kept for the admin, for `why`, and for learning.
KEPT = 10


def rank(claim: Claim, progress: Progress) -> Outcome:
    """Return the ranking of the run's candidates."""
    del progress
    with tenant_scope(claim.tenant_id):
        detection, window, subject, asked = load_detection(claim)
        proposed = StageResult.objects.get(run_id=claim.run_id, stage=Stage.PROPOSE).output
    inputs = RankInputs(
        window=window,
        subject=subject,
        evidence=detection.evidence,
        candidates=tuple(thaw_candidate(one) for one in proposed["candidates"]),
        dependencies=detection.dependencies,
        gaps=detection.gaps,
        precedents=tuple(thaw_precedent(one) for one in proposed["precedents"]),
        acceptances=tuple(thaw_acceptance(one) for one in proposed["acceptances"]),
        sources_asked=asked,
        looked_at=detection.looked_at,
    )
    ranking = rank_candidates(inputs)
    frozen_inputs, frozen_outcome = freeze(inputs), freeze(ranking)
    note = proposed["model_note"]
    return Outcome(
        output={"verdict": ranking.verdict.value, "scores": len(ranking.scores), "version": ranking.version},
        write=lambda: _write(claim, ranking, frozen_inputs, frozen_outcome, note),
    )


def _write(claim: Claim, ranking: Ranking, inputs: str, outcome: str, note: str) -> None:
    """Write the ranking and its hypotheses, within the transaction that ends the stage."""
    # What nothing connects with the incident stays in the frozen outcome: nobody is to act on it, or to be asked about it.
    leads = [score for score in ranking.scores if score.is_lead]
    if leads:
        observe.confidence.labels(ranking.verdict.value).observe(leads[0].confidence)
    RankingRecord.objects.filter(run_id=claim.run_id).delete()
    Hypothesis.objects.filter(run_id=claim.run_id).delete()
    RankingRecord.objects.create(
        tenant_id=claim.tenant_id,
        run_id=claim.run_id,
        version=ranking.version,
        verdict=ranking.verdict.value,
        explanation=ranking.explanation,
        missing=list(ranking.missing),
        next_check=ranking.next_check,
        weighed_light=list(ranking.weighed_light),
        inputs=inputs,
        outcome=outcome,
        model_note=note[:300],
    )
    Hypothesis.objects.bulk_create(
        Hypothesis(
            tenant_id=claim.tenant_id,
            run_id=claim.run_id,
            rank=place,
            service=score.candidate.entity.service[:200],
            entity=str(score.candidate.entity)[:300],
            cause_kind=score.candidate.cause_kind.value,
            statement=score.candidate.statement,
            origin=score.candidate.origin.value,
            confidence=score.confidence,
            low=score.low,
            high=score.high,
            factors=plain(score.factors),
            supporting=list(score.candidate.supporting),
            contradicting=list(score.candidate.contradicting),
            next_check=score.candidate.next_check,
        )
        for place, score in enumerate(leads[:KEPT], start=1)
    )


@dataclass(frozen=True, slots=True)
class Rescored:
    """Hold a recomputed ranking beside the stored one; `is_equal` compares their bytes."""

    version: str
    stored: str
    recomputed: str

    @property
    def is_equal(self) -> bool:
        """Return whether recomputing gave the same bytes."""
        return self.stored.encode() == self.recomputed.encode()


class NotRanked(LookupError):
    """Say that a run has no ranking, or one of another version of the mathematics."""


def rescore(tenant_id: UUID, run_id: UUID) -> Rescored:
    """Recompute a run's ranking from its frozen inputs.

    :raises NotRanked: where there is no ranking, or this release has another version of the mathematics.
    """
    with tenant_scope(tenant_id):
        record = RankingRecord.objects.filter(run_id=run_id).first()
    if record is None:
        raise NotRanked("the run has no ranking yet")
    if record.version != VERSION:
        raise NotRanked(
            f"the ranking was made by scoring version {record.version}, this release has {VERSION}: use that release"
        )
    return Rescored(record.version, record.outcome, freeze(rank_candidates(thaw_inputs(record.inputs))))
