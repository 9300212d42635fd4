"""Find the installation that a command is about, and speak with its database as the app role."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from copilot.embedded import read_runtime
from copilot.settings_files import is_given

if TYPE_CHECKING:
    from pathlib import Path

    from copilot.models import Tenant


WHOSE = "may be left out where there is only one"


class Problem(Exception):
    """Say what went wrong and what to do; ends the command."""

    def __init__(self, text: str, *, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


def find_installation(data: Path) -> None:
    """Point this process at the running installation of a data folder, or at the one that the environment names.

    :raises Problem: where there is neither.
    """
    runtime = read_runtime(data)
    if runtime is not None:
        os.environ.update(runtime["environment"])
        # Settings that it was started with, such as Claude's key: what this command is given itself goes first.
        for name, value in runtime.get("settings", {}).items():
            if not is_given(name.removesuffix("_FILE")):
                os.environ[name] = value
    elif not is_given("DATABASE_URL", "COPILOT_DATABASE_URL"):
        raise Problem(
            f"no copilot is up on {data}: start one with `copilot up --data {data}`,"
            " or set DATABASE_URL, REDIS_URL and COPILOT_SECRET_KEYS to reach a deployed one"
        )
    # A command's own log lines go to standard error and only where they matter: standard output is for the answer.
    os.environ.setdefault("COPILOT_LOG_LEVEL", "ERROR")
    os.environ.setdefault("COPILOT_LOG_JSON", "false")
    set_up_django()


def set_up_django() -> None:
    """Load Django in this process."""
    import django

    from copilot import observe

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "copilot.settings")
    django.setup()
    observe.set_up("cli")


def find_tenant(slug: str) -> Tenant:
    """Return the tenant of a slug.

    :raises Problem: where there is none; lists those that are.
    """
    from copilot.models import Tenant

    found = Tenant.objects.filter(slug=slug).first()
    if found is None:
        known = ", ".join(Tenant.objects.order_by("slug").values_list("slug", flat=True)[:20]) or "none"
        raise Problem(f"there is no tenant {slug!r} (known: {known}); make it with `copilot tenant create {slug}`")
    return found


def only_tenant() -> str:
    """Return the slug of the only tenant.

    :raises Problem: where there are several, or none.
    """
    from copilot.models import Tenant

    known = list(Tenant.objects.order_by("slug").values_list("slug", flat=True)[:21])
    if len(known) == 1:
        return str(known[0])
    if not known:
        raise Problem("there is no tenant yet; make one with `copilot tenant create SLUG`")
    raise Problem(f"there are several tenants; say which: {', '.join(known[:20])}", code=2)


def actor() -> str:
    """Return who is at the command line, for the audit log."""
    import getpass

    try:
        return f"{getpass.getuser()} (command line)"
    except (KeyError, OSError):
        return "command line"


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    json.dump(value, sys.stdout, indent=2, default=str, ensure_ascii=False)
    print()
