"""Decisions: pure functions of values, with time and chance as arguments."""
