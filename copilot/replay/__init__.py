"""Record an incident over the vendors' own HTTP APIs, and serve it again with its times moved to now."""
