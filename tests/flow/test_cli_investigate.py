"""`copilot investigate` with what may be a typing error: it asks, and opens nothing."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import pytest

from copilot import investigations
from copilot.cli import incidents
from copilot.cli.session import Problem
from copilot.guard.tenancy import tenant_scope
from copilot.models import Incident, Service, Tenant

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def investigate(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Call the command as its parser would, and return the titles of all incidents; nothing waits for a worker."""
    monkeypatch.setattr(incidents, "find_installation", lambda _: None)
    monkeypatch.setattr(incidents, "show_incident", lambda _: 0)
    monkeypatch.setattr(investigations, "wait_for", lambda *_, **__: None)
    with tenant_scope(tenant.id):
        for name in ("checkout", "catalog", "payments"):
            Service.objects.create(name=name)

    def call(*words: str, as_written: bool = False, new: bool = False) -> list[str]:
        options = argparse.Namespace(
            slug=tenant.slug,
            words=list(words),
            as_written=as_written,
            new=new,
            bundle=None,
            at=None,
            data=None,
            json=False,
        )
        assert incidents.investigate(options) == 0
        with tenant_scope(tenant.id):
            return list(Incident.objects.values_list("title", flat=True))

    return call


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("chekout",), "'chekout': acme has no service of that name; did you mean checkout? "),
        (("paymnets", "is", "slow"), "'paymnets is slow': acme has no service of that name; did you mean payments? "),
        (("zzz",), "'zzz': acme has no service of that name; there are catalog or checkout or payments. "),
    ],
)
def test_a_mistyped_service_opens_nothing_and_is_answered_with_the_closest(
    words: tuple[str, ...], said: str, investigate: Callable[..., list[str]], tenant: Tenant
) -> None:
    with pytest.raises(Problem) as problem:
        investigate(*words)

    assert str(problem.value) == f"{said}To open an incident with these words, add --as-written"
    assert problem.value.code == 2
    with tenant_scope(tenant.id):
        assert not Incident.objects.exists()


@pytest.mark.parametrize(
    ("words", "as_written", "title"),
    [
        (("checkout",), False, "Is checkout well?"),
        (("customers", "cannot", "log", "in"), False, "customers cannot log in"),
        (("chekout",), True, "chekout"),
    ],
)
def test_a_service_a_sentence_and_what_is_meant_as_written_open_an_incident(
    words: tuple[str, ...], as_written: bool, title: str, investigate: Callable[..., list[str]]
) -> None:
    assert investigate(*words, as_written=as_written) == [title]


def test_an_open_incident_of_the_service_is_joined_unless_a_new_one_is_wanted(
    investigate: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert investigate("checkout") == ["Is checkout well?"]
    assert capsys.readouterr().err == ""

    assert investigate("checkout") == ["Is checkout well?"]
    assert capsys.readouterr().err == "INC-1 of this service is open already; --new opens another\n"

    assert investigate("checkout", new=True) == ["Is checkout well?"] * 2
