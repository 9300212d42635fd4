"""Hints to the workers about work that the rows already hold; a lost hint costs seconds, never the work."""

from __future__ import annotations

import time
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from django.db import transaction

from copilot import observe
from copilot.celery import app

if TYPE_CHECKING:
    from uuid import UUID

log = observe.logger(__name__)

# After a failure the broker is left alone for this long, so that a storm of webhooks does not wait for it one by one.
PAUSE_SECONDS = 2.0
_paused_until = 0.0


class Work(StrEnum):
    """Name the tasks that may be hinted."""

    TAKE_IN = "copilot.tasks.take_in_deliveries"
    ADVANCE = "copilot.tasks.advance_run"
    PUBLISH = "copilot.tasks.publish_incident"
    ANSWER = "copilot.tasks.answer_question"
    GIVE = "copilot.tasks.give_answer"


def hint(work: Work, tenant_id: UUID, subject: UUID | None = None) -> None:
    """Tell a worker now; ids are all that travels. A broker that has just failed is not asked: the sweeper finds the rows."""
    global _paused_until  # noqa: PLW0603 - what one thread learnt of the broker holds for all of the process
    if time.monotonic() < _paused_until:
        return
    arguments = [str(tenant_id), *([str(subject)] if subject else [])]
    try:
        app.send_task(work.value, args=arguments, retry=False, ignore_result=True)
    except Exception as error:  # noqa: BLE001 - the broker is down; the sweeper will find the rows
        _paused_until = time.monotonic() + PAUSE_SECONDS
        log.warning("the broker did not take a hint; the sweeper will", error=f"{type(error).__name__}: {error}")


def hint_after_commit(work: Work, tenant_id: UUID, subject: UUID | None = None) -> None:
    """Tell a worker once the open transaction is committed; a worker may be faster than we are."""
    transaction.on_commit(partial(hint, work, tenant_id, subject), robust=True)
