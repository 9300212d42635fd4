"""The tests of the integrations."""
