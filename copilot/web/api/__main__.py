"""Write the REST API's description to a file: `python -m copilot.web.api docs/api/openapi.json`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "copilot.settings")


def described(schema: dict[str, Any]) -> str:
    """Return a description as it is kept: the same for the same routes, line by line to compare."""
    return json.dumps(schema, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def main(path: Path) -> None:
    """Write the description."""
    import django

    django.setup()
    from copilot.web.api import application

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(described(application.make().openapi()), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
