"""Jobs and cron jobs: failed, suspended, and not started when they were due."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integrations.cluster import fields
from integrations.cluster.schedule import BadSchedule, Schedule
from integrations.cluster.telling import tell
from integrations.cluster.words import Word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.cluster.cluster import Cluster
    from integrations.cluster.fields import Object
    from scoring.observations import State

# The controller looks every ten seconds; a start may take as long as this beside its own deadline.
PATIENCE = 120.0


def find(cluster: Cluster) -> Iterator[State]:
    """Yield what is wrong with jobs and cron jobs."""
    for job in cluster.all("Job"):
        yield from _job(cluster, job)
    for cron_job in cluster.all("CronJob"):
        yield from _cron_job(cluster, cron_job)


def _job(cluster: Cluster, job: Object) -> Iterator[State]:
    namespace, name = fields.namespace(job), fields.name(job)
    above, parent = fields.controller(job)
    entity = cluster.workload(above or "Job", namespace, parent or name)
    failed = fields.condition(job, "Failed")
    if failed.get("status") == "True":
        at = fields.seconds(failed.get("lastTransitionTime"))
        if not cluster.is_over(at):
            reason = fields.text(failed, "reason")
            # The vendor's own word for "failed as often as it may" is written in two ways.
            word = {"": Word.JOB_FAILED, "BackoffLimitExceeded": "BackoffLimitExceeded"}.get(reason, reason)
            times = fields.number(job, "status", "failed")
            yield tell(
                cluster, word, entity, "Job", job, f"job {name} failed: {fields.text(failed, 'message') or reason or 'it gives no reason'}",
                at=at, count=times,
            )  # fmt: skip
    elif fields.part(job, "spec").get("suspend") is True and fields.condition(job, "Complete").get("status") != "True":
        at = fields.seconds(fields.condition(job, "Suspended").get("lastTransitionTime"))
        yield tell(cluster, Word.JOB_SUSPENDED, entity, "Job", job, f"job {name} is suspended", at=at)


def _cron_job(cluster: Cluster, cron_job: Object) -> Iterator[State]:
    namespace, name = fields.namespace(cron_job), fields.name(cron_job)
    entity, spec = cluster.workload("CronJob", namespace, name), fields.part(cron_job, "spec")
    text = fields.text(spec, "schedule")
    if spec.get("suspend") is True:
        detail = f"cronjob {name} ({text}) is suspended"
        yield tell(cluster, Word.CRON_JOB_SUSPENDED, entity, "CronJob", cron_job, detail, at=fields.changed(cron_job))
        return
    if not text:
        return
    try:
        schedule = Schedule(text, fields.text(spec, "timeZone"))
    except BadSchedule as error:
        detail = f"cronjob {name} has the schedule {text!r}: {error}"
        yield tell(cluster, Word.BAD_SCHEDULE, entity, "CronJob", cron_job, detail, at=fields.changed(cron_job))
        return
    if cluster.at is None:
        return
    due = schedule.last_due(cluster.at - PATIENCE)
    started = fields.seconds(fields.part(cron_job, "status").get("lastScheduleTime"))
    since = max((at for at in (fields.created(cron_job), fields.changed(cron_job)) if at is not None), default=None)
    if due is None or since is None or due <= since or (started is not None and started >= due - 60.0):
        return
    running = [fields.text(one, "name") for one in fields.parts(cron_job, "status", "active")]
    if running and fields.text(spec, "concurrencyPolicy") == "Forbid":
        detail = (
            f"cronjob {name} ({text}) was due {int(cluster.at - due)} s ago; {running[0]} still runs and no second may"
        )
    else:
        detail = f"cronjob {name} ({text}) was due {int(cluster.at - due)} s ago and was not started"
    yield tell(cluster, Word.MISSED_START, entity, "CronJob", cron_job, detail, at=due)
