"""`copilot topology`: who needs whom, who says so, and who is hurt when a service fails."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot.cli.session import WHOSE, Problem, actor, find_tenant, print_json

if TYPE_CHECKING:
    import argparse
    from datetime import datetime

    from rich.tree import Tree

    from copilot.topology.graph import Topology

# How far a tree follows the arrows.
DEPTH = 3


def add(subparsers: Any, common: argparse.ArgumentParser) -> None:
    """Add the commands."""
    topology = subparsers.add_parser("topology", help="load and show who needs whom").add_subparsers(
        required=True, metavar="WHAT"
    )
    loading = topology.add_parser(
        "load",
        parents=[common],
        help="bring the topology up to date with a file in YAML or JSON",
        description="All of the file is taken, or nothing. What an earlier file said, and this one does not, is taken away;"
        " what sources have seen stays.",
    )
    loading.add_argument("slug", metavar="TENANT", help=WHOSE)
    loading.add_argument("file", metavar="FILE", help="services and what they need; - for standard input")
    loading.add_argument("--dry-run", action="store_true", help="check the file and say what it would change")
    loading.add_argument("--json", action="store_true")
    loading.set_defaults(run=load, needs_installation=True)

    asking = topology.add_parser(
        "survey", parents=[common], help="ask the connected sources now; the workers do it every hour"
    )
    asking.add_argument("slug", metavar="TENANT", help=WHOSE)
    asking.add_argument("--json", action="store_true")
    asking.set_defaults(run=survey, needs_installation=True)

    showing = topology.add_parser("show", parents=[common], help="show all services, or one with what it needs")
    showing.add_argument("slug", metavar="TENANT", help=WHOSE)
    showing.add_argument("service", metavar="SERVICE", nargs="?", default="")
    showing.add_argument(
        "--png", type=Path, metavar="FILE", help="draw a picture of what is around SERVICE into a file"
    )
    showing.add_argument("--json", action="store_true")
    showing.set_defaults(run=show, needs_installation=True)


def load(options: argparse.Namespace) -> int:
    """Load a file."""
    from copilot.topology import document, loading

    tenant = find_tenant(options.slug)
    try:
        text = sys.stdin.read() if options.file == "-" else Path(options.file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise Problem(f"{options.file} cannot be read: {reason}", code=2) from None
    try:
        told = document.parse_json(text) if options.file.lower().endswith(".json") else document.parse(text)
        found = loading.load(tenant.id, told, actor=actor(), dry_run=options.dry_run)
    except document.WrongTopology as wrong:
        lines = str(wrong).replace("\n", "\n  ")
        name = "standard input" if options.file == "-" else options.file
        raise Problem(f"{name} was not loaded:\n  {lines}", code=2) from None
    if options.json:
        print_json({name: getattr(found, name) for name in ("added", "changed", "unchanged", "drawn", "removed")})
        return 0
    for sign, names in (("+", found.added), ("~", found.changed)):
        for name in names:
            print(f"{sign} {name}")
    for sign, pairs in (("+", found.drawn), ("-", found.removed)):
        for caller, callee in pairs:
            print(f"{sign} {caller} → {callee}")
    would = "would be " if options.dry_run else ""
    print(
        f"{tenant.slug}: {len(found.added)} services {would}added, {len(found.changed)} changed, {len(found.unchanged)} unchanged;"
        f" {len(found.drawn)} arrows {would}drawn, {len(found.removed)} removed"
    )
    return 0


def survey(options: argparse.Namespace) -> int:
    """Ask the sources."""
    from dataclasses import asdict

    from copilot.topology import surveys

    tenant = find_tenant(options.slug)
    told = surveys.survey(tenant.id)
    if options.json:
        print_json([asdict(one) for one in told])
        return 0
    if not told:
        print("no connection tells who needs whom: connect Kubernetes, Prometheus, Jaeger or Tempo, or load a file")
    for one in told:
        if one.recorded is None:
            print(f"{one.connection}: nothing: {one.detail}")
            continue
        new = f", {len(one.recorded.new_services)} of them new" if one.recorded.new_services else ""
        drawn = f", {one.recorded.new_arrows} of them new" if one.recorded.new_arrows else ""
        print(f"{one.connection}: {one.recorded.services} services{new}; {one.recorded.arrows} arrows{drawn}")
        if one.detail:
            print(f"  could not see: {one.detail}")
    return 1 if told and all(one.recorded is None for one in told) else 0


def show(options: argparse.Namespace) -> int:
    """Show the graph as a table, or one service as a tree."""
    from django.utils import timezone
    from rich.console import Console

    from copilot.topology import reading, telling

    tenant = find_tenant(options.slug)
    graph = reading.read(tenant.id)
    now = timezone.now()
    if options.service and options.service not in graph:
        from rapidfuzz import process

        closest = process.extractOne(options.service, list(graph.nodes), score_cutoff=50)
        meant = f"; did you mean {closest[0]}?" if closest else f"; `copilot service list {tenant.slug}` names them"
        raise Problem(f"there is no service {options.service!r}{meant}")
    if options.png:
        return _draw(graph, options.service, options.png)
    if options.json:
        print_json(_plain(graph, options.service))
        return 0
    console = Console(highlight=False)
    if options.service:
        console.print(_tree(graph, options.service, now))
        console.print(f"When it fails: {telling.blast(graph.blast_radius(options.service))}.")
        return 0
    _table(console, graph)
    for line in _surveys(tenant.id, now):
        console.print(line)
    return 0


def _draw(graph: Topology, name: str, file: Path) -> int:
    """Write a picture, and print what it shows."""
    from copilot.topology import picture

    if not name:
        raise Problem("--png needs a SERVICE: a picture shows what is around one", code=2)
    drawn = picture.draw(graph, name)
    try:
        file.write_bytes(drawn.png)
    except OSError as error:
        raise Problem(f"{file} cannot be written: {error.strerror}") from None
    print(f"{file}: {drawn.alt_text}")
    return 0


def _plain(graph: Topology, name: str) -> dict[str, Any]:
    from dataclasses import asdict

    part = graph.around(name) if name else graph
    found: dict[str, Any] = {
        "services": [asdict(one) for one in part.nodes.values()],
        "edges": [{**asdict(one), "is_stale": one.is_stale} for one in part.edges],
    }
    if name:
        found["blast_radius"] = asdict(graph.blast_radius(name))
    return found


def _table(console: Any, graph: Topology) -> None:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    from copilot.topology import telling

    if not graph.nodes:
        console.print("no service is known yet: load a file, or connect Kubernetes, a mesh's metrics or traces")
        return
    table = Table("service", "what, where", "needs", "hurts", "users", box=box.SIMPLE_HEAD, pad_edge=False)
    for node in graph.nodes.values():
        needs = [one if one in graph.needs(node.name) else f"({one})" for one in graph.needs(node.name, every=True)]
        table.add_row(
            escape(node.name),
            escape(telling.place(node)),
            escape(telling.listed(needs, 6)),
            str(graph.blast_radius(node.name).count or ""),
            escape(node.entrance),
        )
    console.print(table)
    console.print(f"{len(graph.nodes)} services, {len(graph.edges)} arrows. “hurts” counts who depends on it.")
    unused = sum(not one.is_used for one in graph.edges)
    if unused:
        console.print(f"{unused} in brackets are not used: not seen for a week, or merely allowed by a network policy.")


def _tree(graph: Topology, name: str, now: datetime) -> Tree:
    from rich.markup import escape
    from rich.tree import Tree

    from copilot.topology import telling

    node = graph.nodes[name]
    where = telling.place(node)
    about = [part for part in (where, node.entrance and f"users come in ({node.entrance})") if part]
    about.append(f"found by {node.origin}" if node.origin else "set up by people")
    tree = Tree(f"[bold]{escape(name)}[/]  {escape(' · '.join(about))}")

    def grow(branch: Tree, here: str, *, up: bool, seen: tuple[str, ...]) -> None:
        follow = graph.needed_by if up else graph.needs
        for other in follow(here, every=True):
            edge = graph.edge(other, here) if up else graph.edge(here, other)
            said = telling.edge(edge, now) if edge else ""
            users = " · users come in" if graph.nodes[other].is_user_facing else ""
            again = "  (again)" if other in seen else ""
            twig = branch.add(f"{escape(other)}{again}  [dim]{escape(said)}{users}[/]")
            if not again and len(seen) < DEPTH:
                grow(twig, other, up=up, seen=(*seen, other))

    for title, up in (("needs", False), ("is needed by", True)):
        branch = tree.add(title)
        grow(branch, name, up=up, seen=(name,))
        if not branch.children:
            branch.add("[dim]nobody that is known[/]")
    return tree


def _surveys(tenant_id: Any, now: datetime) -> list[str]:
    """Return when each source was last asked, and what it could not tell."""
    from copilot.guard.tenancy import tenant_scope
    from copilot.models import TopologySurvey
    from copilot.topology import telling

    with tenant_scope(tenant_id):
        rows = list(
            TopologySurvey.objects.select_related("connection").order_by("connection__kind", "connection__name")
        )
    lines = []
    for row in rows:
        told = f"{row.connection}: has never answered"
        if row.answered_at:
            when = telling.age(row.answered_at, now)
            told = f"{row.connection}: answered {when}, {row.services} services, {row.arrows} arrows"
        lines.append(f"{told}; {row.detail}" if row.detail else told)
    return lines
