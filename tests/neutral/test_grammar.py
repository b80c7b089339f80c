"""Tests of the order of events."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.neutral.grammar import GrammarChecker, GrammarError
from tests.support.sentences import broken_sentences, sentences

FAILED = e.Failed(fault("internal"))
MESSAGE = (e.Began(), e.MessageOpened(0, "m"))
REASONING = (e.Began(), e.ReasoningOpened(0, "r"))
SEARCH = (e.Began(), e.SearchOpened(0, "ws"))
CALL = (e.Began(), e.CallOpened(index=0, id="f", call_id="c", name="name"))
WHOLE = (*MESSAGE, e.TextDelta(0, "a"), e.MessageClosed(0), e.UsageReported(e.Usage()), e.Ended("stop"))

OUT_OF_PLACE: dict[str, tuple[e.Event, ...]] = {
    "an item before Began": (e.MessageOpened(0, "m"),),
    "an end before Began": (e.Ended("stop"),),
    "a usage before Began": (e.UsageReported(e.Usage()),),
    "a second Began": (e.Began(), e.Began()),
    "a skipped index": (e.Began(), e.MessageOpened(1, "m")),
    "a repeated index": (*MESSAGE, e.CallOpened(index=0, id="f", call_id="c", name="name")),
    "text of no item": (e.Began(), e.TextDelta(0, "a")),
    "text of another item": (*MESSAGE, e.TextDelta(1, "a")),
    "text of a closed item": (*MESSAGE, e.MessageClosed(0), e.TextDelta(0, "a")),
    "text after a refusal": (*MESSAGE, e.RefusalDelta(0, "no"), e.TextDelta(0, "a")),
    "text in a reasoning item": (*REASONING, e.TextDelta(0, "a")),
    "arguments in a message": (*MESSAGE, e.CallDelta(0, "{")),
    "reasoning text in a call": (*CALL, e.ThoughtDelta(0, 0, "hm")),
    "an annotation of a refusal": (*MESSAGE, e.RefusalDelta(0, "no"), e.Annotated(0, "{}")),
    "an annotation of a reasoning item": (*REASONING, e.Annotated(0, "{}")),
    "an annotation of a closed message": (*MESSAGE, e.MessageClosed(0), e.Annotated(0, "{}")),
    "text in a search": (*SEARCH, e.TextDelta(0, "a")),
    "a search closed as a message": (*SEARCH, e.MessageClosed(0)),
    "an end within a search": (*SEARCH, e.Ended("stop")),
    "another item's close": (*MESSAGE, e.CallClosed(0)),
    "a second close": (*MESSAGE, e.MessageClosed(0), e.MessageClosed(0)),
    "a first part that is not 0": (*REASONING, e.SummaryDelta(0, 1, "a")),
    "a skipped part": (*REASONING, e.ThoughtDelta(0, 0, "a"), e.ThoughtDelta(0, 2, "b")),
    "a return to an earlier part": (
        *REASONING,
        e.SummaryDelta(0, 0, "a"),
        e.SummaryDelta(0, 1, "b"),
        e.SummaryDelta(0, 0, "c"),
    ),
    "a part below 0": (*REASONING, e.SummaryDelta(0, -1, "a")),
    "an end after a usage with an open item": (*MESSAGE, e.UsageReported(e.Usage()), e.Ended("stop")),
    "a delta after the usage": (*MESSAGE, e.UsageReported(e.Usage()), e.TextDelta(0, "a")),
    "an end with an open item": (*MESSAGE, e.Ended("stop")),
    "an item after the usage": (e.Began(), e.UsageReported(e.Usage()), e.MessageOpened(0, "m")),
    "a second usage": (e.Began(), e.UsageReported(e.Usage()), e.UsageReported(e.Usage())),
    "a failure after the end": (*WHOLE, FAILED),
    "an end after a failure": (e.Began(), FAILED, e.Ended("stop")),
    "a second failure": (FAILED, FAILED),
}


def checked(events: Iterable[e.Event]) -> GrammarChecker:
    checker = GrammarChecker()
    for event in events:
        checker.feed(event)
    return checker


class GrammarTests(SynchronousTestCase):
    def test_every_event_out_of_order_is_rejected(self) -> None:
        for case, events in OUT_OF_PLACE.items():
            checker = checked(events[:-1])
            with self.assertRaises(GrammarError, msg=case):
                checker.feed(events[-1])

    def test_the_error_names_the_event(self) -> None:
        with self.assertRaisesRegex(GrammarError, "TextDelta"):
            checked((e.Began(), e.TextDelta(0, "a")))

    def test_a_failure_may_occur_at_any_point_before_the_end(self) -> None:
        for cut in range(len(WHOLE)):
            self.assertEqual(checked((*WHOLE[:cut], FAILED)).state, "over")

    def test_two_items_may_be_open_at_once(self) -> None:
        both = (*MESSAGE, e.ReasoningOpened(1, "r"), e.TextDelta(0, "a"), e.SummaryDelta(1, 0, "b"))
        self.assertEqual(checked(both).state, "active")

    @given(sentences())
    def test_every_generated_answer_follows_the_grammar(self, events: tuple[e.Event, ...]) -> None:
        self.assertEqual(checked(events).state, "over")

    @given(broken_sentences())
    def test_every_generated_failing_answer_follows_the_grammar(self, events: tuple[e.Event, ...]) -> None:
        self.assertEqual(checked(events).state, "over")

    @given(sentences() | broken_sentences(), st.data())
    def test_nothing_follows_the_end(self, events: tuple[e.Event, ...], data: st.DataObject) -> None:
        checker = checked(events)
        with self.assertRaises(GrammarError):
            checker.feed(data.draw(st.sampled_from(events)))
