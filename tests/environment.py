"""The environment of the test process, set before Django's settings are read (loaded by `-p tests.environment`)."""

import os
import sys
import tempfile
from pathlib import Path

# The stories start a hundred processes: without it, each compiles the product and what it stands on anew, seconds of work.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

for name in list(os.environ):
    if name.startswith(("COPILOT_", "ANTHROPIC_", "OTEL_", "PINECONE_")) and name != "COPILOT_SHARED":
        del os.environ[name]
os.environ.update(
    COPILOT_SECRET_KEYS="test-master-secret-that-is-long-enough-to-pass",
    COPILOT_ALLOWED_PRIVATE_NETWORKS="127.0.0.0/8,::1/128",
    COPILOT_DATA=tempfile.mkdtemp(prefix="copilot-test-"),
    COPILOT_LOG_LEVEL="WARNING",
    # The rows carry the truth; a test that wants a broker starts a real one.
    REDIS_URL="memory://",
    DJANGO_SETTINGS_MODULE="copilot.settings",
)
os.environ.setdefault("COPILOT_SHARED", str(Path(__file__).parents[2] / "shared"))

from hypothesis import HealthCheck, settings  # noqa: E402 - after the environment, like everything else

# A busy machine is no defect of what is tested: how long an example takes is judged by benchmarks alone. The same examples in
# every run: what fails in a change's workflow is the change. HYPOTHESIS_PROFILE=explore looks for further ones.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("project", patient, derandomize=True, database=None)
settings.register_profile("explore", patient)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "project"))
