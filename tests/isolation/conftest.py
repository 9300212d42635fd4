"""The REST API's fixtures, for its walls."""

from tests.api.conftest import acme, hints, http, program, umbrella

__all__ = ["acme", "hints", "http", "program", "umbrella"]
