"""Handlers of the routes, one module a group of endpoints."""
