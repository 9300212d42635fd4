"""`copilot incident`: what is known of an incident, and whether its scores can be recomputed."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot.cli.session import WHOSE, Problem, actor, find_installation, find_tenant, print_json
from copilot.cli.terminal import line, on_one_line, printable, table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from copilot.knowledge.briefing import Briefing, HypothesisLine
    from copilot.models import Tenant


def add(subparsers: Any, common: argparse.ArgumentParser) -> None:
    """Add the commands."""
    incident = subparsers.add_parser("incident", help="show, list and rescore incidents").add_subparsers(
        required=True, metavar="WHAT"
    )
    show = incident.add_parser("show", parents=[common], help="all that is known of one incident")
    show.add_argument("slug", metavar="TENANT", help=WHOSE)
    show.add_argument("number", type=int)
    show.add_argument("--json", action="store_true")
    show.set_defaults(run=show_incident, needs_installation=True)
    again = incident.add_parser(
        "rescore", parents=[common], help="recompute an incident's ranking from its frozen inputs and compare the bytes"
    )
    again.add_argument("slug", metavar="TENANT", help=WHOSE)
    again.add_argument("number", type=int)
    again.add_argument("--json", action="store_true")
    again.set_defaults(run=rescore_incident, needs_installation=True)
    drafting = incident.add_parser("postmortem", parents=[common], help="a post-mortem draft in Markdown")
    drafting.add_argument("slug", metavar="TENANT", help=WHOSE)
    drafting.add_argument("number", type=int)
    drafting.set_defaults(run=draft_postmortem, needs_installation=True)
    listing = incident.add_parser("list", parents=[common], help="a tenant's newest incidents")
    listing.add_argument("slug", metavar="TENANT", help=WHOSE)
    listing.add_argument("--json", action="store_true")
    listing.set_defaults(run=list_incidents, needs_installation=True)

    ask = subparsers.add_parser(
        "investigate",
        parents=[common],
        help="open an incident by hand, or rank the causes in a support bundle",
        description="Open an incident of a tenant, or join the open one of the service, and wait for its ranking; or, with --bundle,"
        " rank the causes in a folder of what kubectl printed, metrics and logs. That needs no installation, asks nobody and stores"
        " nothing.",
    )
    ask.add_argument("slug", metavar="TENANT", nargs="?", help="whose incident (not with --bundle)")
    ask.add_argument("words", nargs="*", metavar="WORDS", help="a service, or what is wrong in a few words")
    ask.add_argument(
        "--as-written", action="store_true", help="take the words as they are, though they look like a mistyped service"
    )
    ask.add_argument("--new", action="store_true", help="open another incident, though one of the service is open")
    ask.add_argument("--bundle", type=Path, metavar="DIR", help="a folder with what could be collected")
    ask.add_argument("--at", metavar="TIME", help="with --bundle: when the alert fired, e.g. 2026-11-21T03:00:00Z")
    ask.add_argument("--json", action="store_true")
    ask.set_defaults(run=investigate, needs_installation=False)


def read(options: argparse.Namespace) -> Briefing:
    """Return the briefing of the incident that a command names.

    :raises Problem: where there is none.
    """
    from copilot.knowledge import incident_reader

    tenant = find_tenant(options.slug)
    try:
        return incident_reader.read(tenant.id, incident_reader.find(tenant.id, options.number))
    except incident_reader.NoSuchIncident as error:
        raise Problem(f"{error} in {tenant.slug}") from None


def as_json(briefing: Briefing) -> dict[str, Any]:
    """Return a briefing in the command line's JSON."""
    from scoring.frozen import plain

    everything = asdict(briefing)
    return {
        **{
            key: value
            for key, value in everything.items()
            if key not in {"evidence", "hypotheses", "stages", "sources", "tenant_id", "labels"}
        },
        "labels": dict(briefing.labels),
        "evidence": [plain(one) for one in briefing.evidence],
        "hypotheses": [
            {**asdict(one), "id": str(one.id), "factors": [plain(factor) for factor in one.factors]}
            for one in briefing.hypotheses
        ],
        "stages": [
            {
                "stage": stage.stage,
                "started_at": stage.started_at.isoformat(),
                "finished_at": stage.finished_at.isoformat(),
                "seconds": stage.seconds,
            }
            for stage in briefing.stages
        ],
        "sources": [asdict(source) for source in briefing.sources],
        "sources_without_answer": [
            {"name": source.name, "status": source.status, "detail": source.detail}
            for source in briefing.sources
            if source.status in {"failed", "asking"}
        ],
    }


def show_incident(options: argparse.Namespace) -> int:
    """Show one incident."""
    briefing = read(options)
    if options.json:
        print_json(as_json(briefing))
        return 0
    from rich.console import Console

    console = Console()
    console.print(line(f"INC-{briefing.number} · {briefing.service} · {briefing.title}", "bold"))
    console.print(
        line(
            f"{briefing.status}, since {briefing.started_at:%Y-%m-%d %H:%M:%S %Z}, run {briefing.run_sequence}: {briefing.stage}"
        )
    )
    if briefing.error:
        console.print(line(f"error: {briefing.error}", "red"))
    if briefing.verdict:
        console.print(line(f"verdict: {briefing.verdict} – {briefing.explanation}"))
    if briefing.hypotheses:
        headings = ("", "confidence", "cause", "evidence", "people")
        console.print(table(headings, map(_hypothesis, briefing.hypotheses), whole=("", "confidence")))
    for light in briefing.weighed_light:
        console.print(line(f"weighed and found light: {light}"))
    if briefing.evidence:
        seen = [(one.id, one.statement, one.source, f"{one.severity:.2f}") for one in briefing.evidence]
        console.print(table(("", "what was seen", "source", "severity"), seen, whole=("", "severity")))
    for source in briefing.sources:
        console.print(line(f"{source.name}: {source.status} in {source.seconds:.2f} s {source.detail}"))
    for name, said in _how(briefing):
        console.print(line(f"{name}: {said}"))
    return 0


def _how(briefing: Briefing) -> Iterator[tuple[str, str]]:
    """Yield how the investigation was made, where there is something to say of it."""
    if briefing.routing:
        yield "asked", briefing.routing
    if briefing.model_note:
        yield "rules only", briefing.model_note
    yield from (("limited", said) for said in briefing.limited)


def _hypothesis(one: HypothesisLine) -> tuple[str, ...]:
    """Return one hypothesis as a row."""
    factors = " · ".join(f"{factor.name} {factor.value:.2f}" for factor in one.factors)
    against = f" / against {', '.join(one.contradicting)}" if one.contradicting else ""
    return (
        str(one.rank),
        f"{one.low:.2f}–{one.high:.2f}",
        f"{one.statement}\n{factors}",
        ", ".join(one.supporting) + against,
        f"👍 {len(one.verdicts.up)} 👎 {len(one.verdicts.down)}{' confirmed' if one.is_confirmed else ''}",
    )


def rescore_incident(options: argparse.Namespace) -> int:
    """Recompute and compare; exits 1 where the bytes differ."""
    from copilot.stages.rank import NotRanked, rescore

    briefing = read(options)
    if briefing.run_id is None:
        raise Problem(f"INC-{briefing.number} was never investigated")
    try:
        done = rescore(briefing.tenant_id, briefing.run_id)
    except NotRanked as error:
        raise Problem(f"INC-{briefing.number}: {error}") from None
    if options.json:
        print_json({"equal": done.is_equal, "version": done.version, "bytes": len(done.recomputed.encode())})
    elif done.is_equal:
        print(f"INC-{briefing.number}: equal, {len(done.recomputed.encode())} bytes, scoring version {done.version}")
    else:
        print(f"INC-{briefing.number}: DIFFERENT under scoring version {done.version}")
    return 0 if done.is_equal else 1


def list_incidents(options: argparse.Namespace) -> int:
    """List the newest incidents."""
    from copilot.guard.tenancy import tenant_scope
    from copilot.models import Incident

    tenant = find_tenant(options.slug)
    with tenant_scope(tenant.id):
        rows = [
            {
                "number": one.number,
                "service": one.display_service,
                "title": one.title,
                "status": one.status,
                "started_at": one.started_at.isoformat(),
            }
            for one in Incident.objects.select_related("service").order_by("-number")[:50]
        ]
    if options.json:
        print_json(rows)
    else:
        for row in rows:
            service, title = on_one_line(str(row["service"])), on_one_line(str(row["title"]))
            print(f"INC-{row['number']:<5} {row['status']:<13} {service:<20} {title}")
    return 0


def draft_postmortem(options: argparse.Namespace) -> int:
    """Print a post-mortem draft."""
    from copilot.knowledge import postmortem

    print(printable(postmortem.draft(read(options))), end="")
    return 0


def _doubt(tenant: Tenant, words: str) -> None:
    """Go on where the words are no mistyped service.

    :raises Problem: where they seem to be one, with the closest ones.
    """
    from copilot.guard.tenancy import tenant_scope
    from copilot.stages.problems import doubted

    with tenant_scope(tenant.id):
        offered = doubted(words)
    if not offered:
        return
    names = " or ".join(one.name for one, _ in offered)
    asked = f"did you mean {names}?" if offered[0][1] else f"there are {names}."
    raise Problem(
        f"{words!r}: {tenant.slug} has no service of that name; {asked} To open an incident with these words, add --as-written",
        code=2,
    )


def investigate(options: argparse.Namespace) -> int:
    """Open an incident by hand and wait for its ranking, or rank a bundle."""
    if options.bundle is not None:
        from copilot.cli.bundles import investigate_bundle

        return investigate_bundle(options)
    if not options.slug or not options.words:
        raise Problem("investigate: say TENANT and WORDS, or --bundle DIR", code=2)
    if options.at is not None:
        raise Problem("--at: goes with --bundle; an incident of a tenant begins now", code=2)
    find_installation(options.data)
    from copilot import investigations
    from copilot.knowledge import incident_reader

    tenant = find_tenant(options.slug)
    words = " ".join(options.words)
    if not options.as_written:
        _doubt(tenant, words)
    try:
        reported = investigations.investigate(tenant.id, words=words, asked_by=actor(), anew=options.new)
    except investigations.Refused as error:
        raise Problem(str(error), code=2) from None
    incident_id = reported.run.incident_id
    options.number = incident_reader.read(tenant.id, incident_id).number
    if reported.joined:
        print(f"INC-{options.number} of this service is open already; --new opens another", file=sys.stderr)
    investigations.wait_for(tenant.id, incident_id, seconds=120)
    return show_incident(options)
