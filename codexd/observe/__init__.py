"""Observability: one log line per request, and Prometheus metrics with bounded labels."""
