"""What a recording's file holds, and which files are refused."""

import gzip
import json
from pathlib import Path

import pytest

from copilot.replay.recording import BadRecording, Exchange, Recording, load


def recorded() -> Recording:
    recording = Recording(alert_at=1_793_714_520.0, world={"tenant": {"slug": "shop"}})
    recording.add(Exchange("kubernetes", "GET", "/version", "", 200, "application/json", {"gitVersion": "v1"}))
    recording.add(Exchange("kubernetes", "GET", "/api/v1/nodes", "", 200, "application/json", {"items": []}))
    return recording


def test_it_reads_what_it_wrote(tmp_path: Path) -> None:
    recorded().save(tmp_path / "a.json.gz")

    assert load(tmp_path / "a.json.gz") == recorded()


def test_equal_recordings_make_equal_files(tmp_path: Path) -> None:
    other = Recording(alert_at=1_793_714_520.0, world={"tenant": {"slug": "shop"}})
    for exchange in reversed(recorded().exchanges.values()):
        other.add(exchange)
    recorded().save(tmp_path / "a.json.gz")
    other.save(tmp_path / "b.json.gz")

    assert (tmp_path / "a.json.gz").read_bytes() == (tmp_path / "b.json.gz").read_bytes()


def test_the_later_answer_to_a_question_wins() -> None:
    recording = recorded()
    recording.add(Exchange("kubernetes", "GET", "/version", "", 200, "application/json", {"gitVersion": "v2"}))

    found = recording.find("kubernetes", "GET", "/version", "")

    assert found is not None
    assert found.body == {"gitVersion": "v2"}


def zipped(document: object) -> bytes:
    # Without a time stamp the bytes, and so the test ids, are the same in every worker.
    return gzip.compress(json.dumps(document).encode(), mtime=0)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no file"),
        (b"plain text", "is not a gzip file"),
        (zipped({"format": "something else", "version": 1}), "no recording of version 1"),
        (zipped({"format": "sre-copilot recording", "version": 2}), "no recording of version 1; make it anew"),
        (zipped([1, 2]), "is not a recording"),
        (zipped({"format": "sre-copilot recording", "version": 1, "alert_at": 1}), "KeyError 'world'"),
    ],
)
def test_a_broken_file_is_refused_in_words(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "broken.json.gz"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(BadRecording, match=words) as refusal:
        load(path)

    assert "broken.json.gz" in str(refusal.value)
