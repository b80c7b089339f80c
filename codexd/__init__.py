"""The daemon that lets every OpenAI client talk to Codex, correctly."""

__version__ = "0.1.0"
