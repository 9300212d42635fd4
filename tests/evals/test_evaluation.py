"""`copilot eval` runs recorded cases through the code of a live run and is honest about what it measures."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.cli import main
from copilot.evaluation import cases, constants, evaluation, solving, truth, vocabulary
from copilot.evaluation.calibration import calibration
from copilot.evaluation.measures import Graded, Quiet, grade, measure, random_ranking
from copilot.evaluation.solving import Entry, Solved
from copilot.evaluation.truth import Truth
from copilot.evaluation.vocabulary_kubernetes import CONDITIONS, KINDS
from integrations import recorded
from scoring.evidence import Candidate, CauseKind, Direction, Evidence, EvidenceKind
from scoring.observations import Entity, EntityKind, Window
from tests.recorded_world import shop_case, write_case, write_json

CART = {"root_cause_service": "cart", "root_cause_metric": "cart__cpu_m", "fault_kind": "cpu_hog"}


def solved(
    *names: str,
    label: str | None = None,
    kinds: tuple[str, ...] = (),
    confidence: float = 0.5,
    commit: str | None = None,
) -> Solved:
    entries = tuple(
        Entry(name, "cpu saturation", label, commit, f"{name}__cpu", confidence, 0.4, 0.6) for name in names
    )
    return Solved("set", "case", "shop", "possible causes", 0.1, 0.2, entries, len(names), 0, kinds, True)


def graded(*names: str, wanted: str, confidence: float = 0.5) -> Graded:
    return grade(solved(*names, confidence=confidence), Truth(wanted, None, "", None))


def test_the_slow_cart_is_found_behind_the_slow_web(tmp_path: Path) -> None:
    (place,) = cases.find(shop_case(tmp_path / "set", truth=CART))
    answer = solving.solve(place)
    first = answer.entries[0]
    assert (first.entity, first.cause_kind, first.indicator) == ("cart", "cpu saturation", "cart__cpu_m")
    assert {one.entity for one in answer.entries} == {"web", "cart", "pay"}


def test_the_truth_is_not_opened_until_all_rankings_are_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "world"
    for number in range(3):
        shop_case(root / "set", f"case-{number}", truth=CART)
    places = cases.find(root)
    opened: list[str] = []
    really = Path.open

    def watch(self: Path, *arguments: object, **more: object) -> object:
        opened.append(self.name)
        return really(self, *arguments, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", watch)
    monkeypatch.setattr(truth, "read", lambda place: pytest.fail(f"{place.case}: the truth was opened"))
    answers = list(evaluation.answer(places))
    list(evaluation.watch(places))
    assert len(answers) == 3
    assert opened
    assert not [name for name in opened if "truth" in name]


def test_the_rankings_are_written_where_no_truth_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "world"
    shop_case(root / "set")
    out = tmp_path / "rankings.jsonl"
    assert main(["eval", str(root), "--rankings", str(out)]) == 0
    (line,) = map(json.loads, out.read_text(encoding="utf-8").splitlines())
    assert list(line) == ["set", "case", "verdict", "seconds", "ranking"]
    assert (line["set"], line["case"]) == ("set", "case-1")
    assert list(line["ranking"][0]) == [
        "entity",
        "cause_kind",
        "label",
        "commit",
        "indicator",
        "confidence",
        "low",
        "high",
    ]
    assert line["ranking"][0]["commit"] is None
    assert "nothing is measured" in capsys.readouterr().out


def test_without_truth_and_without_a_file_for_rankings_it_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop_case(tmp_path / "world" / "set")
    assert main(["eval", str(tmp_path / "world")]) == 1
    assert "--rankings FILE" in capsys.readouterr().err


def test_the_measures_for_machines_hold_each_set_system_and_kind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "world"
    shop_case(root / "rcd-sockshop", truth=CART)
    assert main(["eval", str(root), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    row = found["set"]["rcd-sockshop"]
    assert (row["cases"], row["ac1"], row["kind"], row["indicator"]) == (1, 1.0, 1.0, 1.0)
    assert row["random"]["ac1"] == pytest.approx(1 / 3)
    assert list(found["kind"]) == ["rcd-sockshop · cpu_hog"]
    assert found["healthy"]["windows"] == 1
    assert "BARO" in found["peers"]["rcd-sockshop"]


def test_the_tables_name_the_sets_and_the_peers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "world"
    shop_case(root / "petshop", truth=CART)
    assert main(["eval", str(root)]) == 0
    out = capsys.readouterr().out
    assert "petshop · shop" in out
    assert "peers on petshop: BARO .15/.27/.25" in out
    assert "healthy windows: 1" in out


def test_the_reliability_is_drawn(tmp_path: Path) -> None:
    root, picture = tmp_path / "world", tmp_path / "reliability.png"
    shop_case(root / "set", truth=CART)
    assert main(["eval", str(root), "--json", "--plot", str(picture)]) == 0
    body = picture.read_bytes()
    assert body.startswith(b"\x89PNG")
    assert struct.unpack(">II", body[16:24]) == (1080, 1080)


def test_a_picture_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "world"
    shop_case(root / "set", truth=CART)
    assert main(["eval", str(root), "--plot", str(tmp_path / "nowhere" / "one.png")]) == 2
    assert "--plot" in capsys.readouterr().err


def test_a_case_is_explained_with_its_evidence_and_factors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "world"
    shop_case(root / "set", truth=CART)
    assert main(["eval", str(root), "--explain", "case-1"]) == 0
    out = capsys.readouterr().out
    assert "1. cart: cpu saturation" in out
    for factor in (
        "signal strength",
        "temporal correlation",
        "precedent frequency",
        "evidence quality",
        "human validation",
    ):
        assert factor in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--set", "nothing"], "known: set"), (["--explain", "case-9"], "there is no case 'case-9'")],
)
def test_what_is_not_there_is_told_with_what_is(
    tmp_path: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "world"
    shop_case(root / "set")
    assert main(["eval", str(root), *arguments]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("layout", ["set/cases/one", "set/one", "one"])
def test_cases_are_found_however_deep_they_lie(tmp_path: Path, layout: str) -> None:
    made = shop_case(tmp_path / "elsewhere", "one")
    home = tmp_path / "world" / layout
    home.parent.mkdir(parents=True)
    made.rename(home)

    (place,) = cases.find(tmp_path / "world")

    assert (place.set, place.case) == ("set" if "set" in layout else "world", "one")
    assert cases.find(home.parent) == (place,)
    assert cases.find(home) == (place,)


def test_where_no_truth_is_no_time_is_spent_on_healthy_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop_case(tmp_path / "set")
    monkeypatch.setattr(recorded, "quiet", lambda _: pytest.fail("a healthy window was looked at"))
    assert main(["eval", str(tmp_path), "--rankings", str(tmp_path / "rankings.jsonl")]) == 0


def test_the_tables_are_written_between_the_marks_of_a_document(tmp_path: Path) -> None:
    shop_case(tmp_path / "world" / "petshop", truth=CART)
    document = tmp_path / "ranking.md"
    document.write_text("# Before\n\n<!-- eval -->\nold\n<!-- /eval -->\n\nafter\n", encoding="utf-8")

    for _ in range(2):
        assert main(["eval", str(tmp_path / "world"), "--json", "--markdown", str(document)]) == 0

    text = document.read_text(encoding="utf-8")
    assert text.startswith("# Before\n\n<!-- eval -->\n\n| set | cases | AC@1 |")
    assert text.endswith("\n\n<!-- /eval -->\n\nafter\n")
    assert "| petshop | 1 | 1.00 | 1.00 | 1.00 |" in text
    assert "BARO" in text
    assert "old" not in text


def test_a_document_without_marks_is_left_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shop_case(tmp_path / "world" / "set", truth=CART)
    document = tmp_path / "ranking.md"
    document.write_text("# Nothing", encoding="utf-8")

    assert main(["eval", str(tmp_path / "world"), "--markdown", str(document)]) == 2

    assert "expected one <!-- eval -->" in capsys.readouterr().err
    assert document.read_text(encoding="utf-8") == "# Nothing"


def test_a_folder_without_cases_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", str(tmp_path)]) == 2
    assert "holds no recorded case" in capsys.readouterr().err


def test_a_broken_case_is_told_and_the_rest_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "world"
    shop_case(root / "set", "case-1", truth=CART)
    (write_case(root / "set", "case-2", truth=CART) / "case.json").write_text("{", encoding="utf-8")
    assert main(["eval", str(root), "--json"]) == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out)["set"]["set"]["cases"] == 1
    assert "case-2" in captured.err


def test_a_limit_takes_cases_evenly(tmp_path: Path) -> None:
    root = tmp_path / "world"
    for number in range(9):
        write_case(root / "set", f"case-{number}")
    assert [one.case for one in cases.find(root, limit=3)] == ["case-0", "case-3", "case-6"]


def test_two_processes_give_what_one_gives(tmp_path: Path) -> None:
    root = tmp_path / "world"
    for number in range(4):
        shop_case(root / "set", f"case-{number}")
    places = cases.find(root)
    one, two = (
        [answer.entries for answer in evaluation.answer(places, jobs=jobs) if isinstance(answer, Solved)]
        for jobs in (1, 2)
    )
    assert one == two


def test_a_case_with_commits_names_a_commit_or_none(tmp_path: Path) -> None:
    folder = shop_case(tmp_path / "set")
    write_json(
        folder,
        "commits.json.gz",
        [{"sha": "ab" * 20, "message": "cart: poll harder", "timestamp": "2023-11-14T22:00:00Z"}],
    )
    write_json(
        folder,
        "deploys.json.gz",
        [{"timestamp": "2023-11-14T22:12:00Z", "service": "cart", "commit_sha": "ab" * 20, "version": "v7"}],
    )
    answer = solving.solve(cases.find(folder)[0])
    assert answer.entries[0].commit == "ab" * 20
    assert {one.commit for one in answer.entries} == {"ab" * 20, "none"}


def test_the_place_of_the_truth_gives_the_shares() -> None:
    found = measure([graded("a", "b", "c", wanted="a"), graded("a", "b", "c", wanted="c"), graded("a", "b", "c", wanted="x"),
                     graded("a", "b", "c", "d", wanted="d")])  # fmt: skip
    assert (found["ac1"], found["ac3"]) == (0.25, 0.5)
    assert found["avg5"] == pytest.approx((0.25 + 0.25 + 0.5 + 0.75 + 0.75) / 5)
    assert found["mrr"] == pytest.approx((1 + 1 / 3 + 0 + 1 / 4) / 4)


def test_an_entity_named_twice_takes_one_place() -> None:
    assert graded("a", "a", "b", wanted="b").place == 2


def test_kind_is_right_only_with_the_entity() -> None:
    kinds = ("cpu_hog", "memory_leak")
    right = grade(solved("a", "b", label="cpu_hog", kinds=kinds), Truth("a", None, "cpu_hog", None))
    other = grade(solved("a", "b", label="cpu_hog", kinds=kinds), Truth("b", None, "cpu_hog", None))
    unknown = grade(solved("a", "b", label="cpu_hog", kinds=kinds), Truth("a", None, "moonlight", None))
    assert (right.kind_right, other.kind_right, unknown.kind_right) == (True, False, None)


def test_where_commits_are_given_the_commit_decides() -> None:
    right = grade(solved("a", commit="none"), Truth("b", None, "", "none"))
    assert (right.right, right.place) == (True, 0)


@given(st.integers(min_value=1, max_value=80))
def test_chance_is_what_a_uniform_order_reaches(size: int) -> None:
    found = random_ranking([size])
    places = range(1, size + 1)
    for depth, name in ((1, "ac1"), (3, "ac3")):
        assert found[name] == pytest.approx(sum(place <= depth for place in places) / size)
    assert found["avg5"] == pytest.approx(sum(sum(place <= k for place in places) / size for k in range(1, 6)) / 5)


def test_calibration_never_maps_a_case_by_itself() -> None:
    # Confidence tells nothing here: half of each is right. A map that had seen its own case would look better than chance.
    pairs = [
        graded("a", "b", wanted="a" if number % 2 else "b", confidence=0.3 + 0.001 * number) for number in range(100)
    ]
    pairs = [
        Graded(replace(one.solved, case=f"case-{number:03}"), one.truth, one.place, None, None, None)
        for number, one in enumerate(pairs)
    ]
    found = calibration(pairs)
    assert found["brier_base"] == pytest.approx(0.25)
    assert found["brier"] >= 0.24


def test_a_system_left_out_is_mapped_by_the_others_alone() -> None:
    # What is always right here is never right there: who knew one system only would be wholly wrong about the other.
    pairs = [
        Graded(replace(one.solved, case=f"{system}-{number:03}", system=system), one.truth, one.place, None, None, None)
        for system, wanted in (("here", "a"), ("there", "b"))
        for number in range(40)
        for one in [graded("a", "b", wanted=wanted, confidence=0.8)]
    ]
    found = calibration(pairs)
    assert found["brier"] == pytest.approx(0.25, abs=0.01)
    out = found["systems_out"]
    assert (out["brier"], out["better_than_base"], out["ece"]) == (1.0, -3.0, 1.0)
    assert out["systems"]["set · here"] == {
        "cases": 40,
        "right": 1.0,
        "said": 0.0,
        "brier": 1.0,
        "brier_base": 1.0,
        "ece": 1.0,
    }


def test_one_system_alone_cannot_be_left_out() -> None:
    assert calibration([graded("a", wanted="a")])["systems_out"] is None


def test_the_numbers_that_people_set_are_counted() -> None:
    found = constants.count()
    # Five weights, two ends of an interval, and how many decimals are kept.
    assert found["confidence"] == 8
    assert "observations" not in found


def test_no_fault_seen_has_a_precision_and_a_recall(tmp_path: Path) -> None:
    found = Quiet(windows=20, said=18, wrongly=2)
    assert (found.precision, found.recall) == (0.9, 0.9)
    assert Quiet(0, 0, 0).precision is None


def case_of(
    *names: str, nodes: tuple[str, ...] = (), namespace: str = "", dataset: str = "cloudopsbench"
) -> recorded.RecordedCase:
    web = Entity(EntityKind.SERVICE, "web")
    window = Window(0, 10, 5)
    return recorded.RecordedCase(
        "c", dataset, "s", web, window, (), (*names, *nodes, *filter(None, [namespace])), namespace, nodes
    )


@pytest.mark.parametrize(
    ("entity", "name"),
    [
        (Entity(EntityKind.POD, "cart-79b49f5555-2z682", "shop", "cart"), "cart"),
        (Entity(EntityKind.POD, "cart-79b49f5555-2z682", "shop"), "cart"),
        (Entity(EntityKind.POD, "db-mysql-0", "shop"), "db-mysql"),
        (Entity(EntityKind.SERVICE, "db"), "db-mysql"),
        (Entity(EntityKind.COMPONENT, "quota memory", "shop"), "shop"),
        (Entity(EntityKind.NODE, "worker-1"), "worker-1"),
        (Entity(EntityKind.SERVICE, "ENTRY"), None),
    ],
)
def test_entities_are_spelt_as_the_case_spells_them(entity: Entity, name: str | None) -> None:
    assert vocabulary.spelt(case_of("cart", "db-mysql", nodes=("worker-1",), namespace="shop"), entity) == name


def state(condition: str, words: str, severity: float = 0.9) -> Evidence:
    return Evidence(
        "E1",
        EvidenceKind.STATE,
        Entity(EntityKind.SERVICE, "cart"),
        condition,
        words,
        severity,
        Direction.FOR,
        "kubernetes",
    )


@pytest.mark.parametrize(
    ("condition", "words", "kind"),
    [
        ("TargetPortMismatch", "port 5050 leads to 5051", "service_port_mapping_mismatch"),
        ("ImagePullBackOff", "Back-off pulling image: manifest unknown", "incorrect_image_reference"),
        ("ErrImagePull", "dial tcp: lookup registry: no such host", "image_registry_dns_failure"),
        ("FailedScheduling", "0/4 nodes are available: 3 Insufficient cpu", "cpu_capacity_mismatch"),
        ("HostPortUnknown", "cart looks for mysql on port 34000, 20 others on 3306", "mysql_invalid_port"),
        (
            "HostPortUnknown",
            "CURRENCY_ADDR is currency:7001, but currency serves 7000",
            "service_env_var_address_mismatch",
        ),
    ],
)
def test_conditions_are_told_in_the_sets_own_words(condition: str, words: str, kind: str) -> None:
    candidate = Candidate(Entity(EntityKind.SERVICE, "cart"), CauseKind.CONFIG_CHANGE, "it is", ("E1",))
    assert vocabulary.label(case_of("cart"), candidate, [state(condition, words)], "cart") == kind
    assert kind in KINDS


def test_a_quota_blames_the_namespace() -> None:
    case = case_of("cart", namespace="shop")
    candidate = Candidate(Entity(EntityKind.SERVICE, "cart"), CauseKind.SCHEDULING, "it is", ("E1",))
    assert vocabulary.entity(case, candidate, [state("FailedCreate", "exceeded quota: pods, used: pods=3")]) == "shop"
    assert vocabulary.entity(case, candidate, [state("FailedCreate", "forbidden by a webhook")]) == "cart"


def test_there_are_49_kinds_and_no_other_is_given() -> None:
    assert len(KINDS) == 49
    assert set(CONDITIONS.values()) <= set(KINDS)


def test_every_true_kind_of_the_shared_cases_is_among_them(shared: Path) -> None:
    folder = shared / "cases" / "cloudopsbench" / "cases"
    if not folder.is_dir():
        pytest.skip("no recorded cases of Kubernetes clusters")
    told = {json.loads(one.read_text(encoding="utf-8"))["fault_kind"] for one in folder.glob("*/truth.json")}
    assert told == set(KINDS)


def test_the_shared_cases_are_answered_without_their_truth(shared: Path, tmp_path: Path) -> None:
    out = tmp_path / "rankings.jsonl"
    assert main(["eval", str(shared / "cases"), "--limit", "2", "--rankings", str(out), "--json"]) == 0
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == 12
    for line in lines:
        known = recorded.read(shared / "cases" / line["set"] / "cases" / line["case"]).entities
        named = [one["entity"] for one in line["ranking"]]
        assert set(named) <= set(known)
        assert len(set(named)) >= min(5, len(known))
        assert all(0.0 <= one["low"] <= one["confidence"] <= one["high"] <= 1.0 for one in line["ranking"])
        confidences = [one["confidence"] for one in line["ranking"]]
        assert confidences == sorted(confidences, reverse=True)
