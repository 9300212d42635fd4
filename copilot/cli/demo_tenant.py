"""The demo's tenant: made from a recording's world, connected to its replay, as a person would do it by hand."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from copilot.cli.session import Problem

if TYPE_CHECKING:
    from copilot.models import Tenant
    from copilot.replay.world import World
    from copilot.supervisor import Stack

ACTOR = "demo"
# Who presses in the demo, and whom its page suggests for trying everything.
PERSON = "alice"


@dataclass(frozen=True, slots=True)
class Customer:
    """Hold the tenant, where its webhooks go, and the secret that its PagerDuty signs with."""

    tenant: Tenant
    pagerduty_url: str
    deploys_url: str
    secret: str


def prepare(world: World, *, stack: Stack, replay_url: str) -> Customer:
    """Make or refresh the tenant, its connections, its admin and its services."""
    from copilot import connections
    from copilot.faces import face
    from copilot.models import Tenant
    from copilot.runbooks import starter

    tenant, _ = Tenant.objects.get_or_create(
        slug=world.tenant.slug, defaults={"name": world.tenant.name or world.tenant.slug}
    )
    starter.load(tenant.id, by=ACTOR)
    secret = secrets.token_hex(32)
    sources = {
        "prometheus": {"url": f"{replay_url}/prometheus"},
        "kubernetes": {"url": f"{replay_url}/kubernetes", "token": "replay"},
    }
    for kind, values in sources.items():
        connections.connect(tenant.id, kind, values, actor=ACTOR)
    pagerduty = connections.connect(tenant.id, "pagerduty", {"webhook_secret": secret}, actor=ACTOR)
    deploys = connections.connect(tenant.id, "deploys", {}, actor=ACTOR)
    slack = face("slack")
    if slack is None:
        raise Problem("this installation has no Slack face; the demo shows its thread there")
    channel = world.service(world.page.service).channel
    slack.connect(tenant.id, {"local": stack.slack_url, "default_channel": channel}, actor=ACTOR)
    _make_admin(tenant, stack.slack_url)
    _add_services(tenant, world)
    return Customer(tenant, pagerduty.webhook_url, deploys.webhook_url, secret)


def _make_admin(tenant: Tenant, slack_url: str) -> None:
    """Let the demo's person set up, too; a role that was given to them by hand stays."""
    from copilot.guard.tenancy import tenant_scope
    from copilot.models import Membership, Role

    with httpx.Client(trust_env=False, timeout=10, base_url=slack_url) as client:
        people = client.get("/local/workspace", params={"team": tenant.slug}).raise_for_status().json()["users"]
    person = next(str(one["id"]) for one in people if one["name"] == PERSON)
    with tenant_scope(tenant.id):
        Membership.objects.get_or_create(tenant=tenant, slack_user_id=person, defaults={"role": Role.ADMIN})


def _add_services(tenant: Tenant, world: World) -> None:
    from copilot.guard.tenancy import tenant_scope
    from copilot.models import Service, ServiceDependency
    from copilot.services import DECLARED

    with tenant_scope(tenant.id):
        rows = {}
        for service in world.services:
            values = service.model_dump(exclude={"name", "depends_on"})
            rows[service.name], _ = Service.objects.update_or_create(tenant=tenant, name=service.name, defaults=values)
        for service in world.services:
            for callee in service.depends_on:
                ServiceDependency.objects.get_or_create(
                    tenant=tenant, caller=rows[service.name], callee=rows[callee], source=DECLARED
                )
