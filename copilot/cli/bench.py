"""`copilot bench`: measure what is promised, and print machine, method and the peers' figures beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from copilot.cli.session import Problem, print_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable


def add(subparsers: Any, common: argparse.ArgumentParser) -> None:
    """Add the commands."""
    bench = subparsers.add_parser("bench", help="measure what is promised").add_subparsers(
        required=True, metavar="WHAT"
    )

    def command(name: str, run: Callable[[argparse.Namespace], int], about: str, description: str) -> Any:
        """Add one benchmark, its figures also as JSON."""
        made = bench.add_parser(name, parents=[common], help=about, description=description)
        made.add_argument("--json", action="store_true")
        made.set_defaults(run=run, needs_installation=False)
        return made

    ingest = command(
        "ingest",
        run_ingest,
        "signed webhooks made durable by one api process",
        "Start PostgreSQL, Valkey and one api process in a temporary folder and load it from this process.",
    )
    ingest.add_argument("--webhooks", type=int, default=6000, help="in each round (default 6000)")
    ingest.add_argument("--connections", type=int, default=32, help="kept-alive connections (default 32)")
    ingest.add_argument("--rounds", type=int, default=3)
    ingest.add_argument("--rate", type=float, default=200.0, help="of the steady load, a second (default 200)")
    ingest.add_argument("--seconds", type=float, default=15.0, help="of the steady load (default 15)")

    slack = command(
        "slack",
        run_slack,
        "how soon Slack's interactions are acknowledged under load",
        "Start the whole stack in a temporary folder and send it signed commands, buttons and events.",
    )
    slack.add_argument("--rate", type=float, default=50.0, help="interactions a second (default 50)")
    slack.add_argument("--seconds", type=float, default=60.0, help="for how long (default 60)")

    e2e = command(
        "e2e",
        run_e2e,
        "webhook to first Slack message and to ranked hypotheses; memory and idle load",
        "Start the demo's stack with its recorded world and page it again and again.",
    )
    e2e.add_argument("--pages", type=int, default=30, help="incidents (default 30)")
    e2e.add_argument("--idle-seconds", type=float, default=30.0, help="how long the idle stack is watched (default 30)")

    scoring = command(
        "scoring",
        run_scoring,
        "detection and ranking over very many series, on one core",
        "Detect, make candidates and rank over made-up series in one process bound to one core.",
    )
    scoring.add_argument("--series", type=int, default=10_000, help="how many (default 10000)")
    scoring.add_argument("--points", type=int, default=240, help="of each (default 240)")
    scoring.add_argument("--rounds", type=int, default=5)

    agent = command(
        "agent",
        run_agent,
        "memory of the agent while it gathers from Prometheus and Kubernetes",
        "Start PostgreSQL, one api process, the demo's recorded sources and an agent, and gather again and again.",
    )
    agent.add_argument("--rounds", type=int, default=20, help="gatherings of both sources at once (default 20)")
    agent.add_argument("--idle-seconds", type=float, default=20.0, help="how long it is watched idle (default 20)")

    retrieval = command(
        "retrieval",
        run_retrieval,
        "how well and how fast runbooks are found",
        "Start PostgreSQL in a temporary folder, load the starter set, ask it the 60 questions whose runbook is known,"
        " then search among very many sections.",
    )
    retrieval.add_argument("--sections", type=int, default=10_000, help="how many to search among (default 10000)")
    retrieval.add_argument("--rounds", type=int, default=5, help="times each question is asked (default 5)")
    retrieval.add_argument(
        "--dimensions",
        type=int,
        default=0,
        metavar="N",
        help="let vectors of N numbers join in, by a stand-in for an embedder (default 0: words alone)",
    )

    sweep = command(
        "sweep",
        run_sweep,
        "how long looking for work that nobody holds takes, over very many tenants",
        "Start PostgreSQL in a temporary folder, make tenants, and sweep: first with none of them at work, then with some.",
    )
    sweep.add_argument("--tenants", type=int, default=1000, help="how many there are (default 1000)")
    sweep.add_argument("--busy", type=int, default=10, help="how many of them get work (default 10)")
    sweep.add_argument("--rounds", type=int, default=20, help="sweeps of either sort (default 20)")


def run_retrieval(options: argparse.Namespace) -> int:
    """Measure retrieval; exits 1 where fewer than 85 % of the questions found their runbook among the first three."""
    from copilot.benchmarks.retrieval import ENOUGH, measure

    figures = measure(sections=options.sections, rounds=options.rounds, dimensions=options.dimensions)
    is_enough = figures["recall"]["all"]["at_3"] >= ENOUGH
    if options.json:
        print_json(figures)
        return 0 if is_enough else 1
    print(f"machine   {figures['machine']}")
    print(f"method    {figures['method']}")
    for name, one in figures["recall"].items():
        print(
            f"recall    {name:<22} {one['questions']:>3} questions: @1 {one['at_1']:.2f}, @3 {one['at_3']:.2f},"
            f" mean reciprocal rank {one['reciprocal_rank']:.2f}"
        )
    took = figures["latency"]
    print(
        f"latency   {figures['sections']} sections, {took['searches']} searches: p50 {took['p50_ms']} ms, p95 {took['p95_ms']} ms,"
        f" p99 {took['p99_ms']} ms, longest {took['max_ms']} ms"
    )
    return 0 if is_enough else 1


def run_sweep(options: argparse.Namespace) -> int:
    """Measure sweeps."""
    from copilot.benchmarks.sweep import measure

    figures = measure(tenants=options.tenants, busy=options.busy, rounds=options.rounds)
    if options.json:
        print_json(figures)
        return 0
    rest, work = figures["at_rest"], figures["with_work"]
    print(f"machine   {figures['machine']}")
    print(f"method    {figures['rounds']} sweeps of {figures['tenants']} tenants; {figures['method']}")
    print(f"ours      nobody has work: p50 {rest['p50_ms']} ms, longest {rest['max_ms']} ms")
    print(f"          {figures['busy']} have work: p50 {work['p50_ms']} ms, longest {work['max_ms']} ms")
    return 0


def run_ingest(options: argparse.Namespace) -> int:
    """Measure ingestion; exits 1 where a webhook was not accepted, or accepted and not there."""
    from copilot.benchmarks.ingest import measure

    figures = measure(
        webhooks=options.webhooks,
        connections=options.connections,
        rounds=options.rounds,
        rate=options.rate,
        seconds_at_rate=options.seconds,
    )
    is_whole = figures["durable"] == figures["sent"] and set(figures["statuses"]) == {202}
    if options.json:
        print_json(figures)
        return 0 if is_whole else 1
    steady = figures["steady"]
    print(f"machine   {figures['machine']}")
    print(
        f"method    one api process (uvicorn), PostgreSQL and the load on the same cores; {options.connections} kept-alive"
        f" connections; {options.rounds} rounds of {options.webhooks} signed webhooks, each committed before its 202"
    )
    print(f"ours      {figures['median_per_second']}/s (rounds: {', '.join(map(str, figures['per_second']))})")
    print(
        f"          at {steady['rate']:g}/s: p50 {steady['p50_ms']} ms, p95 {steady['p95_ms']} ms, p99 {steady['p99_ms']} ms,"
        f" longest {steady['max_ms']} ms"
    )
    print(
        f"          api process {figures['api_mib']} MiB (PSS); {figures['durable']} of {figures['sent']} rows are there"
    )
    print(
        f"here      the bare endpoint, same load: {figures['bare_per_second']}/s (no signature, tenant or deduplication)"
    )
    print(f"peers     {figures['peers']}")
    return 0 if is_whole else 1


def run_slack(options: argparse.Namespace) -> int:
    """Measure acknowledgements; exits 1 where one was refused or took longer than Slack waits."""
    from copilot.benchmarks.slack import measure

    if options.rate <= 0 or options.seconds <= 0:
        raise Problem("--rate and --seconds: each must be more than 0", code=2)
    figures = measure(rate=options.rate, seconds=options.seconds)
    is_whole = set(figures["statuses"]) == {200} and not figures["late"]
    if options.json:
        print_json(figures)
        return 0 if is_whole else 1
    print(f"machine   {figures['machine']}")
    print(
        f"method    the whole stack and the load on the same cores; {figures['rate']:g} signed interactions a second for"
        f" {figures['seconds']:g} s: {', '.join(figures['kinds'])}; each timed from when it was due"
    )
    print(
        f"ours      acknowledged: p50 {figures['p50_ms']} ms, p95 {figures['p95_ms']} ms, p99 {figures['p99_ms']} ms,"
        f" longest {figures['max_ms']} ms"
    )
    print(
        f"          {figures['sent']} sent, answers {figures['statuses']}, {figures['late']} later than Slack's 3 s;"
        f" api process {figures['api_mib']} MiB (PSS)"
    )
    print("aim       p99 under 500 ms at 50 a second")
    return 0 if is_whole else 1


def run_e2e(options: argparse.Namespace) -> int:
    """Measure the whole path."""
    from copilot.benchmarks.e2e import measure

    figures = measure(pages=options.pages, idle_seconds=options.idle_seconds)
    if options.json:
        print_json(figures)
        return 0
    print(f"machine   {figures['machine']}")
    print(
        f"method    {figures['pages']} pages one after another into the demo's stack, sources replayed on loopback, rules only;"
        " times from sending the webhook to the message standing in Slack"
    )
    for name, words in (
        ("first_message", "webhook to first Slack message"),
        ("ranked", "webhook to ranked hypotheses in Slack"),
        ("complete", "page to complete thread, with charts"),
        ("gather", "gathering, of it"),
        ("overhead", "the run's own overhead (to its ranking, without waiting for sources)"),
    ):
        one = figures[name]
        print(f"ours      {words}: p50 {one['p50_ms']} ms, p95 {one['p95_ms']} ms, longest {one['max_ms']} ms")
    print(f"          api + worker + beat {figures['memory_mib']} MiB (PSS): {figures['memory']}")
    print(f"          idle: {figures['idle_percent']} % of one core over {figures['idle_seconds']:g} s")
    print(f"peers     {figures['peers']}")
    return 0


def run_scoring(options: argparse.Namespace) -> int:
    """Measure detection and ranking."""
    from copilot.benchmarks.scoring import measure

    if min(options.series, options.points, options.rounds) < 1:
        raise Problem("--series, --points and --rounds: each must be 1 or more", code=2)
    figures = measure(series=options.series, points=options.points, rounds=options.rounds)
    if options.json:
        print_json(figures)
        return 0
    print(f"machine   {figures['machine']}")
    print(
        f"method    {figures['series']:,} series of {figures['points']} points (noise, days, counters, gaps, spikes; one in twenty"
        f" leaves its baseline), detected and ranked in one warm process bound to one core; {figures['rounds']} rounds"
    )
    print(
        f"ours      {figures['seconds']} s (median; slowest {figures['slowest']} s; {figures['processor_seconds']} s of processor time)"
    )
    print(
        f"          {figures['peak_mib']} MiB at most, Python, libraries and the series included ({figures['before_mib']} MiB before)"
    )
    print("aim       2 s and 400 MiB for 10,000 series of 240 points")
    print(f"peers     {figures['peers']}")
    return 0


def run_agent(options: argparse.Namespace) -> int:
    """Measure an agent; exits 1 where it held more memory than is promised."""
    from copilot.benchmarks.agent import AIM_MIB, measure

    if options.rounds < 1 or options.idle_seconds <= 0:
        raise Problem("--rounds must be 1 or more, --idle-seconds more than 0", code=2)
    figures = measure(rounds=options.rounds, idle_seconds=options.idle_seconds)
    is_lean = figures["peak_mib"] < AIM_MIB
    if options.json:
        print_json(figures)
        return 0 if is_lean else 1
    print(f"machine   {figures['machine']}")
    print(
        f"method    one agent process, {figures['rounds']} times asked for the demo's incident by Prometheus and Kubernetes at once,"
        f" {figures['observations']} observations a time; sources replayed on loopback, api and PostgreSQL on the same cores"
    )
    print(
        f"ours      {figures['peak_mib']} MiB at most (RSS), {figures['fresh_mib']} MiB before the first request,"
        f" {figures['after_mib']} MiB after the last"
    )
    print(
        f"          a gathering through it: p50 {figures['p50_ms']} ms, p95 {figures['p95_ms']} ms, longest {figures['max_ms']} ms;"
        f" the same without it: p50 {figures['direct_p50_ms']} ms"
    )
    print(
        f"          {figures['processor_seconds']} s of processor time a gathering; idle {figures['idle_percent']} % of one core"
    )
    print(f"aim       {AIM_MIB} MiB")
    return 0 if is_lean else 1
