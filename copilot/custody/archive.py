"""A tenant's rows as one archive of JSON lines: for moving, for a customer who leaves, for one who asks what is kept."""

from __future__ import annotations

import base64
import io
import json
import tarfile
from datetime import date, datetime
from decimal import Decimal
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import models
from django.utils import timezone

from copilot.custody.tables import table_of, tables
from copilot.guard.tenancy import tenant_scope
from scoring.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import IO

    from copilot.models import Tenant

# A table larger than this waits on disk until it is in the archive.
IN_MEMORY = 8 * 1024 * 1024


def write(tenant: Tenant, path: Path) -> dict[str, int]:
    """Write `manifest.json` and `TABLE.jsonl` for each table, gzipped tar; return the number of rows of each table.

    What opens something is left out: sealed credentials and the hashes of keys and tokens. Each table is read in one
    transaction of its own. The file appears under its name once it is whole, and only its owner may read it.
    """
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.touch(mode=0o600)
    counts: dict[str, int] = {}
    left_out: dict[str, list[str]] = {}
    try:
        with tarfile.open(unfinished, "w:gz") as archive:
            for model in tables():
                name = table_of(model)
                left_out[name] = [field.name for field in _fields(model) if _is_secret(field)]
                with SpooledTemporaryFile(max_size=IN_MEMORY) as file:
                    counts[name] = _write_rows(tenant, model, file)
                    _add(archive, f"{name}.jsonl", file)
            manifest = {
                "tenant": tenant.slug,
                "id": str(tenant.id),
                "name": tenant.name,
                "written_at": timezone.now().isoformat(),
                "scoring_version": VERSION,
                "rows": counts,
                "left_out": {name: fields for name, fields in left_out.items() if fields},
            }
            _add(archive, "manifest.json", io.BytesIO(json.dumps(manifest, indent=2).encode()))
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return counts


def _write_rows(tenant: Tenant, model: type[models.Model], file: IO[bytes]) -> int:
    count = 0
    for row in _rows(tenant, model):
        file.write(json.dumps(row, ensure_ascii=False, default=_plain).encode() + b"\n")
        count += 1
    return count


def _rows(tenant: Tenant, model: type[models.Model]) -> Iterator[dict[str, Any]]:
    names = [field.attname for field in _fields(model) if not _is_secret(field)]
    with tenant_scope(tenant.id):
        yield from model._default_manager.filter(tenant_id=tenant.id).order_by("pk").values(*names).iterator(500)  # noqa: SLF001


def _fields(model: type[models.Model]) -> list[Any]:
    return list(model._meta.concrete_fields)  # noqa: SLF001 - Django's documented way


def _is_secret(field: Any) -> bool:
    """Say whether a field opens something: what is sealed, a hash of a key; a webhook's body is what was sent to us."""
    if isinstance(field, models.BinaryField):
        return field.name != "body"
    return bool(field.name.endswith(("_hash", "digest")))


def _add(archive: tarfile.TarFile, name: str, file: IO[bytes]) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = file.seek(0, io.SEEK_END)
    entry.mode = 0o600
    entry.mtime = int(timezone.now().timestamp())
    file.seek(0)
    archive.addfile(entry, file)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, UUID | Decimal):
        return str(value)
    if isinstance(value, bytes | memoryview):
        body = bytes(value)
        try:
            return body.decode()
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(body).decode()}
    raise TypeError(f"{type(value).__name__} has no form in JSON")
