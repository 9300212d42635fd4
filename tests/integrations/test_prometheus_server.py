"""A real Prometheus is asked about a real past: what it stores comes out as observations, and its refusals as gaps."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from copilot.guard.http import HttpDoor
from integrations.base import Scope, ServiceScope, TimedOut, TooLarge, Unauthorised, Unreachable
from integrations.prometheus import Prometheus, PrometheusCredentials
from integrations.prometheus.api import Api
from integrations.prometheus.pack import builtin
from integrations.prometheus.questions import prepare
from integrations.prometheus.subjects import Subject
from scoring.observations import Dependency, Entity, EntityKind, Gap, Observation, Series, Window
from tests.integrations.prometheus_world import ALERT, END, ONSET, SERVICES, START, WINDOW, pod, scope, shop
from tests.servers.certificates import self_signed
from tests.servers.prometheus import Past

if TYPE_CHECKING:
    from pathlib import Path

    import requests

    from tests.servers.fixtures import StartPrometheus

pytestmark = pytest.mark.xdist_group("prometheus")


class CountingDoor(HttpDoor):
    """Be the product's own door, open to this machine, and count the answers."""

    def __init__(self, seconds: float = 20.0) -> None:
        super().__init__(deadline_seconds=seconds, allowed_private=[ip_network("127.0.0.0/8")])
        self.answers = 0

    def session(self, *, verify: bool | str = True) -> requests.Session:
        session = super().session(verify=verify)
        session.hooks["response"].append(self.count)
        return session

    def count(self, response: requests.Response, **_: object) -> None:
        self.answers += 1


@pytest.fixture(scope="module")
def url(start_prometheus: StartPrometheus) -> str:
    return start_prometheus(shop())


@pytest.fixture(scope="module")
def found(url: str) -> list[Observation]:
    return gather(url, scope(*SERVICES))


def gather(
    url: str, asked: Scope, *, queries: str = "", door: CountingDoor | None = None, window: Window = WINDOW
) -> list[Observation]:
    credentials = PrometheusCredentials(url=url, queries=queries)
    return list(Prometheus().gather(door or CountingDoor(), credentials, asked, window))


def of(found: list[Observation], service: str, indicator: str, *, peer: str = "") -> Series:
    (one,) = [
        one
        for one in found
        if isinstance(one, Series)
        and (one.entity.name, one.indicator, one.peer.name if one.peer else "") == (service, indicator, peer)
    ]
    return one


def test_every_service_is_found_by_the_labels_that_name_it(found: list[Observation]) -> None:
    random = "[bcdf-hj-np-tv-xz0-9]"
    payments = f'namespace="shop",pod=~"payments-(?:{random}{{5,10}}-[a-z0-9]{{5}}|{random}{{5}}|[0-9]{{1,4}})"'
    matchers = {
        "checkout": 'job="checkout"',
        "payments": payments,
        "catalog": 'namespace="shop",service="catalog"',
        "cart": 'job="shop/cart"',
        "shipping": 'service_name="shipping"',
        "frontend": 'namespace="shop",app="frontend"',
    }

    assert {name: of(found, name, "request_rate").query for name in SERVICES} == {
        name: f"sum(rate(http_requests_total{{{matchers[name]}}}[120s]))" for name in SERVICES
    }
    assert not [one for one in found if isinstance(one, Gap)]


def test_the_golden_signals_tell_the_story(found: list[Observation]) -> None:
    latency, errors, rate = (of(found, "checkout", name) for name in ("latency_p95", "error_ratio", "request_rate"))

    assert (latency.times[0], latency.times[-1], len(latency.times)) == (START, END, 131)
    assert latency.values[latency.times < ONSET].max() == pytest.approx(0.0975)
    assert latency.values[-1] == pytest.approx(2.425)
    assert errors.values[0] == 0.0
    assert errors.values[-1] == pytest.approx(5 / 25)
    assert (rate.values[0], rate.values[-1]) == (pytest.approx(20.0), pytest.approx(25.0))


def test_a_pool_that_shrank_is_seen_with_its_limit(found: list[Observation]) -> None:
    connections, pool, pending = (
        of(found, "payments", name) for name in ("connections", "pool_utilisation", "queue_depth")
    )

    assert (connections.values[0], connections.values[-1], connections.limit) == (4.0, 5.0, 5.0)
    assert (pool.values[0], pool.values[-1], pool.limit) == (0.2, 1.0, 1.0)
    assert (pending.values[0], pending.values[-1]) == (0.0, 14.0)


def test_containers_are_measured_against_their_limits(found: list[Observation]) -> None:
    usage, utilisation, memory = (
        of(found, "cart", name) for name in ("cpu_usage", "cpu_utilisation", "memory_utilisation")
    )

    assert (usage.values[-1], usage.limit) == (pytest.approx(0.25), 0.5)
    assert (utilisation.values[-1], utilisation.limit) == (pytest.approx(0.5), 1.0)
    assert memory.values[-1] == pytest.approx(0.5)
    assert of(found, "payments", "replicas_unavailable").values[-1] == 1.0
    assert of(found, "payments", "restarts").values.max() == pytest.approx(2.0, rel=0.4)


def test_nodes_go_by_the_names_that_kubernetes_gives_them(found: list[Observation]) -> None:
    memory = {
        one.entity: float(one.values[-1])
        for one in found
        if isinstance(one, Series) and one.indicator == "node_memory_available"
    }

    assert memory == {Entity(EntityKind.NODE, "worker-1"): 0.25, Entity(EntityKind.NODE, "worker-2"): 0.5}
    assert of(found, "worker-2", "cpu_utilisation").values[-1] == pytest.approx(0.25)
    assert of(found, "worker-1", "node_ready").values[-1] == 1.0


def test_calls_become_series_with_a_peer_and_a_dependency(found: list[Observation]) -> None:
    payments = Entity(EntityKind.SERVICE, "payments")

    assert of(found, "checkout", "latency_p95", peer="payments").peer == payments
    assert [one for one in found if isinstance(one, Dependency)] == [
        Dependency(Entity(EntityKind.SERVICE, "checkout"), payments, "prometheus client metrics")
    ]


def test_every_recorded_query_gives_its_series_again_and_its_link_opens_the_same(
    url: str, found: list[Observation]
) -> None:
    credentials = PrometheusCredentials(url=url)
    with Api(CountingDoor(), credentials) as api:
        for one in [one for one in found if isinstance(one, Series)][::7]:
            rows = api.range(one.query, start=START, end=END, step=30)
            values = [[float(value) for _, value in row["values"]] for row in rows if row["metric"] == dict(one.labels)]
            assert values == [one.values.tolist()], one.query
            assert parse_qs(urlsplit(one.link).query)["g0.expr"] == [one.query]
            assert one.link.startswith(f"{url}/graph?")


def test_six_services_take_few_requests(url: str) -> None:
    door = CountingDoor()

    gather(url, scope(*SERVICES), door=door)

    assert door.answers == 9


def test_the_whole_built_in_pack_is_understood(url: str) -> None:
    sorts = frozenset({"pg", "mysql", "redis"})
    subject = Subject(ServiceScope("a.b-c", "shop", "a.b-c"), matchers='job="x"', exporter='job="x"', exporters=sorts)
    questions = prepare(builtin(), (subject,), None, {"rate": "120s", "step": "30s", "window": "3600s"})

    with Api(CountingDoor(), PrometheusCredentials(url=url)) as api:
        for question in questions:
            api.instant(question.query)

    assert len(questions) > 160


def test_a_tenants_bad_query_is_named_and_the_others_are_kept(url: str) -> None:
    own = """
    - {name: carts, unit: count, queries: ["up{$service} ++++ )"]}
    - {name: pairs, unit: count, queries: ["http_requests_total{} * on () group_left () http_requests_total{}"]}
    - {name: sessions, unit: count, queries: ["count(http_requests_total{})"]}
    """
    found = gather(url, scope("checkout"), queries=own)

    gaps = {one.question: one.reason for one in found if isinstance(one, Gap)}
    assert list(gaps) == ["pairs of checkout"]
    assert "422: execution: found duplicate series" in gaps["pairs of checkout"]
    assert of(found, "checkout", "sessions").values[-1] == 7.0
    assert of(found, "checkout", "latency_p95").values[-1] == pytest.approx(2.425)


def test_an_unknown_service_is_one_gap(url: str) -> None:
    gaps = [one for one in gather(url, scope("nobody")) if isinstance(one, Gap)]

    assert [gap.question for gap in gaps] == ["golden signals of nobody"]
    assert "no latency, error or traffic metric found for nobody" in gaps[0].reason


def test_a_window_without_data_gives_gaps_and_no_error(url: str) -> None:
    long_ago = Window(start=START - 90000, end=ALERT - 90000, alert_at=ALERT - 90000)

    found = gather(url, scope("checkout"), window=long_ago)

    assert [type(one) for one in found] == [Gap]


def test_names_that_need_escaping_do_no_harm(url: str) -> None:
    nasty = ServiceScope(name='x"}) or vector(1) #\\', namespace='n"\n', workload="a+b(")

    found = gather(url, Scope(service=nasty))

    assert [one for one in found if isinstance(one, Series) and one.entity.kind is EntityKind.SERVICE] == []
    assert [one.question for one in found if isinstance(one, Gap)] == [f"golden signals of {nasty.name}"]


def test_a_pod_of_a_longer_named_workload_is_not_taken_for_ours(start_prometheus: StartPrometheus) -> None:
    past = Past()
    for name in ("payments", "payments-worker"):
        labels = {"namespace": "shop", "pod": pod(name)}
        past.counter(
            "http_requests_total", {**labels, "code": "200"}, [(at, 7.0) for at in range(int(START), int(END), 15)]
        )

    found = gather(start_prometheus(past), scope("payments"))

    assert of(found, "payments", "request_rate").values[-1] == pytest.approx(7.0)


def test_check_asks_prometheus_itself_about_the_tenants_queries(url: str) -> None:
    bad = PrometheusCredentials(url=url, queries="- {name: carts, unit: count, queries: ['sum(up{$service}']}")

    well, ill = (Prometheus().check(CountingDoor(), one) for one in (PrometheusCredentials(url=url), bad))

    assert (well.works, well.detail) == (True, "answers queries, but no scrape target is up")
    assert not ill.works
    assert "indicator carts: Prometheus answered 400: bad_data" in ill.detail


def test_passwords_and_private_certificates_are_checked(start_prometheus: StartPrometheus, tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path, "prometheus")
    # The hash of the word `test`, from Prometheus's own guide to basic authentication.
    hashed = "$2b$12$hNf2lSsxfm0.i4a.1kVpSOVyBCfIB51VRjgBUyv6kdnyTlgWj81Ay"
    web = f"tls_server_config: {{cert_file: {certificate}, key_file: {key}}}\nbasic_auth_users: {{sre: {hashed}}}\n"
    url = start_prometheus(Past(), web_config=web).replace("http://", "https://")
    entered = {"url": url, "username": "sre", "password": "test", "ca_certificate": certificate.read_text()}

    def check(**changed: object) -> str:
        return Prometheus().check(CountingDoor(), PrometheusCredentials.model_validate(entered | changed)).detail

    assert check() == "answers queries, but no scrape target is up"
    assert check(verify_tls=False, ca_certificate="") == "answers queries, but no scrape target is up"
    with pytest.raises(Unauthorised, match=r"answered 401: Unauthorized; check the token or the user name"):
        check(password="wrong")
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:\d+: the TLS certificate is not trusted"):
        check(ca_certificate="")


def test_no_time_is_no_answer(url: str) -> None:
    with pytest.raises(TimedOut, match="could not be asked before the deadline"):
        gather(url, scope("checkout"), door=CountingDoor(seconds=0))


def test_a_limit_of_the_server_is_told_in_its_own_words(start_prometheus: StartPrometheus) -> None:
    url = start_prometheus(shop(), arguments=("--query.max-samples=50",))

    with Api(CountingDoor(), PrometheusCredentials(url=url)) as api, pytest.raises(TooLarge, match="too many samples"):
        api.range("http_requests_total", start=START, end=END, step=30)


def test_a_closed_port_is_unreachable() -> None:
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:1 does not accept connections"):
        gather("http://127.0.0.1:1", scope("checkout"))
