"""Measurements of what is promised, on the machine that they run on; numbers come from here, never from a timed test."""
