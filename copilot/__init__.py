"""What an incident is, and how one is worked."""
