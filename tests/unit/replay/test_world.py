"""How a world is described, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from copilot.replay import world

SHOP: dict[str, Any] = {
    "tenant": {"slug": "shop"},
    "services": [{"name": "checkout", "namespace": "shop", "depends_on": ["payments"]}, {"name": "payments"}],
    "page": {"service": "checkout", "title": "High latency"},
    "deploys": [{"service": "payments", "version": "2", "before_alert": 240}],
}


def test_the_scope_is_the_paged_service_with_all_others_around_it() -> None:
    scope = world.of(SHOP, where="test").scope

    assert [one.name for one in scope.services] == ["checkout", "payments"]
    assert scope.service is not None
    assert scope.service.namespace == "shop"
    assert scope.alert_title == "High latency"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"page": {"service": "cart", "title": "x"}}, "'cart' is none of the services"),
        ({"deploys": [{"service": "cart", "version": "1", "before_alert": 1}]}, "deploys: 'cart' is none"),
        ({"cause": "cart"}, "cause: 'cart' is none"),
        ({"services": [{"name": "checkout"}, {"name": "checkout"}]}, "two have the same name"),
        ({"services": []}, "services: "),
        ({"tenant": {"slug": "No Good"}}, r"tenant\.slug: "),
        ({"colour": "red"}, "colour: "),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, Any], words: str) -> None:
    with pytest.raises(world.BadWorld, match=words) as refusal:
        world.of({**SHOP, **change}, where="shop.yaml")

    assert str(refusal.value).startswith("shop.yaml: ")


def test_it_reads_yaml_and_says_when_it_cannot(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text("tenant: {slug: shop}\nservices: [{name: web}]\npage: {service: web, title: Down}\n")
    bad.write_text("tenant: [")

    assert world.read(good).page.title == "Down"
    with pytest.raises(world.BadWorld, match="neither YAML nor JSON"):
        world.read(bad)
    with pytest.raises(world.BadWorld, match="cannot be read"):
        world.read(tmp_path / "absent.yaml")
