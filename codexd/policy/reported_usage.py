"""Reads the usage that servers report in the responses of embeddings, images, audio and moderations."""

import re
from collections.abc import Mapping
from typing import Any, Final

from codexd.neutral.event import Usage
from codexd.wire import json

WINDOW_BYTES: Final = 8192
"""How much of the beginning and of the end of a body is searched: images in between can have megabytes."""

_USAGE: Final = re.compile(rb'"usage"\s*:\s*(\{(?:[^{}"]|"[^"\\]{0,64}"|\{[^{}]{0,1024}\}){0,256}\})')
"""A member `usage` with an object, which contains no objects deeper than one level."""


def read_usage(document: object) -> Usage | None:
    """Return the usage of a decoded response; None if it reports no tokens."""
    usage = document.get("usage") if isinstance(document, Mapping) else None
    if not isinstance(usage, Mapping):
        return None
    total = _read_count(usage, "total_tokens")
    read = _read_count(usage, "input_tokens", "prompt_tokens")
    written = _read_count(usage, "output_tokens", "completion_tokens")
    if total is None and read is None and written is None:
        return None
    if read is None:
        read = max(0, (total or 0) - (written or 0))
    return Usage(input_tokens=read, output_tokens=max(0, (total or 0) - read) if written is None else written)


def find_usage(beginning: bytes, end: bytes) -> Usage | None:
    """Return the usage of a response, from the parts of its body where it can be; the last one counts.

    In the strings of JSON quotation marks are escaped, so that no text of a client is taken for a usage.
    """
    for part in (end, beginning):
        for found in reversed(_USAGE.findall(part)):
            try:
                usage = read_usage({"usage": json.decode(found)})
            except ValueError:
                continue
            if usage is not None:
                return usage
    return None


def _read_count(usage: Mapping[str, Any], *names: str) -> int | None:
    for name in names:
        count = usage.get(name)
        if isinstance(count, int) and not isinstance(count, bool) and count >= 0:
            return count
    return None
