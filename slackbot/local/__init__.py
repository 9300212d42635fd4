"""A Slack workspace on this machine: Slack's Web API, its signed requests and a page to read, as a process of its own."""
