"""Settings that files hold: read, joined with the environment, and refused in words that name the variable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from copilot.config import Config
from copilot.settings_files import given_to

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "a-master-secret-of-more-than-32-characters"


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("COPILOT_SECRET_KEYS", f"{SECRET},second-{SECRET}\n", "secret_keys", [SECRET, f"second-{SECRET}"]),
        ("DATABASE_URL", "postgresql://copilot_app:pw@db/copilot\r\n", "database_url", "postgresql://copilot_app:pw@db/copilot"),
        ("COPILOT_REDIS_URL", "rediss://:pw@cache:6380/0", "redis_url", "rediss://:pw@cache:6380/0"),
        ("ANTHROPIC_API_KEY", "sk-ant-x\n", "anthropic_api_key", "sk-ant-x"),
        ("COPILOT_SWEEP_SECONDS", "7.5\n", "sweep_seconds", 7.5),
    ],
)  # fmt: skip
def test_a_file_says_what_its_variable_would(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, text: str, field: str, value: object
) -> None:
    monkeypatch.delenv(variable, raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)
    (tmp_path / "setting").write_text(text)
    monkeypatch.setenv(f"{variable}_FILE", str(tmp_path / "setting"))

    found = getattr(Config(), field)

    bare = [one.get_secret_value() for one in found] if isinstance(found, list) else found
    assert (bare.get_secret_value() if hasattr(bare, "get_secret_value") else bare) == value
    assert SECRET not in repr(Config())


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "No such file or directory"), (b"\xff\xfe", "is not text"), (b"x" * 70_000, "more than 65536 bytes")],
)
def test_a_file_that_is_no_setting_stops_the_boot(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, said: str
) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("ANTHROPIC_API_KEY_FILE", str(path))
    with pytest.raises(Exception, match=rf"ANTHROPIC_API_KEY_FILE names .*key, which .*{said}"):
        Config()


def test_a_setting_that_is_given_both_ways_stops_the_boot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(SECRET)
    monkeypatch.setenv("COPILOT_SECRET_KEYS", SECRET)
    monkeypatch.setenv("COPILOT_SECRET_KEYS_FILE", str(tmp_path / "keys"))
    with pytest.raises(Exception, match="COPILOT_SECRET_KEYS and COPILOT_SECRET_KEYS_FILE are both set"):
        Config()


def test_what_the_environment_gives_is_listed_by_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(
        "os.environ", {"PATH": "/bin", "COPILOT_NO_SETTING": "x", "COPILOT_MODEL": "claude-x", "REDIS_URL": ""}
    )
    monkeypatch.setenv("ANTHROPIC_API_KEY_FILE", "key")
    monkeypatch.chdir(tmp_path)

    assert given_to(Config) == {"COPILOT_MODEL": "claude-x", "ANTHROPIC_API_KEY_FILE": str(tmp_path / "key")}
