"""Removes the API key of an upstream from what the upstream says: some servers quote it in their errors."""

from typing import Final

from attrs import evolve, field, frozen

from codexd.neutral.fault import Fault

MARK: Final = "***"

MIN_KEY_CHARACTERS: Final = 8
"""A shorter key, such as `none`, may occur anywhere by chance."""


@frozen
class KeyRedaction:
    """Removes one key.

    Attributes:
        key: the key; None for none.
    """

    key: str | None = field(default=None, repr=False)

    @property
    def secrets(self) -> tuple[bytes, ...]:
        """The key as it is in bytes, if it is long enough to be removed."""
        return (self.key.encode(),) if self.key is not None and len(self.key) >= MIN_KEY_CHARACTERS else ()

    def apply(self, text: str) -> str:
        """Return a text without the key, also where the text was cut inside of it."""
        if self.key is None or len(self.key) < MIN_KEY_CHARACTERS:
            return text
        text = text.replace(self.key, MARK)
        for length in range(len(self.key) - 1, MIN_KEY_CHARACTERS - 1, -1):
            if text.endswith(self.key[:length]):
                return text[:-length] + MARK
        return text

    def apply_to_fault(self, failed: Fault) -> Fault:
        """Return a fault whose texts are without the key."""
        note = None if failed.note is None else self.apply(failed.note)
        return evolve(failed, message=self.apply(failed.message), note=note)

    def apply_to_body(self, body: bytes) -> bytes:
        """Return a body without the key."""
        for secret in self.secrets:
            body = body.replace(secret, MARK.encode())
        return body
