"""The yardstick: a bare FastAPI endpoint with one psycopg insert, no signature, no tenants, no deduplication."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from psycopg_pool import AsyncConnectionPool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pool = AsyncConnectionPool(os.environ["COPILOT_BARE_DATABASE_URL"], min_size=4, max_size=8, open=False)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Open the pool while the process serves."""
    async with pool:
        await pool.wait()
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/", status_code=202)
async def receive(request: Request) -> dict[str, str]:
    """Insert the body and commit."""
    body = await request.body()
    async with pool.connection() as connection:
        await connection.execute("INSERT INTO bare (body) VALUES (%s)", [body])
    return {"status": "accepted"}
