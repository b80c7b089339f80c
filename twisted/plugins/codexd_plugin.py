"""Registers the codexd service with twistd."""

from twisted.application.service import ServiceMaker

codexd = ServiceMaker("codexd", "codexd.service", "An OpenAI-compatible HTTP API for Codex.", "codexd")
