"""Health and metrics of the api process."""

from __future__ import annotations

from django.db import connection
from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from copilot.web.db import in_db

router = APIRouter()


@router.get("/health/live")
async def live() -> dict[str, str]:
    """Say that the process runs."""
    return {"status": "alive"}


@router.get("/health/ready")
async def ready() -> Response:
    """Say whether webhooks can be taken in: the database must answer, the broker need not."""
    try:
        await run_in_threadpool(in_db(_ask_database))
    except Exception as error:  # noqa: BLE001 - any trouble means not ready
        return JSONResponse({"status": "not ready", "database": type(error).__name__}, status_code=503)
    return JSONResponse({"status": "ready"})


@router.get("/metrics")
async def metrics() -> Response:
    """Return the process's own metrics in Prometheus' text format."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
