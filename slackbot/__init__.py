"""The Slack face of the product."""
