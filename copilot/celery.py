"""The Celery application; the broker carries hints, the rows carry the truth."""

from __future__ import annotations

import gc
import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from celery import Celery
from celery.fixups.django import DjangoFixup
from celery.signals import (
    beat_init,
    celeryd_init,
    setup_logging,
    task_postrun,
    task_prerun,
    worker_init,
    worker_process_shutdown,
    worker_ready,
)

from copilot import broker, exposition, settings_references, tracing
from copilot.config import config
from copilot.secret_stores.reference import VAULT

if TYPE_CHECKING:
    from celery import Task

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "copilot.settings")

_config = config()


class WorkersDjango(DjangoFixup):  # type: ignore[misc]  # it has no types
    """Load Django in workers alone, when they load what they run.

    Celery's own would load it in beat too, which sends names and needs no table: 45 MiB; and it would run Django's checks, which
    load the admin and all its forms: a second of work that no worker needs.
    """

    def on_import_modules(self, **_: Any) -> None:
        """Leave the loading to `_load`."""


def _django(app: Celery) -> DjangoFixup:
    return WorkersDjango(app).install()


broker.carry()
app = Celery("copilot", broker=_config.redis_url.get_secret_value(), fixups=[_django])
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    worker_prefetch_multiplier=1,
    worker_concurrency=_config.worker_concurrency,
    worker_soft_shutdown_timeout=10.0,
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
    task_time_limit=300,
    task_soft_time_limit=280,
    broker_connection_retry_on_startup=True,
    # A publisher that cannot reach the broker gives up at once: the row is there, and the sweeper finds it.
    # (Without max_retries, kombu tries for six seconds more, and a webhook that waits for it is taken for lost.)
    broker_transport_options={
        "visibility_timeout": 3600,
        "socket_connect_timeout": 1,
        "socket_timeout": 3,
        "max_retries": 0,
    },
    task_publish_retry=False,
    task_default_queue="copilot",
    timezone="UTC",
    beat_schedule={
        "sweep": {"task": "copilot.tasks.sweep", "schedule": _config.sweep_seconds, "options": {"expires": 30}},
        "audit-late-runs": {"task": "copilot.tasks.audit_late_runs", "schedule": 60.0, "options": {"expires": 60}},
        "check-connections": {
            "task": "copilot.tasks.check_connections",
            "schedule": 900.0,
            "options": {"expires": 600},
        },
        "tidy-agent-requests": {
            "task": "copilot.tasks.tidy_agent_requests",
            "schedule": 300.0,
            "options": {"expires": 200},
        },
        "survey-topologies": {
            "task": "copilot.tasks.survey_topologies",
            "schedule": 3600.0,
            "options": {"expires": 3000},
        },
        "remember-runbooks": {
            "task": "copilot.tasks.remember_runbooks",
            "schedule": 300.0,
            "options": {"expires": 240},
        },
        "forget-old": {"task": "copilot.tasks.forget_old", "schedule": 3600.0, "options": {"expires": 3000}},
        "tell-of-week": {"task": "copilot.tasks.tell_of_week", "schedule": 600.0, "options": {"expires": 500}},
    },
    beat_schedule_filename=str(_config.data / "celerybeat-schedule"),
)


@setup_logging.connect
def _set_up_logging(**_: Any) -> None:
    """Keep Celery from installing handlers of its own."""
    from copilot import observe

    observe.set_up("worker")


@task_prerun.connect
def _bind(task_id: str, task: Task, **_: Any) -> None:
    import structlog

    structlog.contextvars.bind_contextvars(task=task.name, task_id=task_id)


@task_postrun.connect
def _clear(**_: Any) -> None:
    import structlog

    structlog.contextvars.clear_contextvars()


@celeryd_init.connect
def _share_metrics(**_: Any) -> None:
    """Add up the numbers of the pool's processes; before anything counts."""
    if _config.metrics_port:
        exposition.share_between_processes()


@worker_process_shutdown.connect
def _forget_process(pid: int, **_: Any) -> None:
    exposition.forget_process(pid)
    tracing.send()


@beat_init.connect
def _serve_backlog(**_: Any) -> None:
    """Show from beat how much waits: it is one process, and sees all of it."""
    if _config.metrics_port:
        import django

        django.setup()
        exposition.serve(_config.metrics_port, backlog=True)


@beat_init.connect
def _keep_token(**_: Any) -> None:
    """Renew the token for Vault from beat: it is one process, and lives as long as the deployment."""
    if any(one.reference.store == VAULT for one in settings_references.readings()):
        from copilot.secret_stores import renewal

        renewal.begin()


@worker_ready.connect
def _tell_ready(**_: Any) -> None:
    """Show the metrics, and leave a file for whoever waits for this worker."""
    if _config.metrics_port:
        exposition.serve(_config.metrics_port)
    if _config.ready_file:
        _config.ready_file.touch()


@worker_init.connect
def _be_patient(**_: Any) -> None:
    """Let a worker wait for a broker that is away; only who publishes gives up at once."""
    app.conf.broker_transport_options.pop("max_retries", None)


@worker_init.connect
def _load(**_: Any) -> None:
    """Load the tasks and all that they need before the pool forks, so that its processes share the memory.

    Only workers do: beat and the web processes send tasks by name.
    """
    import django

    django.setup()
    import_module("copilot.tasks")
    from copilot.faces import faces
    from integrations import registry

    wanted = {name for one in registry.integrations().values() for name in one.loads}
    wanted.update(name for one in faces() for name in one.loads)
    if _config.anthropic_api_key:
        wanted.add("anthropic")
    for name in sorted(wanted):
        import_module(name)
    # What is there now lives as long as the process: collections that walk it would only unshare its pages.
    gc.collect()
    gc.freeze()
