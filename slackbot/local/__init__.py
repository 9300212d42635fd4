"""A Slack workspace on this machine: Slack's Web API, its signed requests and a page, as a process of its own."""
