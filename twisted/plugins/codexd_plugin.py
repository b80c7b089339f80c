"""Registers the codexd service with twistd."""

from twisted.application.service import ServiceMaker

codexd = ServiceMaker("codexd", "codexd.service", "Lets every OpenAI client talk to Codex.", "codexd")
