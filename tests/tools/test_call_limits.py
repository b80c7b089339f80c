"""Tests of codexd.tools.call_limits."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.neutral.grammar import GrammarChecker
from codexd.neutral.reply import fold
from codexd.neutral.turn import ToolCall
from codexd.tools.call_limits import CallLimiter, CallLimits
from tests.support.sentences import broken_sentences, sentences
from tests.support.tool_blocks import GATES

STOP = e.Ended("stop")
TAIL = CallLimits(drop_trailing_text=True)
BURST, FIRST = CallLimits(stop_after="burst"), CallLimits(stop_after="first")


def limit(events: Iterable[e.Event], limits: CallLimits) -> list[e.Event]:
    """Return the limited events, and check that they are a valid stream."""
    limiter, checker = CallLimiter(limits), GrammarChecker()
    limited = [new for event in events for new in limiter.feed(event)]
    for event in limited:
        checker.feed(event)
    return limited


def answer(*items: str, end: e.Event = STOP) -> list[e.Event]:
    """Return a response of these items: `name()` is a call, anything else a message."""
    limited: list[e.Event] = [e.Began()]
    for index, item in enumerate(items):
        if item.endswith("()"):
            limited += [
                e.CallOpened(index=index, id=f"fc{index}", call_id=f"c{index}", name=item[:-2]),
                e.CallClosed(index),
            ]
        else:
            limited += [e.MessageOpened(index, f"m{index}"), e.TextDelta(index, item), e.MessageClosed(index)]
    return [*limited, e.UsageReported(e.Usage()), end]


def limited_items(limits: CallLimits, *items: str) -> list[str]:
    """Return the items of a limited response, and its finish reason."""
    reply = fold(limit(answer(*items), limits))
    limited = [f"{item.name}()" if isinstance(item, ToolCall) else item.parts[0].text for item in reply.items]  # type: ignore[union-attr]
    return [*limited, str(reply.finish)]


class LawTests(SynchronousTestCase):
    @given(sentences() | broken_sentences(), GATES)
    def test_a_valid_stream_becomes_a_valid_stream_with_an_end(
        self, events: tuple[e.Event, ...], limits: CallLimits
    ) -> None:
        self.assertIsInstance(limit(events, limits)[-1], e.Ended | e.Failed)

    @given(sentences() | broken_sentences())
    def test_without_limits_nothing_changes(self, events: tuple[e.Event, ...]) -> None:
        self.assertEqual(limit(events, CallLimits()), [*events])

    @given(sentences(), GATES, st.data())
    def test_a_response_can_be_finished_once_it_can_be_interrupted(
        self, events: tuple[e.Event, ...], limits: CallLimits, data: st.DataObject
    ) -> None:
        limiter, checker, limited = CallLimiter(limits), GrammarChecker(), list[e.Event]()
        for event in events[:-2]:
            limited += limiter.feed(event)
            if limiter.can_interrupt:
                limited += limiter.finish()
                break
        for event in limited:
            checker.feed(event)
        self.assertEqual(checker.state == "over", limiter.can_interrupt)

    @given(sentences(), GATES)
    def test_the_calls_that_are_passed_on_are_counted(self, events: tuple[e.Event, ...], limits: CallLimits) -> None:
        limiter = CallLimiter(limits)
        limited = [new for event in events for new in limiter.feed(event)]
        self.assertEqual(limiter.calls, len(fold(limited).calls))
        self.assertTrue(limits.max_calls == 0 or limiter.calls <= limits.max_calls)


class CallLimiterTests(SynchronousTestCase):
    def test_each_limit_has_its_effect(self) -> None:
        items = ("one", "a()", "b()", " ", "two", "c()", "three")
        table = (
            (CallLimits(), [*items, "stop"]),
            (CallLimits(max_calls=2), ["one", "a()", "b()", " ", "two", "tool_calls"]),
            (CallLimits(max_calls=3), [*items, "stop"]),
            (FIRST, ["one", "a()", "tool_calls"]),
            (BURST, ["one", "a()", "b()", "tool_calls"]),
            (TAIL, ["one", "a()", "b()", " ", "two", "c()", "stop"]),
            (CallLimits(max_calls=1, drop_trailing_text=True), ["one", "a()", "tool_calls"]),
        )
        for limits, expected in table:
            self.assertEqual(limited_items(limits, *items), expected, limits)

    def test_a_response_without_calls_is_not_limited(self) -> None:
        for limits in (CallLimits(max_calls=1), FIRST, BURST, TAIL):
            self.assertEqual(limited_items(limits, "one", "two"), ["one", "two", "stop"])

    def test_blanks_between_calls_do_not_end_a_burst(self) -> None:
        self.assertEqual(limited_items(BURST, "a()", "\n\n", "b()"), ["a()", "\n\n", "b()", "stop"])

    def test_text_between_calls_over_the_limit_is_dropped(self) -> None:
        limits = CallLimits(drop_trailing_text=True, max_tail_characters=5)
        self.assertEqual(limited_items(limits, "a()", "12345", "b()"), ["a()", "12345", "b()", "stop"])
        self.assertEqual(limited_items(limits, "a()", "123456", "b()"), ["a()", "", "b()", "stop"])
        self.assertEqual(limited_items(limits, "a()", "123", "456", "b()"), ["a()", "", "", "b()", "stop"])

    def test_a_message_that_was_open_before_the_call_is_closed(self) -> None:
        call = [e.CallOpened(index=1, id="fc", call_id="c", name="a"), e.CallClosed(1)]
        around = [e.Began(), e.MessageOpened(0, "m"), e.TextDelta(0, "one"), *call, e.TextDelta(0, "two")]
        for limits in (FIRST, BURST, TAIL):
            counted = e.UsageReported(e.Usage())
            limited = limit([*around, e.MessageClosed(0), counted, e.Ended("stop")], limits)
            self.assertEqual(fold(limited).text, "one")

    def test_a_failure_after_a_complete_response_is_dropped(self) -> None:
        failed = e.Failed(fault("stream_cut"))
        self.assertEqual(limit(answer("a()", "b()", end=failed), FIRST)[-1], e.Ended("tool_calls"))
        self.assertEqual(limit(answer("a()", "b()", end=failed), BURST)[-1], failed)

    def test_a_response_that_was_cut_inside_a_call_keeps_its_end(self) -> None:
        cut = [
            e.Began(),
            e.CallOpened(index=0, id="fc", call_id="c", name="a"),
            e.CallClosed(0, complete=False),
            e.Ended("length"),
        ]
        self.assertEqual(limit(cut, FIRST), cut)
