"""Tools: read-only questions about production, one registry of them for conversations and for other agents by MCP.

A tool has a name, a description, a JSON schema, a category, a cost and a rate limit. Those of connected sources are made from the
integrations' looks and collectors, others are modules of `kinds`, and packages add more by the entry point group `copilot.tools`.
"""
