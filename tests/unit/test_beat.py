"""Beat sends names at their times; what they do is loaded by workers alone."""

from __future__ import annotations

import subprocess
import sys

# What `celery -A copilot beat` does before its first tick.
LOADING = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "copilot.settings"
from celery.apps.beat import Beat
from copilot.celery import app
Beat(app=app).init_loader()
print(len(app.conf.beat_schedule) > 0, "copilot.models" in sys.modules, "django.contrib.admin" in sys.modules)
"""


def test_beat_loads_neither_tables_nor_admin() -> None:
    done = subprocess.run([sys.executable, "-c", LOADING], capture_output=True, text=True, check=True)

    assert done.stdout == "True False False\n", done.stderr
