"""Runbooks as people wrote them: read from where they are kept, split into sections, and stored in versions."""
