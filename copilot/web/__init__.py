"""The api process's doors: webhooks, health and metrics."""
