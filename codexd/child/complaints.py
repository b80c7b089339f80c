"""What a child writes on stderr, brought to the log without what it may quote.

Its lines can hold pieces of a prompt. Until the first turn there is none, so they are logged in full: a
child that cannot start says why. After that only the level and the place in Codex's code are, unless the
settings ask for all.
"""

import re
from typing import Final

from twisted.logger import Logger, LogLevel

MAX_CHARS: Final = 500

_ESCAPES: Final = re.compile(r"\x1b\[[0-9;]*m")
# Only a place in Codex's own code: a prompt may hold lines that look like a log's.
_TRACE: Final = re.compile(
    r"\S+Z\s+(TRACE|DEBUG|INFO|WARN|ERROR)\s+(codex_\w{1,60}(?:::\w{1,60}){0,6}): ", re.ASCII
)
_LEVELS: Final = {
    "TRACE": LogLevel.debug,
    "DEBUG": LogLevel.debug,
    "INFO": LogLevel.debug,
    "WARN": LogLevel.info,
    "ERROR": LogLevel.warn,
}


class Complaints:
    """Logs one child's stderr."""

    _log = Logger()

    def __init__(self, name: str, in_full: bool) -> None:
        self._name = name
        self._in_full = in_full
        self._private = False

    def guard(self) -> None:
        """Prompts may be about from now on."""
        self._private = not self._in_full

    def hear(self, line: bytes) -> None:
        """Log one line."""
        text = _ESCAPES.sub("", line.decode(errors="replace"))
        found = _TRACE.match(text)
        level = _LEVELS[found.group(1)] if found else LogLevel.info
        if not self._private:
            said = text[:MAX_CHARS]
        elif found:
            said = f"a message from {found.group(2)}"
        else:
            said = "a message of no known form"
        self._log.emit(level, "{worker}: {said}", worker=self._name, said=said, bytes=len(line))
