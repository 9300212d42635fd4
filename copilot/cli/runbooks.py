"""`copilot runbook`: what people wrote on how to handle a fault, kept up to date with where they wrote it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from copilot.cli.session import WHOSE, Problem, actor, find_tenant, print_json
from copilot.cli.terminal import printable, table

if TYPE_CHECKING:
    import argparse

    from copilot.models import Runbook, Tenant
    from copilot.runbooks.library import Changes


def add(subparsers: Any, common: argparse.ArgumentParser) -> None:
    """Add the commands."""
    runbook = subparsers.add_parser("runbook", help="add, search and show runbooks").add_subparsers(
        required=True, metavar="WHAT"
    )
    adding = runbook.add_parser(
        "add",
        parents=[common],
        help="bring a folder, file, archive, web address or Git repository of Markdown up to date",
        description="Run again at any time: what is unchanged stays, what is gone from a folder or repository is removed.",
    )
    adding.add_argument("slug", metavar="TENANT", help=WHOSE)
    adding.add_argument("place", metavar="PLACE", help="a path, https://….md, git+https://…, git@host:owner/name.git")
    adding.add_argument("--ref", default="", help="branch or tag of a repository (default: its own)")
    adding.add_argument("--folder", default="", help="part of a repository that has the runbooks (default: all of it)")
    adding.add_argument("--json", action="store_true")
    adding.set_defaults(run=add_runbooks, needs_installation=True)

    starter = runbook.add_parser(
        "starter", parents=[common], help="load the runbooks that ship with the product; changes nothing where they are"
    )
    starter.add_argument("slug", metavar="TENANT", nargs="?", help="none: every tenant")
    starter.add_argument("--json", action="store_true")
    starter.set_defaults(run=load_starter, needs_installation=True)

    listing = runbook.add_parser("list", parents=[common], help="list a tenant's runbooks")
    listing.add_argument("slug", metavar="TENANT", help=WHOSE)
    listing.add_argument("--json", action="store_true")
    listing.set_defaults(run=list_runbooks, needs_installation=True)

    searching = runbook.add_parser("search", parents=[common], help="find runbooks by words, or by a question")
    searching.add_argument("slug", metavar="TENANT", help=WHOSE)
    searching.add_argument("words", metavar="WORDS", nargs="+")
    searching.add_argument("--most", type=int, default=3, help="how many (default 3)")
    searching.add_argument("--json", action="store_true")
    searching.set_defaults(run=search_runbooks, needs_installation=True)

    showing = runbook.add_parser("show", parents=[common], help="print a runbook as it was read, and where from")
    showing.add_argument("slug", metavar="TENANT", help=WHOSE)
    showing.add_argument("name", metavar="RUNBOOK", help="title, a part of it, path, or id")
    showing.add_argument("--json", action="store_true")
    showing.set_defaults(run=show_runbook, needs_installation=True)

    removing = runbook.add_parser("remove", parents=[common], help="take a runbook, or all of a source, out of use")
    removing.add_argument("slug", metavar="TENANT", help=WHOSE)
    removing.add_argument("name", metavar="RUNBOOK", nargs="?", default="", help="title, a part of it, path, or id")
    removing.add_argument("--source", default="", help="all of this source, as `list` names it")
    removing.set_defaults(run=remove_runbooks, needs_installation=True)


def add_runbooks(options: argparse.Namespace) -> int:
    """Bring a source up to date."""
    from copilot.runbooks import library, origins

    tenant = find_tenant(options.slug)
    try:
        origin = origins.read(options.place, reference=options.ref, folder=options.folder)
    except origins.Unreadable as problem:
        raise Problem(str(problem)) from problem
    _tell(library.bring_up_to_date(tenant.id, origin, by=actor()), tenant, as_json=options.json)
    _remember(tenant)
    return 0


def load_starter(options: argparse.Namespace) -> int:
    """Load the starter set into one tenant, or into all."""
    from copilot.models import Tenant
    from copilot.runbooks import starter

    tenants = [find_tenant(options.slug)] if options.slug else list(Tenant.objects.order_by("slug"))
    for tenant in tenants:
        _tell(starter.load(tenant.id, by=actor()), tenant, as_json=options.json)
        _remember(tenant)
    if not tenants:
        print("there is no tenant yet; `copilot tenant create` loads the starter set")
    return 0


def _tell(changes: Changes, tenant: Tenant, *, as_json: bool) -> None:
    counts = {name: getattr(changes, name) for name in ("added", "changed", "unchanged", "removed")}
    if as_json:
        print_json({"tenant": tenant.slug, "source": changes.source, **counts, "notes": changes.notes})
        return
    for sign, name in (("+", "added"), ("~", "changed"), ("-", "removed")):
        for title in counts[name]:
            print(f"{sign} {title}")
    for note in changes.notes:
        print(f"! {note}")
    told = ", ".join(f"{len(titles)} {name}" for name, titles in counts.items())
    print(f"{tenant.slug}: {told} ({changes.source})")


def _remember(tenant: Tenant) -> None:
    """Bring the vectors up to date, where there is a memory; what fails is made up for by the workers later."""
    from copilot.knowledge import memory

    chosen = memory.configured()
    if chosen is None:
        return
    try:
        count = memory.catch_up(tenant.id, chosen)
    except memory.Forgetful as problem:
        print(f"! vectors are not up to date: {problem}", file=sys.stderr)
        return
    if count:
        print(f"{tenant.slug}: {count} sections remembered ({chosen.name})", file=sys.stderr)


def search_runbooks(options: argparse.Namespace) -> int:
    """Print the runbooks that fit the words best, with their steps."""
    from dataclasses import asdict

    from copilot.knowledge import memory
    from copilot.knowledge.runbook_search import search

    tenant = find_tenant(options.slug)
    hits = search(tenant.id, " ".join(options.words), most=options.most, memory=memory.configured())
    if options.json:
        print_json([asdict(hit) for hit in hits])
        return 0
    if not hits:
        print("no runbook fits; `copilot runbook list` shows what there is")
    for number, hit in enumerate(hits, start=1):
        written = f", written {hit.written_at:%Y-%m-%d}" if hit.written_at else ""
        print(
            f"{number}. {hit.title}  ({hit.source} {hit.path}, version {hit.version}{written}; by {', '.join(hit.found_by)})"
        )
        for step in hit.steps:
            print(f"   - {printable(step)}")
    return 0


def _row(row: Runbook) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "title": row.title,
        "services": row.services,
        "causes": row.causes,
        "source": row.source,
        "path": row.path,
        "link": row.link,
        "version": row.version,
        "written_at": row.written_at,
        "read_at": row.read_at,
    }


def list_runbooks(options: argparse.Namespace) -> int:
    """List a tenant's runbooks."""
    from copilot.guard.tenancy import tenant_scope
    from copilot.models import Runbook

    tenant = find_tenant(options.slug)
    with tenant_scope(tenant.id):
        rows = [_row(row) for row in Runbook.objects.filter(removed_at=None)]
    if options.json:
        print_json(rows)
        return 0
    from rich.console import Console

    shown = [
        (
            row["id"][:8],
            f"{row['title']}\n  {', '.join(row['services']) or 'any service'}: {', '.join(row['causes']) or 'any cause'}",
            row["source"],
            str(row["version"]),
            f"{row['written_at']:%Y-%m-%d}" if row["written_at"] else "",
        )
        for row in rows
    ]
    headings = ("id", "runbook", "source", "version", "written")
    Console().print(table(headings, shown, whole=("id", "version", "written")))
    return 0


def _named(tenant: Tenant, name: str) -> Runbook:
    from copilot.runbooks import library

    try:
        return library.named(tenant.id, name)
    except library.NoSuchRunbook as problem:
        raise Problem(str(problem)) from problem


def show_runbook(options: argparse.Namespace) -> int:
    """Print a runbook."""
    from copilot.guard.tenancy import tenant_scope
    from copilot.runbooks import library

    tenant = find_tenant(options.slug)
    row = _named(tenant, options.name)
    text = library.text_of(row)
    with tenant_scope(tenant.id):
        versions = [
            {"number": one.number, "written_at": one.written_at, "read_at": one.read_at, "revision": one.revision}
            for one in row.versions.all()
        ]
    if options.json:
        print_json({**_row(row), "versions": versions, "text": text})
        return 0
    written = f", written {row.written_at:%Y-%m-%d}" if row.written_at else ""
    print(
        f"{row.title}\n{row.source} {row.path}, version {row.version}{written}, read {row.read_at:%Y-%m-%d %H:%M} UTC"
    )
    if row.link:
        print(row.link)
    print()
    print(printable(text))
    return 0


def remove_runbooks(options: argparse.Namespace) -> int:
    """Take runbooks out of use."""
    from copilot.guard.tenancy import tenant_scope
    from copilot.models import Runbook
    from copilot.runbooks import library

    tenant = find_tenant(options.slug)
    if bool(options.name) == bool(options.source):
        raise Problem("name one runbook, or all of a source with --source", code=2)
    if options.name:
        rows = [_named(tenant, options.name)]
    else:
        with tenant_scope(tenant.id):
            rows = list(Runbook.objects.filter(source=options.source, removed_at=None))
        if not rows:
            raise Problem(
                f"no runbook is from {options.source!r}; `copilot runbook list {tenant.slug}` names the sources"
            )
    library.remove(tenant.id, rows, by=actor())
    for row in rows:
        print(f"- {row.title}")
    _remember(tenant)
    return 0
