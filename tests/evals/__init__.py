"""Trials of the whole against hostile or recorded incidents."""
