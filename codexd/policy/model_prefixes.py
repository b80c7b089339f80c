"""The prefixes of model names: which back end a name belongs to by how it begins."""

import re
from typing import Final

MAX_CHARACTERS: Final = 64
_VALID: Final = re.compile(rf"[!-)+-~]{{0,{MAX_CHARACTERS}}}")
_ENDS_LIKE_A_NAME: Final = re.compile(r"[A-Za-z0-9._-]\Z")


def match_length(prefix: str, model: str) -> int:
    """Return how many characters of a prefix a model name has: all or none. The longest match decides."""
    return len(prefix) if model.startswith(prefix) else 0


def is_valid_prefix(prefix: str) -> bool:
    """Return whether a prefix is empty, or can be sent in every request and meant in every list of models."""
    return _VALID.fullmatch(prefix) is not None


def has_separator(prefix: str) -> bool:
    """Return whether a prefix ends so that the names of other models do not begin with it."""
    return not _ENDS_LIKE_A_NAME.search(prefix)
