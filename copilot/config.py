"""Typed settings: the only reader of the environment."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated

from pydantic import AliasChoices, BaseModel, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from copilot.settings_files import SettingsFiles
from copilot.settings_references import SettingsReferences

Network = IPv4Network | IPv6Network


class ModelPrice(BaseModel):
    """Hold the price of one model in US dollars per million tokens; each is needed, as a missing one would be free."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cache_write: float = Field(ge=0)
    cache_read: float = Field(ge=0)


class Config(BaseSettings):
    """Hold every setting of a process; each is `COPILOT_<NAME>` in the environment unless it says otherwise."""

    model_config = SettingsConfigDict(
        env_prefix="COPILOT_", extra="ignore", frozen=True, env_nested_delimiter="__", hide_input_in_errors=True
    )

    data: Path = Field(default=Path(".copilot"), description="Folder of the embedded servers and their secrets.")
    secret_keys: Annotated[list[SecretStr], NoDecode] = Field(
        default_factory=list,
        description="Master secrets, comma separated; the first seals, all open. At least 32 characters each.",
    )
    database_url: SecretStr = Field(
        default=SecretStr("postgresql://copilot_app@127.0.0.1:5432/copilot"),
        validation_alias=AliasChoices("DATABASE_URL", "COPILOT_DATABASE_URL"),
        description="PostgreSQL as the role of this process: copilot_app (api, worker, beat), copilot_staff (ops), copilot_owner.",
    )
    database_pool: int = Field(default=0, ge=0, le=64, description="Pooled connections; for web processes only.")
    redis_url: SecretStr = Field(
        default=SecretStr("redis://127.0.0.1:6379/0"),
        validation_alias=AliasChoices("REDIS_URL", "COPILOT_REDIS_URL"),
        description="Redis or Valkey: Celery's broker.",
    )
    app_role: str = Field(default="copilot_app", pattern=r"^[a-z_][a-z0-9_]*$")
    staff_role: str = Field(default="copilot_staff", pattern=r"^[a-z_][a-z0-9_]*$")
    debug: bool = False
    allowed_hosts: Annotated[list[str], NoDecode] = Field(default_factory=lambda: ["127.0.0.1", "localhost", "[::1]"])
    public_url: str = Field(default="http://127.0.0.1:8000", description="Where vendors reach the api process.")
    ops_url: str = Field(default="http://127.0.0.1:8002", description="Where people reach the admin.")
    log_level: str = "INFO"
    log_json: bool = True
    metrics_port: int = Field(default=0, ge=0, le=65535, description="Where Prometheus finds this process; 0: nowhere.")
    otlp_url: str = Field(
        default="",
        validation_alias=AliasChoices("COPILOT_OTLP_URL", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        description="Where an OpenTelemetry collector takes traces by OTLP over HTTP, e.g. http://collector:4318; empty: no traces.",
    )
    trace_share: float = Field(default=1.0, ge=0, le=1, description="Share of the traces that are kept.")

    max_webhook_bytes: int = Field(default=1_048_576, ge=1024, description="A larger webhook is answered 413.")
    allowed_private_networks: Annotated[list[Network], NoDecode] = Field(
        default_factory=list,
        description="Private networks that connections may reach, e.g. 10.0.0.0/8; none by default.",
    )

    gather_seconds: float = Field(default=20.0, gt=0, le=120, description="Deadline of all sources of one run.")
    calls_per_run: int = Field(
        default=1000,
        ge=0,
        description="About how many requests one run may make of all its sources; the router says who goes first. 0: no limit.",
    )
    tool_calls_per_day: int = Field(
        default=20_000,
        ge=0,
        description="About how many requests the tools of a tenant make in a UTC day; 0: no limit. A tenant may say otherwise.",
    )
    tool_seconds_per_day: int = Field(
        default=14_400,
        ge=0,
        description="How long the tools of a tenant may take in a UTC day, all together; 0: no limit. A tenant may say otherwise.",
    )
    max_source_bytes: int = Field(default=16_777_216, ge=65_536, description="Size cap of one answer of a source.")
    agent_answer_bytes: int = Field(
        default=4_194_304, ge=65_536, le=67_108_864, description="Size cap of one answer of an agent."
    )
    look_back_minutes: int = Field(default=60, ge=5, le=1440, description="How long before the alert is looked at.")
    lease_seconds: float = Field(default=15.0, gt=0, description="How long a silent worker keeps its run.")
    sweep_seconds: float = Field(default=5.0, gt=0, description="How often left-over work is looked for.")
    max_attempts: int = Field(default=8, ge=1, description="Attempts of one stage before the run fails.")
    correlation_minutes: int = Field(
        default=30, ge=1, description="Same service and symptom within this: one incident."
    )
    related_minutes: int = Field(
        default=15,
        ge=0,
        le=240,
        description="A new alert joins an incident that was paged at most so long before, by the rules of relation; 0: never.",
    )
    storm_alerts: int = Field(
        default=6,
        ge=2,
        description="More new alerts than this within two minutes are a storm, and join its first incident.",
    )
    run_late_seconds: float = Field(default=120.0, gt=0, description="A run older than this is reported as late.")
    keep_days: int = Field(
        default=400,
        ge=0,
        description="Incidents and what belongs to them go after so many days, changes too; 0: never. A tenant may say otherwise.",
    )
    keep_raw_days: int = Field(
        default=30,
        ge=0,
        description="Webhooks as they came, and what tells repeated requests, go after so many days; 0: never. A tenant may say otherwise.",
    )
    runs_per_hour: int = Field(
        default=300,
        ge=0,
        description="Runs of a tenant above this are made by rules alone, of few sources; 0: no limit. A tenant may say otherwise.",
    )
    webhooks_per_minute: int = Field(
        default=3000,
        ge=0,
        description="Webhooks of a tenant above this are kept and taken in a minute later; 0: no limit. A tenant may say otherwise.",
    )
    evidence_megabytes: int = Field(
        default=200,
        ge=0,
        description="What one run reads of all sources together; 0: no limit. A tenant may say otherwise.",
    )
    ready_file: Path | None = Field(default=None, description="Written by a worker when it takes work.")
    worker_concurrency: int = Field(default=2, ge=1, le=64)

    anthropic_api_key: SecretStr | None = Field(default=None, validation_alias="ANTHROPIC_API_KEY")
    anthropic_base_url: str | None = Field(default=None, validation_alias="ANTHROPIC_BASE_URL")
    model: str = Field(default="claude-sonnet-5-5", description="The model that proposes hypotheses.")
    fallback_model: str = Field(default="claude-haiku-5-5", description="Asked on refusal or overload; empty for none.")
    model_seconds: float = Field(default=45.0, gt=0, le=300)
    model_max_tokens: int = Field(default=4096, ge=256)
    model_dollars_per_incident: float = Field(default=0.50, ge=0)
    model_dollars_per_day: float = Field(
        default=20.0,
        ge=0,
        description="Of a tenant, by UTC day; 0: the model is not asked. A tenant may say otherwise.",
    )
    answer_seconds: float = Field(
        default=60.0, gt=0, le=240, description="Time for one answer in a conversation, look-ups included."
    )
    model_dollars_per_answer: float = Field(default=0.40, ge=0, description="What one answer may cost at most.")
    model_prices: dict[str, ModelPrice] = Field(
        default_factory=lambda: {
            "claude-sonnet-5-5": ModelPrice(input=3.0, output=15.0, cache_write=6.0, cache_read=0.3),
            "claude-haiku-5-5": ModelPrice(input=1.0, output=5.0, cache_write=2.0, cache_read=0.1),
            "claude-opus-5-5": ModelPrice(input=5.0, output=25.0, cache_write=10.0, cache_read=0.5),
        },
        description="US dollars per million tokens; cache writes at the price of the one-hour cache.",
    )

    embedding_url: str = Field(
        default="",
        description="Base address of an OpenAI-style embeddings API, e.g. https://api.openai.com/v1; none: search by words.",
    )
    embedding_model: str = Field(default="text-embedding-3-small", description="As the embeddings API names it.")
    embedding_dimensions: int = Field(
        default=0,
        ge=0,
        le=4000,
        description="Length of the vectors, for models that let one choose; 0: the model's own.",
    )
    embedding_api_key: SecretStr | None = Field(default=None, description="For the embeddings API, if it wants one.")
    pinecone_api_key: SecretStr | None = Field(
        default=None, validation_alias="PINECONE_API_KEY", description="Keeps vectors in Pinecone instead of pgvector."
    )
    pinecone_host: str = Field(default="", description="Address of the Pinecone index, as its console shows it.")
    pinecone_text_field: str = Field(
        default="chunk_text", description="The index's embedded field, where Pinecone makes the vectors itself."
    )

    slack_signing_secret: SecretStr | None = Field(default=None, description="Of the shared, distributed Slack app.")
    slack_client_id: str = Field(default="", description="Of the shared app, for installing it by OAuth.")
    slack_client_secret: SecretStr | None = Field(default=None, description="Of the shared app.")
    slack_url: str = Field(default="https://slack.com", description="Where Slack is, for a stand-in.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the environment, and the files and the secrets that it names."""
        del dotenv_settings, file_secret_settings
        return init_settings, SettingsReferences(settings_cls), env_settings, SettingsFiles(settings_cls)

    @field_validator("secret_keys", "allowed_hosts", "allowed_private_networks", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        """Read lists as comma-separated words: friendlier in an environment than JSON."""
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("secret_keys")
    @classmethod
    def _long_enough(cls, keys: list[SecretStr]) -> list[SecretStr]:
        for position, key in enumerate(keys, start=1):
            if len(key.get_secret_value()) < 32:
                raise ValueError(f"key {position} of COPILOT_SECRET_KEYS is shorter than 32 characters")
        return keys

    @field_validator(
        "anthropic_base_url",
        "anthropic_api_key",
        "slack_signing_secret",
        "slack_client_secret",
        "embedding_api_key",
        "pinecone_api_key",
        mode="before",
    )
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return None if value == "" else value


PRIVATE = "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,100.64.0.0/10,fc00::/7,127.0.0.0/8,::1/128"


class AgentConfig(BaseSettings):
    """Hold the settings of the agent in a customer's cluster; each is `COPILOT_AGENT_<NAME>` in the environment."""

    model_config = SettingsConfigDict(
        env_prefix="COPILOT_AGENT_", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    url: str = Field(default="", description="Address of the service's api process, e.g. https://copilot.example.org")
    token: SecretStr | None = Field(default=None, description="The agent's token, where it is in no file.")
    token_file: Path | None = Field(
        default=None, description="File with the token; read at each use, so that a new one needs no restart."
    )
    ca_file: Path | None = Field(
        default=None,
        description="PEM file of the authority that signed the service's certificate, where it is a private one.",
    )
    sources: Path = Field(
        default=Path("agent.yaml"), description="YAML file with the sources and their credentials; read at each use."
    )
    capacity: int = Field(default=3, ge=1, le=8, description="Requests that are worked at, at once.")
    wait_seconds: float = Field(default=15.0, ge=0, le=25, description="How long a poll waits for work.")
    stop_seconds: float = Field(default=20.0, ge=0, le=300, description="Time to finish what was begun, at SIGTERM.")
    health_port: int = Field(
        default=0, ge=0, le=65535, description="Where /live, /ready and /metrics answer; 0: nowhere."
    )
    max_source_bytes: int = Field(default=4_194_304, ge=65_536, description="Size cap of one answer of a source.")
    allowed_private_networks: Annotated[list[Network], NoDecode] = Field(
        default_factory=lambda: [ip_network(one) for one in PRIVATE.split(",")],
        description="Private networks that it may reach: its sources, and the service where that is private.",
    )

    @field_validator("allowed_private_networks", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("token", "token_file", "ca_file", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return None if value == "" else value


@lru_cache(maxsize=1)
def config() -> Config:
    """Return the process's settings, read once.

    :raises pydantic.ValidationError: where a value is wrong; the boot stops.
    """
    return Config()
