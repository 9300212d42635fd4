"""Health and metrics of the api process."""

from __future__ import annotations

import asyncio

from anyio import to_thread
from django.db import connection
from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import JSONResponse, Response

from copilot import provision
from copilot.web.db import in_db

router = APIRouter()

# Well within what probes wait.
DATABASE_SECONDS = 2.5


class _Tables:
    """Remember that this version's tables were seen."""

    are_there = False


_tables = _Tables()


@router.get("/health/live")
async def live() -> dict[str, str]:
    """Say that the process runs."""
    return {"status": "alive"}


@router.get("/health/ready")
async def ready() -> Response:
    """Say whether webhooks can be taken in and stored: the database must answer and take rows, the broker need not."""
    try:
        async with asyncio.timeout(DATABASE_SECONDS):
            trouble = await to_thread.run_sync(in_db(_why_not_ready), abandon_on_cancel=True)
    except TimeoutError:
        trouble = f"no answer within {DATABASE_SECONDS:g} s"
    except Exception as error:  # noqa: BLE001 - any trouble means not ready
        trouble = type(error).__name__
    if trouble:
        return JSONResponse({"status": "not ready", "database": trouble}, status_code=503)
    return JSONResponse({"status": "ready"})


@router.get("/metrics")
async def metrics() -> Response:
    """Return the process's own metrics in Prometheus' text format."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _why_not_ready() -> str:
    """Return why no delivery could be stored now, or nothing."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT has_table_privilege(to_regclass('copilot_delivery'), 'INSERT'), pg_is_in_recovery(),"
            " current_setting('transaction_read_only') = 'on'"
        )
        may_insert, is_standby, is_read_only = cursor.fetchone()
    if is_standby or is_read_only:
        return "read-only"
    if may_insert is None:
        return "not migrated"
    if not may_insert:
        return "this role may not write"
    return _what_is_missing()


def _what_is_missing() -> str:
    """Return which of this version's tables are still to come, or nothing; what was once there stays.

    A process that starts before its migrations would take some webhooks and not others: whoever balances should not ask it yet.
    """
    if not _tables.are_there:
        missing = provision.missing()
        if missing:
            return f"not migrated: {provision.what_is_missing(missing)}; copilot database migrate"
        _tables.are_there = True
    return ""
