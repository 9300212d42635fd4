"""The stages of the work, each one load, think, return."""
