"""The commands of docs/deploy.md are ones that work: what Helm, the product and make are told there, they take."""

from __future__ import annotations

import re
import shlex

import pytest
import yaml

from copilot.cli import parser
from tests.deploy.charts import CHART, EXAMPLES, ROOT, helm

PAGE = (ROOT / "docs" / "deploy.md").read_text()
LINES = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    for line in block.replace("\\\n", " ").splitlines()
    if line.strip()
]


def starting(words: str) -> list[list[str]]:
    return [shlex.split(line) for line in LINES if line.startswith(words)]


@pytest.mark.parametrize("words", starting("helm install"), ids=lambda words: words[-1].rpartition("/")[2])
def test_helm_takes_what_it_is_told(words: list[str]) -> None:
    told = [str(ROOT / word) if word.startswith("k8s/") else word for word in words[2:] if word != "--create-namespace"]
    done = helm("template", *told)
    assert done.returncode == 0, done.stderr


def test_the_product_takes_what_it_is_told_within_the_stack() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    told = [words[3:] for words in starting("docker compose exec") if words[4] == "copilot"]
    assert len(told) == 3
    for service, _, *arguments in told:
        assert service in services
        assert callable(parser().parse_args(arguments).run)


def test_the_secret_has_the_keys_that_the_chart_reads() -> None:
    (words,) = starting("kubectl --namespace copilot create secret")
    given = {word.partition("=")[2].partition("=")[0] for word in words if word.startswith("--from-literal=")}
    values = yaml.safe_load((CHART / "examples" / "production.yaml").read_text())
    assert values["secrets"]["existing"] in words
    assert given == {"secret-keys", "redis-url", "owner-database-url", "database-url", "staff-database-url"}


def test_every_example_is_told_of() -> None:
    assert set(re.findall(r"^\| `([\w-]+)\.yaml` \|", PAGE, re.MULTILINE)) == {example.stem for example in EXAMPLES}


@pytest.mark.parametrize("cloud", ["aws", "azure"])
def test_the_outputs_that_are_read_are_there(cloud: str) -> None:
    from tests.deploy.terraform import TERRAFORM, blocks, named

    read = {words[-1] for words in map(shlex.split, re.findall(r"terraform output -\w+ \w+", PAGE))}
    there = set(named(blocks(TERRAFORM / cloud / "envs" / "example"), "output"))
    assert read - there == (set() if cloud == "aws" else {"ingress_classes"})
