"""The error for paths that codexd does not serve, with a hint for clients that expect another server's API.

Clients find out what a server is by requesting paths such as Ollama's `/api/tags`. An answer would make them use
that server's API for everything else, so they get a 404 that says what codexd is.
"""

from typing import Final

from codexd.neutral.fault import Fault, fault

_PATHS: Final = {
    "Ollama's": "tags version show ps chat generate embed pull",
    "llama.cpp's": "props slots completion infill tokenize detokenize apply-template",
    "LM Studio's": "v0/models v0/chat/completions v0/completions v0/embeddings",
    "Text Generation Inference's": "info generate_stream",
    "Anthropic's": "messages messages/count_tokens",
}
_APIS: Final = {f"/v1/{path}": api for api, paths in _PATHS.items() for path in paths.split()}


def is_probe(path: str) -> bool:
    """Return whether clients request this canonical path to find out which other server this is."""
    return path in _APIS


def unknown_url(path: str) -> Fault:
    """Return the fault of a request for a path that no route has.

    Args:
        path: the canonical path; the message does not repeat it.
    """
    api = _APIS.get(path)
    other = f", not {api}" if api else ""
    hint = "In the client, choose an OpenAI-compatible provider; its base URL is this server's address followed by /v1."
    return fault("unknown_url", f"Unknown request URL. This is codexd, which serves OpenAI's API{other}. {hint}")
