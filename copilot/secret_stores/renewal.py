"""Keep the token alive that all processes log in to HashiCorp Vault with: at their next start they need it again."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from copilot import observe
from copilot.secret_stores import hashicorp
from copilot.secret_stores.reference import NotRead
from copilot.secret_stores.settings import StoreSettings

if TYPE_CHECKING:
    from collections.abc import Callable

log = observe.logger(__name__)

LONGEST_SECONDS = 86_400.0
AGAIN_SECONDS = 60.0


def begin() -> None:
    """Renew the token of VAULT_TOKEN from now on, in a thread; does nothing where none is given."""
    settings = StoreSettings()
    if settings.vault_address and settings.vault_login == "token" and settings.vault_token.get_secret_value():
        threading.Thread(target=keep, args=(threading.Event().wait,), name="vault-token", daemon=True).start()


def keep(wait: Callable[[float], object]) -> None:
    """Renew at half of what the token has to live, until it lives for ever or cannot be renewed; `wait` takes seconds."""
    while True:
        try:
            # Read anew each time: whoever keeps the file of VAULT_TOKEN_FILE may have put another token there.
            token = hashicorp.look_up(StoreSettings())
            if not token.seconds:
                return
            if not token.renewable:
                log.warning("the token for Vault cannot be renewed: give a new one in time", seconds=token.seconds)
                return
            token = hashicorp.renew(StoreSettings())
            log.info("the token for Vault was renewed", seconds=token.seconds)
            pause = min(token.seconds / 2, LONGEST_SECONDS)
        except NotRead as problem:
            log.error("the token for Vault was not renewed", reason=str(problem))  # noqa: TRY400 - the reason is all there is
            pause = AGAIN_SECONDS
        wait(max(pause, 1.0))
