"""Settings that lie in HashiCorp Vault or in AWS Secrets Manager: read once, and refused in words that name variable and reference.

Vault is a real OpenBao, the fork that kept its API and its licence; AWS is moto's, below boto3's own requests.
"""

from __future__ import annotations

import json
import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import boto3
import hvac
import moto
import pytest

from copilot import diagnosis, settings_references
from copilot.cli import main
from copilot.config import Config
from copilot.secret_stores import hashicorp, renewal
from copilot.secret_stores.reference import NotRead, Reference
from copilot.secret_stores.settings import StoreSettings
from tests.servers import openbao

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# One server for all of them.
pytestmark = pytest.mark.xdist_group("openbao")

URL = "postgresql://copilot_app:pw-of-the-store@db/copilot"
KEYS = "a-master-secret-of-more-than-32-characters"
REGION = "eu-west-1"


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[openbao.OpenBao]:
    with openbao.serving(tmp_path_factory.mktemp("openbao")) as server:
        server.put("copilot", {"database_url": URL, "secret_keys": KEYS, "sweep_seconds": "7.5", "number": 7})
        server.reader("copilot")
        server.root().sys.enable_auth_method("approle")
        server.root().auth.approle.create_or_update_approle("copilot", token_policies=["read-copilot"], token_ttl="10m")
        yield server


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings_references, "_readings", {})
    for name in ("COPILOT_SECRET_KEYS", "DATABASE_URL", "COPILOT_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    # However slow this machine is: only the silent stores are given up.
    monkeypatch.setenv("COPILOT_SECRETS_SECONDS", "120")


@pytest.fixture
def token(vault: openbao.OpenBao, monkeypatch: pytest.MonkeyPatch) -> str:
    """Reach Vault by a token that may read one secret."""
    made = vault.token("read-copilot")
    monkeypatch.setenv("VAULT_ADDR", vault.url)
    monkeypatch.setenv("VAULT_TOKEN", made)
    return made


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_REGION", REGION)
    with moto.mock_aws():
        yield boto3.client("secretsmanager", region_name=REGION)


def refer(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, text in variables.items():
        monkeypatch.setenv(name, text)


def refused() -> str:
    with pytest.raises(NotRead) as problem:
        Config()
    return str(problem.value)


# --- how one refers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("vault:secret/data/copilot#database_url", Reference("vault", "secret/data/copilot", "database_url")),
        ("vault:team/kv/data/eu/copilot#url", Reference("vault", "team/kv/data/eu/copilot", "url")),
        ("aws-sm:copilot/prod#database_url", Reference("aws-sm", "copilot/prod", "database_url")),
        ("aws-sm:arn:aws:secretsmanager:eu-west-1:1:secret:x-AbC", Reference("aws-sm", "arn:aws:secretsmanager:eu-west-1:1:secret:x-AbC", "")),
        ("postgresql://copilot_app@db/copilot", None),
        ("https://vault.example.org", None),
        ("vault", None),
        ("", None),
    ],
)  # fmt: skip
def test_a_reference_names_a_store_a_document_and_a_key(text: str, reference: Reference | None) -> None:
    assert Reference.of(text) == reference
    assert reference is None or str(reference) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("vault:", "it begins with vault: and names no secret; write vault:secret/data/copilot#database_url: "),
        ("vault:secret/data/copilot", "vault:secret/data/copilot names no key of the secret; write "),
        ("vault:../sys/seal#x", "names no secret"),
        ("aws-sm:#x", "it begins with aws-sm: and names no secret; write aws-sm:copilot/prod#database_url: "),
    ],
)
def test_what_is_no_whole_reference_stops_the_boot(monkeypatch: pytest.MonkeyPatch, text: str, said: str) -> None:
    refer(monkeypatch, COPILOT_REDIS_URL=text)
    monkeypatch.delenv("REDIS_URL", raising=False)
    assert said in refused()
    assert refused().startswith("COPILOT_REDIS_URL: ")


# --- HashiCorp Vault ----------------------------------------------------------------------------------------------------


def test_settings_of_any_type_come_out_of_vault(
    token: str, vault: openbao.OpenBao, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.put("copilot-keys", {"keys": f"{KEYS},second-{KEYS}"})
    refer(
        monkeypatch,
        COPILOT_DATABASE_URL="vault:secret/data/copilot#database_url",
        COPILOT_SECRET_KEYS="vault:secret/data/copilot#secret_keys",
        COPILOT_SWEEP_SECONDS="vault:secret/data/copilot#sweep_seconds",
        COPILOT_LOG_LEVEL="DEBUG",
    )

    found = Config()

    assert found.database_url.get_secret_value() == URL
    assert [key.get_secret_value() for key in found.secret_keys] == [KEYS]
    assert (found.sweep_seconds, found.log_level) == (7.5, "DEBUG")
    assert [(one.variable, str(one.reference)) for one in settings_references.readings()] == [
        ("COPILOT_DATABASE_URL", "vault:secret/data/copilot#database_url"),
        ("COPILOT_SECRET_KEYS", "vault:secret/data/copilot#secret_keys"),
        ("COPILOT_SWEEP_SECONDS", "vault:secret/data/copilot#sweep_seconds"),
    ]
    (version,) = {one.version for one in settings_references.readings()}
    assert version.startswith("version 1 of 20")
    assert URL not in repr(found) + repr(settings_references.readings())


def test_a_reference_is_of_the_variable_that_goes_first(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    refer(
        monkeypatch,
        DATABASE_URL="postgresql://copilot_app@here/copilot",
        COPILOT_DATABASE_URL="vault:secret/data/copilot#database_url",
    )
    assert Config().database_url.get_secret_value() == "postgresql://copilot_app@here/copilot"
    assert settings_references.readings() == ()


def test_a_document_is_read_once_for_all_its_keys(
    token: str, vault: openbao.OpenBao, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    plain = hvac.adapters.JSONAdapter.request

    def request(self: Any, method: str, url: str, **others: Any) -> Any:
        asked.append(url)
        return plain(self, method, url, **others)

    monkeypatch.setattr(hvac.adapters.JSONAdapter, "request", request)
    refer(
        monkeypatch,
        DATABASE_URL="vault:secret/data/copilot#database_url",
        COPILOT_SECRET_KEYS="vault:secret/data/copilot#secret_keys",
    )
    Config()
    assert asked == ["/v1/secret/data/copilot"]


def test_key_value_version_one_and_namespaces_are_read_as_well(
    vault: openbao.OpenBao, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = vault.root()
    root.sys.enable_secrets_engine("kv", path="old/kv", options={"version": "1"})
    root.secrets.kv.v1.create_or_update_secret(path="copilot", secret={"key": KEYS}, mount_point="old/kv")
    root.adapter.post("/v1/sys/namespaces/team")
    within = vault.root("team")
    within.sys.enable_secrets_engine("kv", path="secret", options={"version": "2"})
    vault.put("copilot", {"database_url": URL + "-of-the-team"}, namespace="team")
    refer(monkeypatch, VAULT_ADDR=vault.url, VAULT_TOKEN=openbao.ROOT)

    assert settings_references.read({"X": Reference("vault", "old/kv/copilot", "key")}) == {"X": KEYS}
    assert settings_references.readings()[0].version == "of KV version 1"

    refer(monkeypatch, VAULT_NAMESPACE="team", DATABASE_URL="vault:secret/data/copilot#database_url")
    assert Config().database_url.get_secret_value() == URL + "-of-the-team"


def test_a_login_by_approle_leaves_no_token_behind(vault: openbao.OpenBao, monkeypatch: pytest.MonkeyPatch) -> None:
    root = vault.root()
    refer(
        monkeypatch,
        VAULT_ADDR=vault.url,
        COPILOT_VAULT_LOGIN="approle",
        COPILOT_VAULT_ROLE_ID=root.auth.approle.read_role_id("copilot")["data"]["role_id"],
        COPILOT_VAULT_SECRET_ID=root.auth.approle.generate_secret_id("copilot")["data"]["secret_id"],
        DATABASE_URL="vault:secret/data/copilot#database_url",
    )
    before = set(root.list("auth/token/accessors")["data"]["keys"])

    store = hashicorp.HashiCorpVault(StoreSettings())
    during = set(root.list("auth/token/accessors")["data"]["keys"]) - before
    store.close()
    assert Config().database_url.get_secret_value() == URL

    assert len(during) == 1
    assert set(root.list("auth/token/accessors")["data"]["keys"]) == before


def test_a_given_token_is_kept_and_can_be_renewed(vault: openbao.OpenBao, monkeypatch: pytest.MonkeyPatch) -> None:
    given = vault.token("read-copilot", ttl="1h", renewable=True)
    refer(monkeypatch, VAULT_ADDR=vault.url, VAULT_TOKEN=given, DATABASE_URL="vault:secret/data/copilot#database_url")
    Config()
    settings = StoreSettings()
    assert hashicorp.look_up(settings).renewable
    assert "last_renewal" not in vault.root().auth.token.lookup(given)["data"]

    assert hashicorp.renew(settings) == hashicorp.Token(3600, renewable=True)
    assert "last_renewal" in vault.root().auth.token.lookup(given)["data"]

    vault.root().auth.token.revoke(given)
    with pytest.raises(
        NotRead, match=r"refuses the token of VAULT_TOKEN \(permission denied\): give a new one, and restart"
    ):
        hashicorp.renew(settings)


def test_beat_renews_the_token_at_half_its_life_and_tries_again_where_that_fails(
    vault: openbao.OpenBao, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = vault.token("read-copilot", period="1h", renewable=True)
    refer(monkeypatch, VAULT_ADDR=vault.url, VAULT_TOKEN=given)
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 1:
            vault.root().auth.token.revoke(given)
        if len(waited) == 2:
            monkeypatch.setenv("VAULT_TOKEN", vault.token("read-copilot", ttl="10m", renewable=False))

    renewal.keep(wait)

    assert waited == [1800.0, 60.0]


def test_the_token_may_come_from_the_file_of_an_agent(
    vault: openbao.OpenBao, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text(vault.token("read-copilot") + "\n")
    refer(
        monkeypatch,
        VAULT_ADDR=vault.url,
        VAULT_TOKEN_FILE=str(tmp_path / "token"),
        DATABASE_URL="vault:secret/data/copilot#database_url",
    )
    assert Config().database_url.get_secret_value() == URL


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"VAULT_ADDR": ""}, "where is HashiCorp Vault? Set VAULT_ADDR, such as https://vault.example.org:8200"),
        ({"VAULT_TOKEN": ""}, "set VAULT_TOKEN for HashiCorp Vault: COPILOT_VAULT_LOGIN is token"),
        ({"VAULT_TOKEN": "of-nobody"}, "{place} refused (403, permission denied): let a policy of this token `read` the path secret/data/copilot"),
        ({"DATABASE_URL": "vault:secret/data/other#x"}, "{place} refused (403, 1 error occurred: * permission denied): let a policy of this token `read` the path secret/data/other"),
        ({"DATABASE_URL": "vault:secret/data/copilot#url"}, "the secret has no key `url`; its keys are: database_url, number, secret_keys, sweep_seconds"),
        ({"DATABASE_URL": "vault:secret/data/copilot#number"}, "what is under `number` is no text but int: store it as text"),
        ({"VAULT_TOKEN": openbao.ROOT, "DATABASE_URL": "vault:secret/copilot#x"}, "{place} has nothing at secret/copilot: is it deleted? In KV version 2 `data/` stands behind the mount, as in secret/data/copilot"),
        ({"COPILOT_VAULT_LOGIN": "approle"}, "set COPILOT_VAULT_ROLE_ID for HashiCorp Vault: COPILOT_VAULT_LOGIN is approle"),
        ({"COPILOT_VAULT_LOGIN": "approle", "COPILOT_VAULT_ROLE_ID": "x", "COPILOT_VAULT_SECRET_ID": "pw-of-the-store"}, "{place} refused the login at auth/approle (invalid role or secret ID): are COPILOT_VAULT_ROLE_ID and COPILOT_VAULT_SECRET_ID those of one AppRole, and not used up?"),
        ({"COPILOT_VAULT_LOGIN": "kubernetes", "COPILOT_VAULT_ROLE": "copilot", "COPILOT_VAULT_JWT_FILE": "/nowhere"}, "the ServiceAccount's token /nowhere cannot be read (No such file or directory): mount it, or set COPILOT_VAULT_JWT_FILE"),
    ],
)  # fmt: skip
def test_what_vault_refuses_is_said_with_what_to_do(
    token: str, vault: openbao.OpenBao, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], said: str
) -> None:
    refer(monkeypatch, DATABASE_URL="vault:secret/data/copilot#database_url")
    refer(monkeypatch, **variables)
    reference = variables.get("DATABASE_URL", "vault:secret/data/copilot#database_url")
    assert refused() == f"DATABASE_URL is {reference}: {said.format(place=f'Vault at {vault.url}')}"


def test_a_deleted_version_is_nothing(token: str, vault: openbao.OpenBao, monkeypatch: pytest.MonkeyPatch) -> None:
    vault.put("gone", {"x": "y"})
    vault.root().secrets.kv.v2.delete_latest_version_of_secret("gone")
    refer(monkeypatch, VAULT_TOKEN=openbao.ROOT, DATABASE_URL="vault:secret/data/gone#x")
    assert "has nothing at secret/data/gone: is it deleted?" in refused()


class Troubled(BaseHTTPRequestHandler):
    """A Vault that answers 503 until it is unsealed, and counts who asked."""

    asked = 0
    sealed = 99

    def do_GET(self) -> None:
        type(self).asked += 1
        is_sealed = type(self).asked <= type(self).sealed
        body = (
            {"errors": ["Vault is sealed"]} if is_sealed else {"data": {"data": {"x": URL}, "metadata": {"version": 3}}}
        )
        text = json.dumps(body).encode()
        self.send_response(503 if is_sealed else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 (the base's own name)
        """Say nothing."""


@pytest.mark.parametrize(("sealed", "asked"), [(2, 3), (99, 4)], ids=["for a moment", "for long"])
def test_a_vault_that_is_being_unsealed_is_waited_for_a_little(
    monkeypatch: pytest.MonkeyPatch, sealed: int, asked: int
) -> None:
    server = HTTPServer(("127.0.0.1", 0), type("This", (Troubled,), {"asked": 0, "sealed": sealed}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    refer(monkeypatch, VAULT_ADDR=url, VAULT_TOKEN="x", DATABASE_URL="vault:secret/data/copilot#x")
    try:
        if sealed < 4:
            assert Config().database_url.get_secret_value() == URL
        else:
            assert refused().endswith(f"Vault at {url} is not ready (Vault is sealed): unseal it")
        handler: Any = server.RequestHandlerClass
        assert handler.asked % asked == 0
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("store", ["vault", "aws-sm"])
def test_a_store_that_is_silent_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch, store: str) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(16)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        refer(
            monkeypatch,
            COPILOT_SECRETS_SECONDS="0.4",
            VAULT_ADDR=url,
            VAULT_TOKEN="x",
            AWS_ENDPOINT_URL_SECRETS_MANAGER=url,
            AWS_REGION=REGION,
            AWS_ACCESS_KEY_ID="x",
            AWS_SECRET_ACCESS_KEY="pw-of-the-store",
            DATABASE_URL=f"{store}:secret/data/copilot#x",
        )
        said = refused()
    assert "answer within 0.4 s" in said
    assert "pw-of-the-store" not in said


# --- AWS Secrets Manager ------------------------------------------------------------------------------------------------


def test_settings_come_out_of_aws(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    aws.create_secret(
        Name="copilot/prod", SecretString=json.dumps({"database_url": URL, "redis_url": "rediss://cache:6379/0"})
    )
    whole = aws.create_secret(Name="copilot/keys", SecretString=KEYS)["ARN"]
    monkeypatch.delenv("REDIS_URL", raising=False)
    refer(
        monkeypatch,
        DATABASE_URL="aws-sm:copilot/prod#database_url",
        COPILOT_REDIS_URL="aws-sm:copilot/prod#redis_url",
        COPILOT_SECRET_KEYS=f"aws-sm:{whole}",
    )

    found = Config()

    assert found.database_url.get_secret_value() == URL
    assert found.redis_url.get_secret_value() == "rediss://cache:6379/0"
    assert [key.get_secret_value() for key in found.secret_keys] == [KEYS]
    assert [one.version.startswith("version ") for one in settings_references.readings()] == [True, True, True]


@pytest.mark.parametrize(
    ("made", "reference", "said"),
    [
        ({}, "aws-sm:copilot/prod#x", "AWS Secrets Manager in eu-west-1 refused (ResourceNotFoundException): is it in this region and account? Or was it just made, without a value?"),
        ({"SecretString": '{"a": "1"}'}, "aws-sm:copilot/prod#x", "the secret has no key `x`; its keys are: a"),
        ({"SecretString": URL}, "aws-sm:copilot/prod#x", "the secret is no JSON object, so it has no key `x`; leave out the # and the key"),
        ({"SecretBinary": b"x"}, "aws-sm:copilot/prod", "the secret is binary: store it as text"),
    ],
)  # fmt: skip
def test_what_aws_refuses_is_said_with_what_to_do(
    aws: Any, monkeypatch: pytest.MonkeyPatch, made: dict[str, Any], reference: str, said: str
) -> None:
    if made:
        aws.create_secret(Name="copilot/prod", **made)
    refer(monkeypatch, DATABASE_URL=reference)
    assert refused() == f"DATABASE_URL is {reference}: {said}"


def test_a_secret_that_is_to_be_deleted_is_refused(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    aws.create_secret(Name="copilot/prod", SecretString=URL)
    aws.delete_secret(SecretId="copilot/prod")
    refer(monkeypatch, DATABASE_URL="aws-sm:copilot/prod")
    assert refused().endswith("refused (InvalidRequestException): is it scheduled for deletion? Restore it")


def test_without_a_region_aws_cannot_be_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    refer(monkeypatch, AWS_CONFIG_FILE=str(tmp_path / "none"), DATABASE_URL="aws-sm:copilot/prod")
    assert (
        refused()
        == "DATABASE_URL is aws-sm:copilot/prod: AWS Secrets Manager cannot be asked: no region is known: set AWS_REGION"
    )


# --- in doctor and at the command line ------------------------------------------------------------------------------------------------


def test_doctor_tells_what_was_read_and_how_long_the_token_lives(
    vault: openbao.OpenBao, monkeypatch: pytest.MonkeyPatch
) -> None:
    refer(
        monkeypatch,
        VAULT_ADDR=vault.url,
        VAULT_TOKEN=vault.token("read-copilot", ttl="1h", renewable=True),
        DATABASE_URL="vault:secret/data/copilot#database_url",
    )
    Config()
    said = diagnosis.stores()
    assert said.works
    assert re.fullmatch(
        r"DATABASE_URL is vault:secret/data/copilot#database_url, version 1 of \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ;"
        r" the token for Vault ends in \d+:\d\d:\d\d, beat renews it",
        said.detail,
    )

    monkeypatch.setenv("VAULT_TOKEN", vault.token("read-copilot", ttl="1h", renewable=False))
    said = diagnosis.stores()
    assert not said.works
    assert said.detail.endswith("and cannot be renewed: give a new one before")


def test_wrong_settings_are_named_in_words_and_their_values_are_not(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    refer(
        monkeypatch,
        COPILOT_SECRET_KEYS="too-short-a-secret",
        COPILOT_SWEEP_SECONDS="often",
        COPILOT_ALLOWED_PRIVATE_NETWORKS="office",
        DATABASE_URL="postgresql://copilot_app@db/copilot",
    )
    monkeypatch.setattr("copilot.cli.find_installation", lambda _: Config())

    assert main(["tenant", "list"]) == 1

    assert capsys.readouterr().err == (
        "copilot: the settings are wrong: COPILOT_SECRET_KEYS: Value error, key 1 of COPILOT_SECRET_KEYS is shorter than 32"
        " characters; COPILOT_ALLOWED_PRIVATE_NETWORKS: Input is not a valid IPv4 network, Input is not a valid IPv6 network;"
        " COPILOT_SWEEP_SECONDS: Input should be a valid number, unable to parse string as a number (docs/operate.md lists them)\n"
    )


def test_a_command_that_needs_what_cannot_be_read_says_so(
    token: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    refer(monkeypatch, COPILOT_ADMIN_DATABASE_URL="vault:secret/data/copilot#admin")
    assert main(["database", "prepare"]) == 1
    assert capsys.readouterr().err == (
        "copilot: COPILOT_ADMIN_DATABASE_URL is vault:secret/data/copilot#admin: the secret has no key `admin`; its keys are:"
        " database_url, number, secret_keys, sweep_seconds\n"
    )
