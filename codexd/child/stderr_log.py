"""Logs a child's stderr without quoting prompts.

Lines may contain parts of a prompt. Before the first turn there is no prompt, so lines are logged in full, at the
level debug: Codex complains at every start. If the child exits before its first turn, the last of them are logged as
warnings, because they show why. After that only the level and the module in Codex's code are logged, unless
`codex.log_stderr` is set.
"""

import re
from collections import deque
from typing import Any, Final

from twisted.logger import Logger, LogLevel

MAX_CHARS: Final = 500
"""Longest part of a line that is logged."""

KEPT_LINES: Final = 10
"""The last lines of a start, which are logged again if it fails."""

_ESCAPES: Final = re.compile(r"\x1b\[[0-9;]*m")
# Matches modules of Codex's own code only: a prompt may contain lines that look like log lines.
_LOG_LINE: Final = re.compile(r"\S+Z\s+(TRACE|DEBUG|INFO|WARN|ERROR)\s+(codex_\w{1,60}(?:::\w{1,60}){0,6}): ", re.ASCII)
_LEVELS: Final = {
    "TRACE": LogLevel.debug,
    "DEBUG": LogLevel.debug,
    "INFO": LogLevel.debug,
    "WARN": LogLevel.info,
    "ERROR": LogLevel.warn,
}


class StderrLog:
    """Logs the stderr lines of one child.

    Args:
        name: the worker's name, for the log lines.
        in_full: log whole lines even when they may contain prompts.
    """

    _log = Logger()

    def __init__(self, name: str, in_full: bool) -> None:
        self._name = name
        self._in_full = in_full
        self._redacting = False
        self._starting = True
        self._kept: deque[str] = deque(maxlen=KEPT_LINES)

    def redact(self) -> None:
        """Stop logging the text of lines, unless they are always logged in full."""
        self._redacting = not self._in_full
        self._end_start()

    def report_failed_start(self) -> None:
        """Log why the child could not start, unless it has had a turn. Idempotent."""
        for text in self._end_start():
            self._emit(LogLevel.warn, text)

    def _end_start(self) -> tuple[str, ...]:
        kept = tuple(self._kept)
        self._kept.clear()
        self._starting = False
        return kept

    def write_line(self, line: bytes) -> None:
        """Log one line."""
        text = _ESCAPES.sub("", line.decode(errors="replace"))
        match = _LOG_LINE.match(text)
        level = _LEVELS[match.group(1)] if match else LogLevel.info
        if not self._redacting:
            shown = text[:MAX_CHARS]
        elif match:
            shown = f"[redacted message of {match.group(2)}]"
        else:
            shown = "[redacted line]"
        if self._starting:
            self._kept.append(shown)
            level = LogLevel.debug
        self._emit(level, shown)

    def _emit(self, level: Any, text: str) -> None:
        self._log.emit(level, "{worker} stderr: {text}", event="child_stderr", worker=self._name, text=text)
