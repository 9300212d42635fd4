"""How the stores are reached: read before everything else, as the other settings may lie in them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from copilot.settings_files import SettingsFiles


class StoreSettings(BaseSettings):
    """Hold how HashiCorp Vault is reached, and how long a store may take; AWS is reached as its own tools reach it.

    Never by reference, and each also from a file (`VAULT_TOKEN_FILE`).
    """

    model_config = SettingsConfigDict(env_prefix="COPILOT_", extra="ignore", frozen=True, hide_input_in_errors=True)

    secrets_seconds: float = Field(
        default=10.0, gt=0, le=120, description="How long one secret of a store is tried for, at the start."
    )
    vault_address: str = Field(default="", validation_alias="VAULT_ADDR", description="Where HashiCorp Vault is.")
    vault_namespace: str = Field(
        default="", validation_alias="VAULT_NAMESPACE", description="Its namespace, where it has."
    )
    vault_ca: str = Field(
        default="",
        validation_alias="VAULT_CACERT",
        description="PEM file of the authority that signed its certificate.",
    )
    vault_login: Literal["token", "kubernetes", "approle"] = Field(default="token", description="How to log in.")
    vault_login_path: str = Field(default="", description="Where that method is mounted; empty: under its own name.")
    vault_token: SecretStr = Field(
        default=SecretStr(""), validation_alias="VAULT_TOKEN", description="For `token`; beat renews it."
    )
    vault_role: str = Field(default="", description="For `kubernetes`: Vault's role for this ServiceAccount.")
    vault_jwt_file: Path = Field(
        default=Path("/var/run/secrets/kubernetes.io/serviceaccount/token"),
        description="For `kubernetes`: the ServiceAccount's token.",
    )
    vault_role_id: str = Field(default="", description="For `approle`.")
    vault_secret_id: SecretStr = Field(default=SecretStr(""), description="For `approle`.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the environment, and the files that it names."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, SettingsFiles(settings_cls)
