"""Runbooks: what people wrote on how to handle a fault, its versions, and the parts by which it is found."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.db import models

from copilot.guard.tenancy import TenantModel

if TYPE_CHECKING:
    # Django's fields are generic for the type checker alone.
    TextField = models.TextField[str | None, str | None]
else:
    TextField = models.TextField


class SearchVector(TextField):
    """Be a column of PostgreSQL's `tsvector`, which the database fills in."""

    def db_type(self, connection: object) -> str:
        """Return the column's type."""
        del connection
        return "tsvector"


class Numbers(TextField):
    """Be a column of four-byte floating-point numbers, which pgvector casts to its own type; written and read in SQL alone."""

    def db_type(self, connection: object) -> str:
        """Return the column's type."""
        del connection
        return "real[]"


class Runbook(TenantModel):
    """Be one runbook of a tenant, as its newest version says; `source` and `path` say where it was read.

    What is gone from its source keeps its row and versions, with `removed_at`, and is found no more.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    source = models.CharField(max_length=500, help_text="A folder, repository, address, `upload` or `starter`.")
    path = models.CharField(max_length=500, help_text="Within the source.")
    title = models.CharField(max_length=300)
    services = models.JSONField(default=list, blank=True, help_text="Names of the services it is for; none: any.")
    causes = models.JSONField(default=list, blank=True, help_text="Kinds of cause it is for.")
    keywords = models.JSONField(default=list, blank=True, help_text="What else people call it: alerts, error texts.")
    link = models.URLField(max_length=1000, blank=True, help_text="Where people read it.")
    version = models.PositiveIntegerField(default=1)
    content_hash = models.CharField(max_length=64)
    written_at = models.DateTimeField(null=True, blank=True, help_text="The newest version's own date.")
    read_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        """Keep a document of a source once."""

        ordering = ("title", "source", "path")
        constraints = (models.UniqueConstraint(fields=("tenant", "source", "path"), name="runbook_once"),)

    def __str__(self) -> str:
        return self.title


class RunbookVersion(TenantModel):
    """Be a runbook's text as it was read at a time."""

    runbook = models.ForeignKey(Runbook, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    text = models.TextField()
    content_hash = models.CharField(max_length=64)
    revision = models.CharField(max_length=64, blank=True, help_text="The commit, where it comes from Git.")
    written_at = models.DateTimeField(null=True, blank=True, help_text="The document's own date, where it is known.")
    read_at = models.DateTimeField()
    read_by = models.CharField(max_length=200, blank=True)

    class Meta:
        """Number versions within a runbook."""

        ordering = ("runbook", "-number")
        constraints = (models.UniqueConstraint(fields=("tenant", "runbook", "number"), name="runbook_version_number"),)

    def __str__(self) -> str:
        return f"version {self.number}"


class RunbookChunk(TenantModel):
    """Be one section, or a part of a long one, of a runbook's newest version.

    `steps` are the list items of a section that says what to do, word for word. There is no GIN index on `search`: `@@` is not
    leak-proof, so PostgreSQL may not use an index for it beneath row security; the tenant's rows are scanned.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    runbook = models.ForeignKey(Runbook, on_delete=models.CASCADE, related_name="chunks")
    position = models.PositiveSmallIntegerField()
    heading = models.CharField(max_length=300, blank=True)
    text = models.TextField()
    steps = models.JSONField(default=list, blank=True)
    search = SearchVector(null=True, editable=False)

    class Meta:
        """Keep the sections in order."""

        ordering = ("runbook", "position")
        constraints = (
            models.UniqueConstraint(fields=("tenant", "runbook", "position"), name="runbook_chunk_position"),
        )

    def __str__(self) -> str:
        return self.heading or f"section {self.position}"


class RunbookTerm(TenantModel):
    """Be one word stem of a tenant's runbooks, and in how many chunks it is: rare words say more, unknown ones are misspelt."""

    word = models.CharField(max_length=200)
    chunks = models.PositiveIntegerField()

    class Meta:
        """Count a word once."""

        constraints = (models.UniqueConstraint(fields=("tenant", "word"), name="runbook_term_once"),)

    def __str__(self) -> str:
        return self.word


class RunbookVector(TenantModel):
    """Be a chunk's embedding by one model; compared by pgvector, and kept as plain numbers so that it may be absent."""

    chunk = models.OneToOneField(RunbookChunk, on_delete=models.CASCADE, related_name="vector")
    model = models.CharField(max_length=200)
    values = Numbers(default="{}")

    def __str__(self) -> str:
        return f"a vector by {self.model}"


class RunbookMemory(TenantModel):
    """Say which of a tenant's sections a memory holds: all those of which `digest` is the hash, and no others.

    One row a tenant, of the memory in use; where it says something else than what is there now, the memory is behind.
    """

    name = models.CharField(max_length=600, help_text="Back end and model.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the sections' ids.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        """Keep one row for each tenant."""

        constraints = (models.UniqueConstraint(fields=("tenant",), name="runbook_memory_once"),)
        verbose_name_plural = "runbook memories"

    def __str__(self) -> str:
        return self.name
