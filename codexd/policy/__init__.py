"""Decisions as pure functions of values. The time and random numbers are arguments."""
