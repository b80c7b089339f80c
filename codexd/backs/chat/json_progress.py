"""Follows a JSON object that arrives in fragments, to know when it is complete without decoding it each time."""

import re
from typing import Final

_MARK: Final = re.compile(r'["\[\]{}]')
_STRING_MARK: Final = re.compile(r'["\\]')


class JsonProgress:
    """The state of one object. Its time is linear in the fragments.

    Attributes:
        complete: the bracket that ends it has arrived, and nothing but blanks after it; it may still be invalid.
    """

    def __init__(self) -> None:
        self.complete = False
        self._depth = 0
        self._in_string = self._is_escaped = self._is_over = False

    def feed(self, text: str) -> None:
        """Process the next fragment."""
        position = 0
        while position < len(text) and not self._is_over:
            position = self._skip_string(text, position) if self._in_string else self._skip_to_mark(text, position)
        if self._is_over:
            self.complete = (self.complete or position > 0) and not text[position:].strip()

    def _skip_string(self, text: str, position: int) -> int:
        if self._is_escaped:
            self._is_escaped = False
            return position + 1
        mark = _STRING_MARK.search(text, position)
        if mark is None:
            return len(text)
        self._is_escaped = mark[0] == "\\"
        self._in_string = self._is_escaped
        return mark.end()

    def _skip_to_mark(self, text: str, position: int) -> int:
        mark = _MARK.search(text, position)
        if mark is None:
            return len(text)
        if mark[0] == '"':
            self._in_string = True
        else:
            self._depth += 1 if mark[0] in "[{" else -1
            self._is_over = self._depth <= 0
        return mark.end()
