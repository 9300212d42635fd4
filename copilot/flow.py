"""A run's state machine: claim, finish, fail, sweep; and what people see follows the rows."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from django.db import connection, models
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from copilot import backlog, observe, rounds, tracing
from copilot.config import config
from copilot.faces import faces, publish_everywhere
from copilot.guard.tenancy import tenant_scope
from copilot.hints import Work, hint
from copilot.models import Delivery, Incident, Run, Stage, StageResult, Tenant
from copilot.stages.claim import Claim, Outcome, Progress
from copilot.stages.gather import gather
from copilot.stages.ingest import ingest
from copilot.stages.plan import stage_after
from copilot.stages.propose import propose
from copilot.stages.rank import rank

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from uuid import UUID

log = observe.logger(__name__)

ENDED = (Stage.DONE, Stage.FAILED)


class _Shown:
    """Run the stages that only show: what the rows say goes to every face, whose trouble never holds up a run."""

    def __call__(self, claim: Claim, progress: Progress) -> Outcome:
        del progress
        want_publish(claim.tenant_id, claim.incident_id)
        try:
            publish(claim.tenant_id, claim.incident_id)
        except Exception as error:  # noqa: BLE001 - recorded on the incident; the sweeper shows it later
            log.warning("not shown yet", error=f"{type(error).__name__}: {error}", stage=claim.stage)
            return Outcome({"shown": False})
        return Outcome({"shown": True})


WORK: dict[str, Callable[[Claim, Progress], Outcome]] = {
    Stage.OPEN: _Shown(),
    Stage.GATHER: gather,
    Stage.PROPOSE: propose,
    Stage.RANK: rank,
    Stage.POST: _Shown(),
}


# --- claim, work, finish -----------------------------------------------------------------------------------------


def claim(tenant_id: UUID, run_id: UUID) -> Claim | None:
    """Take the run for the length of a lease, if it is free; one guarded update, so that exactly one of many wins."""
    lease = timedelta(seconds=config().lease_seconds)
    with tenant_scope(tenant_id):
        taken = (
            Run.objects.filter(id=run_id, lease_until__lte=Now(), not_before__lte=Now())
            .exclude(stage__in=ENDED)
            .update(
                lease_until=Now() + lease,
                attempt=F("attempt") + 1,
                stage_attempts=F("stage_attempts") + 1,
            )
        )
        if not taken:
            return None
        run = Run.objects.get(id=run_id)
    return Claim(
        tenant_id=tenant_id,
        run_id=run.id,
        incident_id=run.incident_id,
        stage=run.stage,
        attempt=run.attempt,
        stage_attempts=run.stage_attempts,
        plan=run.plan,
    )


def advance(tenant_id: UUID, run_id: UUID) -> str | None:
    """Work the run's stages until it ends or cannot go on now; return its last stage, or None where it was not free."""
    stage: str | None = None
    while (taken := claim(tenant_id, run_id)) is not None:
        stage = taken.stage
        if taken.stage_attempts > config().max_attempts:
            _give_up(taken, "the work on this stage was lost too often")
            return Stage.FAILED
        started = timezone.now()
        about: dict[str, tracing.Attribute] = {"copilot.attempt": taken.attempt, "copilot.run": str(run_id)}
        try:
            with tracing.span(f"stage {stage}", about, parent=tracing.kept(taken.plan)), _heartbeat(taken):
                outcome = WORK[taken.stage](taken, partial(_progress, taken))
        except Exception as error:
            log.exception("stage failed", stage=taken.stage, attempt=taken.attempt)
            _fail(taken, f"{type(error).__name__}: {error}")
            return stage
        observe.stage_seconds.labels(taken.stage).observe((timezone.now() - started).total_seconds())
        following = _finish(taken, outcome, started)
        if following is None:
            log.warning("a late worker's result was thrown away", stage=taken.stage, attempt=taken.attempt)
            return stage
        stage = following
        if following in ENDED:
            observe.runs_finished.labels(following).inc()
            break
    return stage


def _mine(taken: Claim) -> models.QuerySet[Run]:
    """Return the run as a query that finds it only while this claim still holds."""
    return Run.objects.filter(id=taken.run_id, stage=taken.stage, attempt=taken.attempt)


def _finish(taken: Claim, outcome: Outcome, started: datetime) -> str | None:
    """Write the stage's result and the next stage in one transaction; None where another worker has taken over."""
    following = stage_after(taken.plan, taken.stage)
    with tenant_scope(taken.tenant_id):
        moved = _mine(taken).update(
            stage=following,
            stage_attempts=0,
            lease_until=Now(),
            error="",
            finished_at=Now() if following in ENDED else None,
        )
        if not moved:
            return None
        if outcome.write is not None:
            outcome.write()
        StageResult.objects.update_or_create(
            tenant_id=taken.tenant_id,
            run_id=taken.run_id,
            stage=taken.stage,
            defaults={
                "attempt": taken.attempt,
                "output": outcome.output,
                "started_at": started,
                "finished_at": timezone.now(),
            },
        )
    return following


def _fail(taken: Claim, error: str) -> None:
    """Let the stage be tried again after a pause that doubles, or give the run up."""
    if taken.stage_attempts >= config().max_attempts:
        _give_up(taken, error)
        return
    pause = timedelta(seconds=min(2 ** (taken.stage_attempts - 1), 60))
    with tenant_scope(taken.tenant_id):
        _mine(taken).update(lease_until=Now(), not_before=Now() + pause, error=error[:2000])


def _give_up(taken: Claim, error: str) -> None:
    """End the run as failed and tell people so."""
    with tenant_scope(taken.tenant_id):
        ended = _mine(taken).update(stage=Stage.FAILED, error=error[:2000], finished_at=Now(), lease_until=Now())
    if ended:
        observe.runs_finished.labels(Stage.FAILED).inc()
        want_publish(taken.tenant_id, taken.incident_id)
        _try_publish(taken.tenant_id, taken.incident_id)


@contextmanager
def _heartbeat(taken: Claim) -> Iterator[None]:
    """Renew the lease while the work goes on, so that a lease may be short and a dead worker's run is soon free."""
    done = threading.Event()
    lease = config().lease_seconds

    def beat() -> None:
        try:
            while not done.wait(lease / 3):
                with tenant_scope(taken.tenant_id):
                    if not _mine(taken).update(lease_until=Now() + timedelta(seconds=lease)):
                        return
        except Exception:
            # The work goes on; if the lease runs out, another worker takes over and this one's result does not count.
            log.exception("heartbeat failed")
        finally:
            connection.close()

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(timeout=1)


def _progress(taken: Claim) -> None:
    _try_publish(taken.tenant_id, taken.incident_id)


# --- what people see ---------------------------------------------------------------------------------------------


def want_publish(tenant_id: UUID, incident_id: UUID) -> None:
    """Record that people should see the incident anew; durable, unlike a message to a worker."""
    with tenant_scope(tenant_id):
        Incident.objects.filter(id=incident_id).update(publish_wanted_at=timezone.now(), publish_not_before=Now())


def publish(tenant_id: UUID, incident_id: UUID) -> None:
    """Show the incident on every face, and note that it was shown unless it has changed meanwhile.

    :raises Exception: what the first failing face raised; the next attempt is put off, twice as long each time.
    """
    with tenant_scope(tenant_id):
        wanted = Incident.objects.filter(id=incident_id).values_list("publish_wanted_at", flat=True).first()
    # Whoever shows an incident goes on in its newest run's trace: the hint may have come to another process than the run's.
    parent = "" if tracing.here() else _trace_of(tenant_id, incident_id)
    try:
        with tracing.span("publish", parent=parent):
            publish_everywhere(tenant_id, incident_id)
    except Exception:
        with tenant_scope(tenant_id):
            row = Incident.objects.filter(id=incident_id)
            attempts = row.values_list("publish_attempts", flat=True).first() or 0
            pause = timedelta(seconds=min(2**attempts, 600))
            row.filter(publish_wanted_at=wanted).update(
                publish_attempts=min(attempts + 1, 30), publish_not_before=Now() + pause
            )
        raise
    with tenant_scope(tenant_id):
        Incident.objects.filter(id=incident_id, publish_wanted_at=wanted).update(
            publish_wanted_at=None, publish_attempts=0
        )


def _trace_of(tenant_id: UUID, incident_id: UUID) -> str:
    """Return where the trace of an incident's newest run stands; empty where nothing is traced."""
    if not tracing.is_on():
        return ""
    with tenant_scope(tenant_id):
        newest = (
            Run.objects.filter(incident_id=incident_id).order_by("-sequence").values_list("plan", flat=True).first()
        )
    return tracing.kept(newest)


def _try_publish(tenant_id: UUID, incident_id: UUID) -> None:
    try:
        publish(tenant_id, incident_id)
    except Exception as error:  # noqa: BLE001 - the wish is recorded; the sweeper shows it later
        log.warning("not shown yet", error=f"{type(error).__name__}: {error}")


# --- ingest and sweep --------------------------------------------------------------------------------------------


def take_in(tenant_id: UUID) -> None:
    """Read the tenant's open deliveries, start what they ask for, and show what they moved."""
    done = ingest(tenant_id)
    started: set[UUID] = set()
    with tenant_scope(tenant_id):
        runs = list(Run.objects.filter(id__in=done.runs).values_list("id", "incident_id"))
    for run_id, incident_id in runs:
        started.add(incident_id)
        hint(Work.ADVANCE, tenant_id, run_id)
    # A run's first stage shows its incident anyway.
    for incident_id in done.incidents - started:
        hint(Work.PUBLISH, tenant_id, incident_id)


def sweep() -> int:
    """Find work that no worker holds and hint it again; return how much was found."""
    found = 0
    for tenant_id in rounds.tenants():
        with tenant_scope(tenant_id):
            open_delivery = Delivery.objects.filter(handled_at__isnull=True, not_before__lte=Now()).exists()
            runs = list(
                Run.objects.exclude(stage__in=ENDED)
                .filter(lease_until__lte=Now(), not_before__lte=Now())
                .order_by("created_at")
                .values_list("id", flat=True)[:200]
            )
            to_show = set(
                Incident.objects.filter(publish_wanted_at__isnull=False, publish_not_before__lte=Now())
                .exclude(runs__lease_until__gt=Now())
                .values_list("id", flat=True)[:200]
            )
        to_show.update(incident_id for face in faces() for incident_id in face.unfinished(tenant_id))
        owed = [answer_id for face in faces() for answer_id in face.owed(tenant_id)]
        if open_delivery:
            hint(Work.TAKE_IN, tenant_id)
        for run_id in runs:
            hint(Work.ADVANCE, tenant_id, run_id)
        for incident_id in to_show:
            hint(Work.PUBLISH, tenant_id, incident_id)
        for answer_id in owed:
            hint(Work.GIVE, tenant_id, answer_id)
        found += bool(open_delivery) + len(runs) + len(to_show) + len(owed)
    return found


def give(tenant_id: UUID, answer_id: UUID) -> None:
    """Let the face that owes this answer give it."""
    for face in faces():
        face.give(tenant_id, answer_id)


def audit_late_runs() -> int:
    """Count the runs that are unfinished for longer than they should be, and log them."""
    late = 0
    if not backlog.waiting().late_runs:
        return late
    limit = timezone.now() - timedelta(seconds=config().run_late_seconds)
    for tenant_id in Tenant.objects.values_list("id", flat=True):
        with tenant_scope(tenant_id):
            runs = list(
                Run.objects.exclude(stage__in=ENDED)
                .filter(created_at__lt=limit)
                .values_list("id", "stage", "stage_attempts", "error")[:50]
            )
        for run_id, stage, attempts, error in runs:
            log.error("run is late", run=str(run_id), stage=stage, attempts=attempts, error=error)
        late += len(runs)
    return late


def tell_of_week() -> int:
    """Let every face tell every tenant of its week, where that is due; return how many digests were posted."""
    told = 0
    for tenant_id in Tenant.objects.values_list("id", flat=True):
        for face in faces():
            try:
                told += face.tell_of_week(tenant_id)
            except Exception as error:  # noqa: BLE001 - one tenant's trouble must not keep the others from their digest
                log.warning("digest not posted", error=f"{type(error).__name__}: {error}"[:300])
    return told
