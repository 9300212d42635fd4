"""Celery tasks: two lines each, ids in, the rows hold the rest; a duplicate of any message is harmless.

What is put off is in the rows, and was logged with its reason: to Celery it is expected, and no failure with a traceback.
"""

from __future__ import annotations

from uuid import UUID

from copilot import connections, conversation, flow, pulse
from copilot.celery import app
from copilot.custody import retention
from copilot.faces import PutOff
from copilot.knowledge import remembering
from copilot.relay import queue
from copilot.topology import surveys


@app.task
def take_in_deliveries(tenant_id: str) -> None:
    """Read the tenant's open deliveries."""
    flow.take_in(UUID(tenant_id))


@app.task
def advance_run(tenant_id: str, run_id: str) -> None:
    """Work a run's stages."""
    flow.advance(UUID(tenant_id), UUID(run_id))


@app.task(throws=(PutOff,))
def publish_incident(tenant_id: str, incident_id: str) -> None:
    """Show an incident as it now is."""
    flow.publish(UUID(tenant_id), UUID(incident_id))


@app.task
def answer_question(tenant_id: str, question_id: str) -> None:
    """Answer a question that no process holds."""
    conversation.answer(UUID(tenant_id), UUID(question_id))


@app.task(throws=(PutOff,))
def give_answer(tenant_id: str, answer_id: str) -> None:
    """Give an answer that a face owes somebody."""
    flow.give(UUID(tenant_id), UUID(answer_id))


@app.task
def sweep() -> None:
    """Find work that no worker holds."""
    flow.sweep()
    conversation.sweep()
    pulse.note()


@app.task
def audit_late_runs() -> None:
    """Report runs that are late."""
    flow.audit_late_runs()


@app.task
def check_connections() -> None:
    """Test every tenant's connections."""
    connections.check_all()


@app.task
def survey_topologies() -> None:
    """Hand each tenant's survey to a worker."""
    for tenant_id in surveys.tenants():
        survey_topology.delay(str(tenant_id))


@app.task
def survey_topology(tenant_id: str) -> None:
    """Ask a tenant's sources who needs whom."""
    surveys.survey(UUID(tenant_id))


@app.task
def remember_runbooks() -> None:
    """Make the vectors of runbooks that are missing."""
    remembering.catch_all_up()


@app.task
def tell_of_week() -> None:
    """Post the weekly digests that are due."""
    flow.tell_of_week()


@app.task
def tidy_agent_requests() -> None:
    """Drop what agents were asked long ago."""
    queue.tidy()


@app.task
def forget_old() -> None:
    """Delete what is older than tenants keep it."""
    retention.forget_old()
