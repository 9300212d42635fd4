"""`copilot tenant`, `copilot member`, `copilot login`: customers and the people in them."""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot.cli import limits
from copilot.cli.session import WHOSE, Problem, actor, find_tenant, print_json
from copilot.cli.terminal import table

if TYPE_CHECKING:
    import argparse

    from copilot.models import Tenant


def add(subparsers: Any, common: argparse.ArgumentParser) -> None:
    """Add the commands."""
    tenant = subparsers.add_parser("tenant", help="make and list tenants").add_subparsers(required=True, metavar="WHAT")
    create = tenant.add_parser("create", parents=[common], help="make a tenant")
    create.add_argument("slug", help="lower-case letters, digits and hyphens")
    create.add_argument("--name", default="", help="for people; the slug where none is given")
    create.add_argument("--json", action="store_true")
    create.set_defaults(run=create_tenant, needs_installation=True)
    listing = tenant.add_parser("list", parents=[common], help="list the tenants")
    listing.add_argument("--json", action="store_true")
    listing.set_defaults(run=list_tenants, needs_installation=True)

    limits.add(tenant, common)
    export = tenant.add_parser(
        "export",
        parents=[common],
        help="write all that is kept of a tenant into an archive, without what opens anything",
    )
    export.add_argument("slug", metavar="TENANT", help=WHOSE)
    export.add_argument("file", type=Path, metavar="FILE.tar.gz")
    export.set_defaults(run=export_tenant, needs_installation=True)
    erase = tenant.add_parser(
        "erase", parents=[common], help="delete a tenant and all its rows, the audit log with them; cannot be undone"
    )
    erase.add_argument("slug", metavar="TENANT", help=WHOSE)
    erase.add_argument("--confirm", default="", metavar="TENANT", help="the tenant once more")
    erase.set_defaults(run=erase_tenant, needs_installation=True)

    member = subparsers.add_parser("member", help="give people roles").add_subparsers(required=True, metavar="WHAT")
    give = member.add_parser("add", parents=[common], help="give a Slack user or a login a role in a tenant")
    give.add_argument("slug", metavar="TENANT", help=WHOSE)
    give.add_argument("--slack", default="", metavar="USER_ID")
    give.add_argument("--login", default="", metavar="NAME", help="of the admin (`copilot login`)")
    give.add_argument("--role", default="responder", choices=["viewer", "responder", "admin", "owner"])
    give.set_defaults(run=add_member, needs_installation=True)
    members = member.add_parser("list", parents=[common], help="list who has a role of their own in a tenant")
    members.add_argument("slug", metavar="TENANT", help=WHOSE)
    members.add_argument("--json", action="store_true")
    members.set_defaults(run=list_members, needs_installation=True)

    login = subparsers.add_parser(
        "login", parents=[common], help="make a login for the admin, or give it a new password"
    )
    login.add_argument("name")
    login.add_argument("--superuser", action="store_true", help="may see every tenant")
    login.set_defaults(run=make_login, needs_installation=True)


def create_tenant(options: argparse.Namespace) -> int:
    """Make a tenant."""
    from django.core.exceptions import ValidationError

    from copilot.guard.tenancy import tenant_scope
    from copilot.models import AuditEntry, Tenant
    from copilot.runbooks import starter

    tenant = Tenant(slug=options.slug, name=options.name or options.slug)
    try:
        tenant.full_clean()
    except ValidationError as error:
        text = "; ".join(f"{field}: {' '.join(problems)}" for field, problems in error.message_dict.items())
        raise Problem(f"tenant {options.slug!r} cannot be made: {text}") from None
    tenant.save()
    starter.load(tenant.id, by=actor())
    with tenant_scope(tenant.id):
        AuditEntry.objects.create(actor=actor(), action="create tenant", target=tenant.slug)
    if options.json:
        print_json({"slug": tenant.slug, "id": str(tenant.id), "name": tenant.name})
    else:
        print(f"tenant {tenant.slug} made; next: copilot connect {tenant.slug} pagerduty --set webhook_secret=…")
    return 0


def list_tenants(options: argparse.Namespace) -> int:
    """List the tenants."""
    from copilot.models import Tenant

    rows = [{"slug": t.slug, "name": t.name, "id": str(t.id)} for t in Tenant.objects.order_by("slug")]
    if options.json:
        print_json(rows)
    else:
        for row in rows:
            print(f"{row['slug']:<20} {row['name']}")
    return 0


def export_tenant(options: argparse.Namespace) -> int:
    """Write the archive."""
    from copilot.custody import archive
    from copilot.guard.tenancy import tenant_scope
    from copilot.models import AuditEntry

    tenant = find_tenant(options.slug)
    if options.file.exists():
        raise Problem(f"{options.file} is there already; name another file", code=2)
    try:
        counts = archive.write(tenant, options.file)
    except OSError as error:
        raise Problem(f"{options.file} cannot be written: {error.strerror}") from None
    with tenant_scope(tenant.id):
        AuditEntry.objects.create(actor=actor(), action="export tenant", target=tenant.slug)
    print(f"{options.file}: {sum(counts.values())} rows of {sum(map(bool, counts.values()))} tables")
    return 0


def erase_tenant(options: argparse.Namespace) -> int:
    """Erase, as the owner of the tables."""
    from copilot.custody.erasure import erase

    tenant = find_tenant(options.slug)
    if options.confirm != tenant.slug:
        raise Problem(
            f"this deletes {tenant.slug} and everything that is kept of it; say --confirm {tenant.slug},"
            f" and `copilot tenant export {tenant.slug} FILE.tar.gz` first where it may be wanted",
            code=2,
        )
    _become("owner", "COPILOT_OWNER_DATABASE_URL", options, "the audit log is deleted by the tables' owner alone")
    forget_vectors(tenant)
    gone = erase(tenant)
    print(f"tenant {tenant.slug} erased: {sum(gone.values())} rows of {len(gone)} tables")
    return 0


def forget_vectors(tenant: Tenant) -> None:
    """Take away what is kept of the tenant outside of the database.

    :raises Problem: where that cannot be reached; nothing is erased then.
    """
    from copilot.knowledge import memory

    try:
        kept = memory.configured()
        if kept is not None:
            kept.forget(tenant.id, kept.ids(tenant.id))
    except memory.Forgetful as error:
        raise Problem(f"nothing was erased: the vectors of its runbooks are still there: {error}") from None


def add_member(options: argparse.Namespace) -> int:
    """Give a role."""
    from django.contrib.auth import get_user_model

    from copilot.guard.tenancy import tenant_scope
    from copilot.models import AuditEntry, Membership
    from copilot.models.tenant import NO_SLACK_USER_ID, SLACK_USER_ID

    if not options.slack and not options.login:
        raise Problem("say who: --slack USER_ID, --login NAME, or both", code=2)
    if options.slack and not SLACK_USER_ID.fullmatch(options.slack):
        raise Problem(NO_SLACK_USER_ID.format(given=repr(options.slack)), code=2)
    tenant = find_tenant(options.slug)
    user = None
    if options.login:
        user = get_user_model().objects.only("id", "username").filter(username=options.login).first()
        if user is None:
            raise Problem(f"there is no login {options.login!r}; make it with `copilot login {options.login}`")
    with tenant_scope(tenant.id):
        known = {"user": user} if user else {"slack_user_id": options.slack}
        # A Slack user id that the login has already stays where none is given.
        slack = {"slack_user_id": options.slack} if options.slack else {}
        Membership.objects.update_or_create(tenant=tenant, **known, defaults={"role": options.role, **slack})
        AuditEntry.objects.create(
            actor=actor(), action="give role", target=options.login or options.slack, detail={"role": options.role}
        )
    print(f"{options.login or options.slack} is {options.role} of {tenant.slug}")
    return 0


def list_members(options: argparse.Namespace) -> int:
    """List who has a role of their own, those who may most first; names are known of who gave a verdict in Slack."""
    from copilot.guard.tenancy import tenant_scope
    from copilot.models import Feedback, Membership, Role

    tenant = find_tenant(options.slug)
    with tenant_scope(tenant.id):
        found = list(Membership.objects.values_list("user__username", "slack_user_id", "email", "role"))
        ids = [slack for _, slack, _, _ in found if slack]
        names = dict(
            Feedback.objects.filter(person__in=ids).order_by("created_at").values_list("person", "person_name")
        )
    rows = [
        {"login": login or "", "slack": slack, "name": names.get(slack) or email, "role": role}
        for login, slack, email, role in found
    ]
    rows.sort(key=lambda row: (-Role(row["role"]).rank, row["login"], row["slack"]))
    if options.json:
        print_json(rows)
        return 0
    from rich.console import Console

    if rows:
        shown = [[row[column] or "–" for column in ("login", "slack", "name", "role")] for row in rows]
        Console().print(table(("login", "Slack id", "name", "role"), shown, whole=("Slack id", "role")))
    print(f"{'everybody else' if rows else 'everybody'} of the workspace is {tenant.default_role}")
    return 0


def make_login(options: argparse.Namespace) -> int:
    """Make a login as the staff role, which alone may write logins."""
    from django.contrib.auth import get_user_model

    if not re.fullmatch(r"[\w.@+-]{1,150}", options.name):
        raise Problem("a login has letters, digits and @ . + - _ only", code=2)
    _become("staff", "COPILOT_STAFF_DATABASE_URL", options, "logins are made as the role of the admin process")
    password = secrets.token_urlsafe(12)
    user, is_new = get_user_model().objects.get_or_create(username=options.name)
    user.set_password(password)
    user.is_staff = True
    user.is_superuser = user.is_superuser or options.superuser
    user.save()
    print(f"login {options.name} {'made' if is_new else 'has a new password'}; password: {password}")
    return 0


def _become(role: str, variable: str, options: argparse.Namespace, why: str) -> None:
    """Speak with the database as another of its roles from now on."""
    from django.db import connections

    from copilot import settings_references
    from copilot.embedded import read_runtime
    from copilot.settings import _database

    runtime = read_runtime(options.data)
    url = runtime.get(f"{role}_database_url", "") if runtime else settings_references.variable(variable)
    if not url:
        raise Problem(f"set {variable}: {why}")
    connections["default"].close()
    connections["default"].settings_dict.update(_database(url))
