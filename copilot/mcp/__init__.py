"""The tools for other agents, by the Model Context Protocol: read-only, as one tenant's token, over stdio or streamable HTTP."""
