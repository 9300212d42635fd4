"""`copilot service`: what is paged about, and where its data is found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from copilot.cli.session import WHOSE, Problem, actor, find_tenant, print_json
from copilot.cli.terminal import table

if TYPE_CHECKING:
    import argparse


def add(subparsers: Any, common: argparse.ArgumentParser) -> None:
    """Add the commands."""
    service = subparsers.add_parser("service", help="add and list services").add_subparsers(
        required=True, metavar="WHAT"
    )
    create = service.add_parser("add", parents=[common], help="add a service, or change just the given values of one")
    create.add_argument("slug", metavar="TENANT", help=WHOSE)
    create.add_argument("name")
    create.add_argument("--pagerduty", dest="pagerduty_id", metavar="ID", help="PagerDuty service id")
    create.add_argument("--namespace", metavar="NS", help="Kubernetes namespace")
    create.add_argument("--workload", metavar="W", help="Kubernetes deployment, stateful set or daemon set")
    create.add_argument("--selector", metavar="'k=\"v\"'", help="Prometheus label matchers, e.g. 'job=\"checkout\"'")
    create.add_argument("--channel", metavar="C", help="Slack channel, e.g. #incidents")
    create.add_argument("--repository", metavar="OWNER/NAME")
    create.add_argument(
        "--path",
        dest="paths",
        action="append",
        default=None,
        metavar="FOLDER",
        help="folder of the repository with this service's own code, e.g. services/checkout; may be repeated",
    )
    create.add_argument(
        "--owner", action="append", default=None, help="Slack user id or e-mail address; may be repeated"
    )
    create.add_argument(
        "--depends-on",
        action="append",
        default=[],
        metavar="NAME",
        help="a service that this one calls; may be repeated",
    )
    create.add_argument("--json", action="store_true")
    create.set_defaults(run=add_service, needs_installation=True)
    listing = service.add_parser("list", parents=[common], help="list a tenant's services")
    listing.add_argument("slug", metavar="TENANT", help=WHOSE)
    listing.add_argument("--json", action="store_true")
    listing.set_defaults(run=list_services, needs_installation=True)


def add_service(options: argparse.Namespace) -> int:
    """Add or change a service; services that it depends on are made where they do not exist."""
    from copilot import services

    tenant = find_tenant(options.slug)
    given = {field: getattr(options, field) for field in services.FIELDS if getattr(options, field) is not None}
    if options.owner is not None:
        given["owners"] = options.owner
    if options.paths is not None:
        given["paths"] = [path for path in options.paths if path]
    names = [name for word in options.depends_on for name in word.split(",") if name.strip()]
    try:
        service, is_new = services.put(tenant.id, options.name, given, needs=names, actor=actor())
    except services.WrongService as error:
        raise Problem(f"service {options.name!r}: {error}", code=2) from None
    if options.json:
        print_json(
            {
                "name": service.name,
                **{field: getattr(service, field) for field in services.FIELDS},
                "paths": service.paths,
                "depends_on": names,
            }
        )
    else:
        print(f"service {service.name} {'added' if is_new else 'changed'}")
    return 0


def list_services(options: argparse.Namespace) -> int:
    """List a tenant's services."""
    from copilot.guard.tenancy import tenant_scope
    from copilot.models import Service
    from copilot.services import FIELDS

    tenant = find_tenant(options.slug)
    with tenant_scope(tenant.id):
        rows = [
            {
                "name": service.name,
                **{field: getattr(service, field) for field in FIELDS},
                "paths": service.paths,
                "owners": service.owners,
                "depends_on": sorted(service.depends_on.values_list("name", flat=True)),
            }
            for service in Service.objects.prefetch_related("depends_on")
        ]
    if options.json:
        print_json(rows)
        return 0
    from rich.console import Console

    headings = ("service", "PagerDuty", "namespace/workload", "selector", "channel", "needs")
    shown = [
        (
            row["name"],
            row["pagerduty_id"],
            "/".join(filter(None, (row["namespace"], row["workload"]))),
            row["selector"],
            row["channel"],
            ", ".join(row["depends_on"]),
        )
        for row in rows
    ]
    Console().print(table(headings, shown, whole=("PagerDuty",)))
    return 0
