"""Recognises the type of an image by its first bytes."""

import re
from typing import Final

SNIFFED_BYTES: Final = 12
"""How many bytes decide the type."""

_SIGNATURES: Final = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), "image/webp"),
)
_SYNONYMS: Final = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
}
_UNSPECIFIC: Final = frozenset(("", "application/octet-stream", "binary/octet-stream", "image/*"))


def sniff_image_type(head: bytes) -> str | None:
    """Return the media type of an image by its first `SNIFFED_BYTES`: png, jpeg, gif or webp; None for others."""
    return next((media for signature, media in _SIGNATURES if signature.match(head)), None)


def contradicts(content_type: str, media: str) -> bool:
    """Return whether a Content-Type header names another type than the one that was recognised."""
    named = content_type.partition(";")[0].strip().lower()
    return named not in _UNSPECIFIC and _SYNONYMS.get(named, named) != media
