"""Secrets that lie in a store: a setting refers to one, and it is read once when the process starts."""
