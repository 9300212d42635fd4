"""Tests of the Slack face that need neither database nor server."""
