"""What an incident is, and how one is worked."""

__version__ = "0.1.0"
