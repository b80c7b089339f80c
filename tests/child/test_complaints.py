"""What a child writes on stderr: in full while no prompt is about, then never a word of it."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import ILogObserver, LogEvent, Logger, LogLevel, formatEvent
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from codexd.child.complaints import MAX_CHARS, Complaints

HEAD = b"2026-01-02T03:04:05Z ERROR "
TRACE = b"2026-01-02T03:04:05.678901Z \x1b[31mERROR\x1b[0m codex_core::client: it said: secret\n"


@implementer(ILogObserver)
class Written(list[LogEvent]):
    """Keeps what is logged."""

    def __call__(self, event: LogEvent) -> None:
        self.append(event)

    @property
    def lines(self) -> list[str]:
        return [formatEvent(event) for event in self]


class ComplaintsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.written = Written()
        self.complaints = self.make(in_full=False)

    def make(self, in_full: bool) -> Complaints:
        complaints = Complaints("plain-0", in_full)
        complaints._log = Logger("test", observer=self.written)  # type: ignore[misc]
        return complaints

    def test_a_child_that_cannot_start_says_why(self) -> None:
        self.complaints.hear(b"Error: no such file")
        self.assertEqual(self.written.lines, ["plain-0: Error: no such file"])

    def test_colours_are_taken_out_and_levels_taken_over(self) -> None:
        self.complaints.hear(TRACE)
        self.assertIn("ERROR codex_core::client: it said: secret", self.written.lines[0])
        levels = {
            b"ERROR": LogLevel.warn,
            b"WARN": LogLevel.info,
            b"INFO": LogLevel.debug,
            b"DEBUG": LogLevel.debug,
            b"TRACE": LogLevel.debug,
        }
        for word, level in levels.items():
            self.complaints.hear(TRACE.replace(b"ERROR", word))
            self.assertEqual(self.written[-1]["log_level"], level)

    def test_a_line_without_end_is_cut(self) -> None:
        self.complaints.hear(b"x" * 10_000)
        self.assertEqual(len(self.written.lines[0]), len("plain-0: ") + MAX_CHARS)

    def test_after_the_first_turn_only_the_place_is_told(self) -> None:
        self.complaints.guard()
        self.complaints.hear(TRACE)
        self.complaints.hear(b"the secret, on a line of its own")
        self.assertEqual(
            self.written.lines,
            ["plain-0: a message from codex_core::client", "plain-0: a message of no known form"],
        )
        self.assertEqual(self.written[0]["log_level"], LogLevel.warn)

    def test_a_prompt_that_looks_like_a_message_is_not_told(self) -> None:
        self.complaints.guard()
        self.complaints.hear(b"2026-01-02T03:04:05Z ERROR the_secret_word: it said")
        self.assertEqual(self.written.lines, ["plain-0: a message of no known form"])

    def test_whoever_asks_for_all_gets_all(self) -> None:
        complaints = self.make(in_full=True)
        complaints.guard()
        complaints.hear(TRACE)
        self.assertIn("secret", self.written.lines[0])

    @given(st.binary() | st.text().map(str.encode), st.sampled_from((b"", HEAD, TRACE.strip())))
    def test_no_text_ever_gets_out_after_the_first_turn(self, said: bytes, head: bytes) -> None:
        self.written.clear()
        self.complaints.guard()
        self.complaints.hear(head + b"MARK" + said + b"MARK")
        (line,) = self.written.lines
        self.assertNotIn("MARK", line)
        self.assertIn(line.removeprefix("plain-0: "), ALLOWED)


ALLOWED = ("a message of no known form", "a message from codex_core::client")
