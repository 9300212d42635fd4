"""Terraform's files: formatted, valid, joined as the mocked clouds say, and free of arguments that providers do not take."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.charts import find, render
from tests.deploy.terraform import TERRAFORM, blocks, complaints, mirror, named, resources, roots, schemas, skip_reason

AWS = TERRAFORM / "aws"
LABELS = [str(root.relative_to(TERRAFORM)) for root in roots()]
TESTED = sorted({file.parents[1] for file in TERRAFORM.rglob("tests/*.tftest.hcl")})


def terraform(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "AWS_"))}
    environment |= {
        "TF_CLI_CONFIG_FILE": str(folder.parents[3] / "terraformrc"),
        "TF_IN_AUTOMATION": "1",
        "CHECKPOINT_DISABLE": "1",
    }
    command = ["terraform", f"-chdir={folder}", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environment)


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder terraform/ in a place of its own, with providers from this machine alone."""
    if reason := skip_reason():
        pytest.skip(reason)
    base = tmp_path_factory.mktemp("terraform")
    rules = f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror()}"\n  }}\n}}\n'
    (base / "terraformrc").write_text(f"disable_checkpoint = true\n{rules}")
    return Path(shutil.copytree(TERRAFORM, base / "terraform", ignore=shutil.ignore_patterns(".terraform*")))


def test_there_are_modules_and_an_example_for_each_cloud() -> None:
    assert {label for label in LABELS if "envs" in label} >= {"aws/envs/example", "azure/envs/example"}
    assert len([label for label in LABELS if label.startswith("aws/modules/")]) == 11
    assert len([label for label in LABELS if label.startswith("azure/modules/")]) == 7


def test_every_file_is_formatted() -> None:
    if not shutil.which("terraform"):
        pytest.skip("needs terraform on the PATH")
    command = ["terraform", "fmt", "-check", "-recursive", "-diff", str(TERRAFORM)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.xdist_group("terraform")
def test_the_aws_example_is_valid(copied: Path) -> None:
    example = copied / "aws" / "envs" / "example"
    begun = terraform(example, "init", "-backend=false", "-input=false", "-no-color")
    assert begun.returncode == 0, begun.stderr
    done = terraform(example, "validate", "-no-color")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.xdist_group("terraform")
@pytest.mark.parametrize("folder", TESTED, ids=lambda path: str(path.relative_to(TERRAFORM)))
def test_terraforms_own_tests_pass(copied: Path, folder: Path) -> None:
    module = copied / folder.relative_to(TERRAFORM)
    begun = terraform(module, "init", "-backend=false", "-input=false", "-no-color")
    assert begun.returncode == 0, begun.stderr
    done = terraform(module, "test", "-no-color")
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"Success! (\d+) passed, 0 failed", done.stdout)
    assert passed, done.stdout
    assert int(passed[1]) >= 2


# --- without Terraform: what holds for every file -----------------------------------------------------------------------


@pytest.mark.parametrize("label", LABELS)
def test_variables_and_outputs_say_what_they_are(label: str) -> None:
    parsed = blocks(TERRAFORM / label)
    silent = [
        name
        for kind in ("variable", "output")
        for name, body in named(parsed, kind).items()
        if not body.get("description")
    ]
    untyped = [name for name, body in named(parsed, "variable").items() if "type" not in body]
    assert (silent, untyped) == ([], [])


@pytest.mark.parametrize("label", LABELS)
def test_every_variable_is_used_and_every_used_one_is_there(label: str) -> None:
    folder = TERRAFORM / label
    text = "\n".join(file.read_text() for file in folder.glob("*.tf"))
    declared = set(named(blocks(folder), "variable"))
    # A variable's own validation is no use.
    elsewhere = "\n".join(file.read_text() for file in folder.glob("*.tf") if file.name != "variables.tf")
    assert set(re.findall(r"\bvar\.(\w+)", text)) <= declared
    assert declared - set(re.findall(r"\bvar\.(\w+)", elsewhere)) == set()


@pytest.mark.parametrize("label", LABELS)
def test_modules_are_called_with_what_they_take(label: str) -> None:
    for name, body in named(blocks(TERRAFORM / label), "module").items():
        called = (TERRAFORM / label / body["source"]).resolve()
        assert called.is_relative_to(TERRAFORM), (
            f"{name} comes from {body['source']}: modules from elsewhere are not pinned by us"
        )
        variables = named(blocks(called), "variable")
        given = {key for key in body if not key.startswith("__")} - {
            "source",
            "providers",
            "depends_on",
            "count",
            "for_each",
        }
        needed = {key for key, one in variables.items() if "default" not in one}
        assert (sorted(given - set(variables)), sorted(needed - given)) == ([], []), f"module {name} of {label}"


@pytest.mark.parametrize("label", LABELS)
def test_what_is_read_of_a_module_is_put_out_by_it(label: str) -> None:
    folder = TERRAFORM / label
    text = "\n".join(file.read_text() for file in folder.glob("*.tf"))
    modules = {name: (folder / body["source"]).resolve() for name, body in named(blocks(folder), "module").items()}
    for name, output in set(re.findall(r"\bmodule\.(\w+)\.(\w+)", text)):
        assert name in modules, f"{label} reads module.{name}, which is not there"
        assert output in named(blocks(modules[name]), "output"), f"{label} reads module.{name}.{output}"


@pytest.mark.parametrize("label", LABELS)
def test_providers_are_pinned_below_their_next_major_version(label: str) -> None:
    versions: dict[str, Any] = {}
    for one in blocks(TERRAFORM / label).get("terraform", []):
        assert one["required_version"] == ">= 1.11", "ephemeral values and write-only arguments came with 1.11"
        for providers in one.get("required_providers", []):
            versions |= {key: value for key, value in providers.items() if not key.startswith("__")}
    assert versions
    for name, facts in versions.items():
        assert re.fullmatch(r">= \d+\.\d+, < \d+\.0", facts["version"]), f"{name} of {label}"


RECORDED = schemas()


@pytest.mark.parametrize("label", [label for label in LABELS if not label.startswith("aws/modules")])
def test_no_resource_is_given_what_its_provider_does_not_take(label: str) -> None:
    found = [
        complaint
        for kind, name, body in resources(blocks(TERRAFORM / label))
        if kind in RECORDED
        for complaint in complaints(body, RECORDED[kind], f"{kind}.{name}")
    ]
    assert found == []


def test_the_recorded_schemas_cover_what_terraform_cannot_check_here() -> None:
    used = {
        kind
        for label in LABELS
        for kind, _, _ in resources(blocks(TERRAFORM / label))
        if not kind.removeprefix("data.").startswith(("aws_", "terraform_")) and not kind.startswith("ephemeral.")
    }
    assert used == set(RECORDED)


def test_a_wrong_argument_would_be_seen() -> None:
    body = {"name": "x", "location": "here", "resource_group_name": "g", "addres_space": [], "subnet": [{"nam": "y"}]}
    assert complaints(body, RECORDED["azurerm_virtual_network"], "net") == [
        "net: addres_space is not an argument",
        "net.subnet: nam is not an argument",
    ]
    assert complaints({}, RECORDED["azurerm_resource_group"], "group") == [
        "group: location is missing",
        "group: name is missing",
    ]


def test_no_secret_has_a_place_in_the_state() -> None:
    """Passwords are written by write-only arguments; the broker's token alone has none (the README says so)."""
    for label in LABELS:
        for kind, name, body in resources(blocks(TERRAFORM / label)):
            for argument in ("password", "administrator_password", "secret_string", "value"):
                if argument in body and kind != "azurerm_postgresql_flexible_server_configuration":
                    pytest.fail(f"{label}: {kind}.{name} sets {argument}, which the state keeps; use {argument}_wo")


CLOUDS = {
    "aws": {
        "region": "eu-central-1", "namespace": "copilot", "app_role_arn": "arn:app", "secrets_role_arn": "arn:secrets",
        "secret_names": {"databases": "c/databases", "master": "c/master", "vendors": "c/vendors"}, "vpc_cidr": "10.60.0.0/16",
        "api_host": "copilot.example.org", "ops_host": "copilot-ops.example.org",
    },
    "azure": {
        "namespace": "copilot", "app_client_id": "app", "secrets_client_id": "secrets", "tenant_id": "entra",
        "vault_url": "https://c.vault.azure.net/", "vnet_cidr": "10.60.0.0/16", "api_host": "copilot.example.org",
        "ops_host": "copilot-ops.example.org",
    },
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.xdist_group("terraform")
@pytest.mark.parametrize("cloud", sorted(CLOUDS))
def test_the_chart_takes_the_values_of_the_release(cloud: str, tmp_path: Path) -> None:
    """Let Terraform work the values out, in a root without providers, and Helm render them."""
    if not shutil.which("terraform"):
        pytest.skip("needs terraform on the PATH")
    text = (TERRAFORM / cloud / "envs/example/release/main.tf").read_text()
    found = re.search(r"^  values = (\{.*^  \})$", text, re.MULTILINE | re.DOTALL)
    assert found
    root = tmp_path / "a" / "b" / "c" / "d" / "root"
    root.mkdir(parents=True)
    (root / "main.tf").write_text(
        f'variable "cloud" {{}}\nvariable "image" {{}}\noutput "values" {{\n  value = {found[1]}\n}}\n'
    )
    given = {"cloud": CLOUDS[cloud], "image": {"repository": "ghcr.io/example/sre-copilot", "tag": "1.2.3"}}
    (root / "given.auto.tfvars.json").write_text(json.dumps(given))
    (root.parents[3] / "terraformrc").write_text("disable_checkpoint = true\n")
    applied = terraform(root, "apply", "-auto-approve", "-input=false", "-no-color")
    assert applied.returncode == 0, applied.stderr
    values = tmp_path / "values.json"
    values.write_text(terraform(root, "output", "-json", "values").stdout)

    objects = render(values)

    assert find(objects, "ExternalSecret")["spec"]["target"] == {"name": "sre-copilot", "creationPolicy": "Owner"}
    hosts = sorted(one["spec"]["rules"][0]["host"] for one in objects if one["kind"] == "Ingress")
    assert hosts == ["copilot-ops.example.org", "copilot.example.org"]
    accounts = [one["metadata"]["name"] for one in objects if one["kind"] == "ServiceAccount"]
    # What the cloud's roles and identities name as their subjects.
    assert {"sre-copilot", "sre-copilot-secrets"} <= set(accounts)
    assert not [one for one in objects if one["kind"] in {"Secret", "StatefulSet"}]
