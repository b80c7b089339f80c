"""Lone surrogates: halves of characters beyond the Basic Multilingual Plane, which UTF-8 cannot encode.

A server that cuts its text between UTF-16 units sends the two halves of a character in two JSON strings.
"""

REPLACEMENT = "\ufffd"


def ends_with_high(text: str) -> bool:
    """Return whether a text ends with the first half of a character."""
    return "\ud800" <= text[-1:] <= "\udbff"


def join_halves(text: str) -> str:
    """Join adjacent halves to characters; a half that is alone becomes U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
