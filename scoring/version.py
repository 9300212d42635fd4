"""The version of the mathematics and of its constants; frozen into every ranking."""

from __future__ import annotations

from typing import Final

# Raise it whenever a formula or a constant in this package changes: a ranking is recomputed only by its own version.
VERSION: Final = "6"
