"""The service's side of agents: tokens, the requests that wait in rows, and asking through them.

What both sides say to each other is in `copilot.agent.protocol`. Whatever an agent sends is read as a stranger's words.
"""
