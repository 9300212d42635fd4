"""The agent: a small process in the customer's cluster that dials out, takes typed read-only requests, and answers them.

It knows neither Django nor Celery nor Slack. The service's side of the same conversation is `copilot.relay`.
"""
