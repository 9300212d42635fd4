"""The examples of docs/api.md, run as they are written by a real curl against a real server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uvicorn

from copilot.guard.tenancy import tenant_scope
from copilot.models import Role, Service
from tests.api.conftest import Client, application, runbook_of
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from tests.flow.admin_world import World

pytestmark = [
    pytest.mark.usefixtures("hints"),
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is absent"),
]
DOCUMENT = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
# What follows a command's answer in the document is an example of the answer's shape, shortened.
COMMANDS = [
    command
    for block in re.findall(r"^```sh\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    for command in re.findall(r"^curl .*?(?=^curl |\Z)", block, re.MULTILINE | re.DOTALL)
]


@pytest.fixture
def address(committed_db: str) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(application(), port=0, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/api/v1"
    server.should_exit = True
    thread.join(PATIENCE)


def test_every_example_works_as_it_is_written(acme: World, program: Callable[..., Client], address: str) -> None:
    with tenant_scope(acme.tenant.id):
        Service.objects.create(name="checkout")
    variables = {
        "COPILOT": address,
        "TOKEN": program(acme.tenant, Role.RESPONDER).token,
        "ADMIN_TOKEN": program(acme.tenant, Role.ADMIN, "topology:write", "runbooks:write").token,
        "BILLING_TOKEN": program(acme.tenant, Role.ADMIN, "limits:write").token,
        "INCIDENT": str(acme.incident.id),
        "INVESTIGATION": str(acme.run.id),
        "HYPOTHESIS": str(acme.hypothesis.id),
        "RUNBOOK": runbook_of(acme),
        "no_proxy": "127.0.0.1",
    }
    assert len(COMMANDS) >= 15
    for command in COMMANDS:
        ran = subprocess.run(
            ["bash", "-euc", command.replace("curl ", "curl --fail-with-body ", 1)],
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

        assert ran.returncode == 0, f"{command}\n{ran.stdout}\n{ran.stderr}"


def test_every_path_of_the_api_is_in_the_document() -> None:
    from copilot.web.api import application as rest

    shown = re.sub(r"\$[A-Z]+|\{id\}", "{}", DOCUMENT)
    for path in rest.make().openapi()["paths"]:
        place = re.sub(r"\{\w+\}", "{}", path).replace("/services/{}/", "/services/checkout/")
        place = place.replace("/services/{}", "/services/").replace("/changes/{}", "/changes")
        place = place.removesuffix(".md") if place.endswith("report.md") else place
        assert place in shown, path
