"""Ids of tool calls in the form of Mistral's API: nine letters and digits."""

import re
from hashlib import blake2b
from string import ascii_letters, digits
from typing import Final

_ALPHABET: Final = digits + ascii_letters
_LENGTH: Final = 9
_VALID: Final = re.compile(rf"[A-Za-z0-9]{{{_LENGTH}}}")


def shorten_call_id(id: str) -> str:
    """Return an id that the server accepts: the same for the same id, unchanged if it is valid."""
    if _VALID.fullmatch(id):
        return id
    number = int.from_bytes(blake2b(id.encode(), digest_size=8).digest())
    characters = []
    for _ in range(_LENGTH):
        number, place = divmod(number, len(_ALPHABET))
        characters.append(_ALPHABET[place])
    return "".join(characters)
