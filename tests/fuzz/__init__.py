"""Fuzzing of the whole HTTP surface of a real daemon, against its own OpenAPI description."""
