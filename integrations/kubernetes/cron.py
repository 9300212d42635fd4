"""Cron jobs' runs as changes: what ran beside the services, when, and how it went."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from integrations.cluster import fields
from integrations.kubernetes.delivery import is_in
from integrations.kubernetes.snapshot import CRON_JOBS, JOBS, SOURCE
from scoring.observations import Change, ChangeKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.kubernetes.api import Object
    from integrations.kubernetes.ownership import Owners
    from integrations.kubernetes.snapshot import Snapshot
    from scoring.observations import Window

# What runs more often than this in the time that is looked at is part of every day: its failures alone are told.
_SELDOM = 3


def changes(snapshot: Snapshot, owners: Owners, window: Window) -> Iterator[Change]:
    """Yield the runs in the time that is looked at; of what runs all the time only those that failed."""
    schedules = {(fields.namespace(one), fields.name(one)): one for one in snapshot.of(CRON_JOBS)}
    runs: dict[tuple[str, str], list[Object]] = defaultdict(list)
    for job in snapshot.of(JOBS):
        kind, owner = fields.controller(job)
        if kind == "CronJob" and is_in(window, _started(job)):
            runs[fields.namespace(job), owner].append(job)
    for (namespace, name), jobs in sorted(runs.items()):
        schedule = fields.text(schedules.get((namespace, name)), "spec", "schedule")
        jobs.sort(key=lambda one: (_started(one) or 0.0, fields.name(one)))
        told = jobs if len(jobs) <= _SELDOM else [job for job in jobs if _status(job) == "failed"][-_SELDOM:]
        for job in told:
            yield Change(
                entity=owners.workload_entity(namespace, name, fields.labels(job)),
                kind=ChangeKind.CRON,
                at=_started(job) or 0.0,
                title=f"cron job {name} ran",
                source=SOURCE,
                status=_status(job),
                detail="; ".join(part for part in (schedule and f"schedule {schedule}", _ended(job)) if part),
                key=f"job:{namespace}/{fields.name(job)}",
            )


def _started(job: Object) -> float | None:
    return fields.seconds(fields.text(job, "status", "startTime")) or fields.created(job)


def _status(job: Object) -> str:
    if fields.condition(job, "Failed").get("status") == "True":
        return "failed"
    return "succeeded" if fields.condition(job, "Complete").get("status") == "True" else "in_progress"


def _ended(job: Object) -> str:
    failed = fields.condition(job, "Failed")
    if failed.get("status") == "True":
        return fields.short(fields.text(failed, "message") or fields.text(failed, "reason"))
    done = fields.seconds(fields.text(job, "status", "completionTime"))
    began = _started(job)
    return f"took {done - began:.0f} s" if done is not None and began is not None and done >= began else ""
