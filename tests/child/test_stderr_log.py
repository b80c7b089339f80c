"""A child's stderr is logged in full before the first turn, and without its text afterwards."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import ILogObserver, LogEvent, Logger, LogLevel, formatEvent
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from codexd.child.stderr_log import KEPT_LINES, MAX_CHARS, StderrLog

HEAD = b"2026-01-02T03:04:05Z ERROR "
LOG_LINE = b"2026-01-02T03:04:05.678901Z \x1b[31mERROR\x1b[0m codex_core::client: it said: secret\n"


@implementer(ILogObserver)
class LogRecorder(list[LogEvent]):
    """Records log events."""

    def __call__(self, event: LogEvent) -> None:
        self.append(event)

    @property
    def lines(self) -> list[str]:
        return [formatEvent(event) for event in self]


class StderrLogTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.log = LogRecorder()
        self.stderr_log = self.make(in_full=False)

    def make(self, in_full: bool) -> StderrLog:
        stderr_log = StderrLog("plain-0", in_full)
        stderr_log._log = Logger("test", observer=self.log)  # type: ignore[misc]
        return stderr_log

    def test_lines_before_the_first_turn_are_logged_in_full(self) -> None:
        self.stderr_log.write_line(b"Error: no such file")
        self.assertEqual(self.log.lines, ["plain-0 stderr: Error: no such file"])

    def test_escape_sequences_are_removed_and_levels_are_mapped(self) -> None:
        self.stderr_log.write_line(LOG_LINE)
        self.assertIn("ERROR codex_core::client: it said: secret", self.log.lines[0])
        levels = {
            b"ERROR": LogLevel.warn,
            b"WARN": LogLevel.info,
            b"INFO": LogLevel.debug,
            b"DEBUG": LogLevel.debug,
            b"TRACE": LogLevel.debug,
        }
        self.stderr_log = self.make(in_full=True)
        self.stderr_log.redact()
        for word, level in levels.items():
            self.stderr_log.write_line(LOG_LINE.replace(b"ERROR", word))
            self.assertEqual(self.log[-1]["log_level"], level)

    def test_complaints_at_the_start_are_of_the_level_debug(self) -> None:
        for line in (LOG_LINE, b"Error: no such file"):
            self.stderr_log.write_line(line)
            self.assertEqual(self.log[-1]["log_level"], LogLevel.debug)

    def test_the_last_lines_of_a_start_that_failed_are_warnings_once(self) -> None:
        for number in range(KEPT_LINES + 5):
            self.stderr_log.write_line(b"line %d" % number)
        self.log.clear()
        for _ in range(2):
            self.stderr_log.report_failed_start()
        self.assertEqual(self.log.lines, [f"plain-0 stderr: line {number}" for number in range(5, KEPT_LINES + 5)])
        self.assertEqual({event["log_level"] for event in self.log}, {LogLevel.warn})
        self.stderr_log.write_line(LOG_LINE)
        self.assertEqual(self.log[-1]["log_level"], LogLevel.warn, "what comes after the exit")

    def test_the_lines_of_a_start_are_not_repeated_after_a_turn(self) -> None:
        self.stderr_log.write_line(b"a complaint")
        self.stderr_log.redact()
        self.log.clear()
        self.stderr_log.report_failed_start()
        self.assertEqual(self.log.lines, [])

    def test_a_long_line_is_cut(self) -> None:
        self.stderr_log.write_line(b"x" * 10_000)
        self.assertEqual(len(self.log.lines[0]), len("plain-0 stderr: ") + MAX_CHARS)

    def test_after_the_first_turn_only_the_module_is_logged(self) -> None:
        self.stderr_log.redact()
        self.stderr_log.write_line(LOG_LINE)
        self.stderr_log.write_line(b"the secret, on a line of its own")
        self.assertEqual(
            self.log.lines,
            ["plain-0 stderr: [redacted message of codex_core::client]", "plain-0 stderr: [redacted line]"],
        )
        self.assertEqual(self.log[0]["log_level"], LogLevel.warn)

    def test_a_prompt_that_looks_like_a_log_line_is_not_logged(self) -> None:
        self.stderr_log.redact()
        self.stderr_log.write_line(b"2026-01-02T03:04:05Z ERROR the_secret_word: it said")
        self.assertEqual(self.log.lines, ["plain-0 stderr: [redacted line]"])

    def test_everything_is_logged_if_the_setting_says_so(self) -> None:
        stderr_log = self.make(in_full=True)
        stderr_log.redact()
        stderr_log.write_line(LOG_LINE)
        self.assertIn("secret", self.log.lines[0])

    @given(st.binary() | st.text().map(str.encode), st.sampled_from((b"", HEAD, LOG_LINE.strip())))
    def test_no_text_is_ever_logged_after_the_first_turn(self, text: bytes, head: bytes) -> None:
        self.log.clear()
        self.stderr_log.redact()
        self.stderr_log.write_line(head + b"MARK" + text + b"MARK")
        (line,) = self.log.lines
        self.assertNotIn("MARK", line)
        self.assertIn(line.removeprefix("plain-0 stderr: "), ALLOWED)


ALLOWED = ("[redacted line]", "[redacted message of codex_core::client]")
