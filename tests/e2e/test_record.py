"""`copilot record` against a real Prometheus and a real Kubernetes API; `copilot replay` of what it made."""

from __future__ import annotations

import re
import sys
from importlib import resources
from pathlib import Path

import httpx
import pytest

from copilot.cli import main
from copilot.replay.recording import Recording, load
from tests.e2e import record_shop, shop
from tests.servers import control_plane, prometheus
from tests.servers.processes import answers, free_port, running
from tests.unit.replay.gathering import gathered
from tests.waiting import PATIENCE

SHIPPED = Path(str(resources.files("copilot.replay") / "shop.json.gz"))
needs_servers = pytest.mark.skipif(
    bool(control_plane.skip_reason() or prometheus.skip_reason()),
    reason=control_plane.skip_reason() or prometheus.skip_reason(),
)
# A pod's name ends as the controllers choose it.
POD = re.compile(r"/pods/([a-z]+)-[a-z0-9]+-[a-z0-9]+/log")


def questions(recording: Recording) -> set[tuple[str, str, str, str]]:
    return {
        (vendor, method, POD.sub(r"/pods/\1/log", path), question)
        for vendor, method, path, question in recording.exchanges
    }


@pytest.fixture(scope="module")
def made_anew(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    folder = tmp_path_factory.mktemp("record")
    assert record_shop.record(folder, folder / "shop.json.gz") == 0
    return load(folder / "shop.json.gz")


@pytest.mark.slow
@pytest.mark.envtest
@needs_servers
class TestTheShop:
    def test_the_shipped_recording_answers_what_a_new_one_does(self, made_anew: Recording) -> None:
        assert questions(made_anew) == questions(load(SHIPPED))

    def test_a_new_recording_misses_nothing(self, made_anew: Recording) -> None:
        assert gathered(made_anew).misses == {}

    def test_the_shipped_recording_tells_of_the_same_world(self, made_anew: Recording) -> None:
        shipped = load(SHIPPED)

        assert (made_anew.world, made_anew.alert_at) == (shipped.world, shipped.alert_at)

    def test_the_token_stays_out_of_the_file(self, made_anew: Recording) -> None:
        assert "eyJ" not in repr(made_anew.exchanges)


def record(tmp_path: Path, *more: str, services: Path = shop.WORLD, alert_at: str = "2026-11-03T14:02:00Z") -> int:
    return main(
        ["record", "--services", str(services), "--alert-at", alert_at, "--out", str(tmp_path / "out.json.gz"), *more]
    )


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ([], "nothing to record: give --prometheus URL"),
        (["--kubernetes", "https://127.0.0.1:1"], "--kubernetes needs --token"),
        (["--kubernetes", "https://127.0.0.1:1", "--token", "@/nowhere"], "--token: /nowhere cannot be read"),
        (
            ["--kubernetes", "https://127.0.0.1:1", "--token", "t", "--ca", "/nowhere"],
            "--ca: /nowhere is not a PEM certificate",
        ),
        (["--prometheus", "ftp://127.0.0.1"], "url: "),
    ],
)
def test_a_wrong_option_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], words: str
) -> None:
    assert record(tmp_path, *more) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out.json.gz").exists()


@pytest.mark.parametrize(
    ("alert_at", "words"),
    [
        ("yesterday", "--alert-at: 'yesterday' is neither RFC 3339"),
        ("2026-11-03T14:02:00", "has no time zone"),
        ("2999-01-01T00:00:00Z", "is in the future"),
    ],
)
def test_a_wrong_time_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str], alert_at: str, words: str) -> None:
    assert record(tmp_path, "--prometheus", "http://127.0.0.1:1", alert_at=alert_at) == 2
    assert words in capsys.readouterr().err


def test_a_wrong_world_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    services = tmp_path / "world.yaml"
    services.write_text("tenant: {slug: shop}\nservices: [{name: web}]\n")

    assert record(tmp_path, "--prometheus", "http://127.0.0.1:1", services=services) == 2
    assert "world.yaml: page: Field required" in capsys.readouterr().err


def test_a_silent_source_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert record(tmp_path, "--prometheus", f"http://127.0.0.1:{free_port()}") == 1
    assert "onnection refused" in capsys.readouterr().err
    assert not (tmp_path / "out.json.gz").exists()


def test_replay_serves_and_prints_what_to_connect(tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "replay.log"
    command = [
        sys.executable,
        "-c",
        "import sys; from copilot.cli import main; sys.exit(main())",
        "replay",
        str(SHIPPED),
        "--port",
        str(port),
    ]

    with running(command, log=log, ready=lambda: answers(f"http://127.0.0.1:{port}/health")) as process:
        version = httpx.get(f"http://127.0.0.1:{port}/kubernetes/version", trust_env=False, timeout=PATIENCE).json()
        assert version["gitVersion"] == "v1.20.2"
        process.terminate()
        assert process.wait(PATIENCE) == 0

    said = log.read_text().splitlines()
    assert f"prometheus  http://127.0.0.1:{port}/prometheus" in said
    assert "copilot tenant create shop --name Shop" in said
    assert f"copilot connect shop kubernetes --set url=http://127.0.0.1:{port}/kubernetes --set token=replay" in said
    assert (
        "copilot service add shop checkout --pagerduty PCHK001 --namespace shop --workload checkout --channel '#incidents' "
        '--repository acme/checkout --selector \'namespace="shop",service="checkout"\' --depends-on payments --depends-on cart --depends-on orders'
    ) in said


def test_replay_refuses_a_file_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(tmp_path / "absent.json.gz")]) == 2
    assert "there is no file" in capsys.readouterr().err
