"""The table of what may follow what."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.neutral.grammar import Sentence, Ungrammatical
from tests.support.sentences import broken_sentences, sentences

FAILED = e.Failed(fault("internal"))
MESSAGE = (e.Began(), e.MessageOpened(0, "m"))
THOUGHT = (e.Began(), e.ReasoningOpened(0, "r"))
SEARCH = (e.Began(), e.SearchOpened(0, "ws"))
CALL = (e.Began(), e.CallOpened(0, "f", "c", "name"))
WHOLE = (*MESSAGE, e.TextDelta(0, "a"), e.MessageClosed(0), e.UsageReported(e.Usage()), e.Ended("stop"))

OUT_OF_PLACE: dict[str, tuple[e.Event, ...]] = {
    "an item before the beginning": (e.MessageOpened(0, "m"),),
    "an end before the beginning": (e.Ended("stop"),),
    "a cost before the beginning": (e.UsageReported(e.Usage()),),
    "a second beginning": (e.Began(), e.Began()),
    "an index left out": (e.Began(), e.MessageOpened(1, "m")),
    "an index taken twice": (*MESSAGE, e.CallOpened(0, "f", "c", "name")),
    "text of no item": (e.Began(), e.TextDelta(0, "a")),
    "text of another item": (*MESSAGE, e.TextDelta(1, "a")),
    "text of a closed item": (*MESSAGE, e.MessageClosed(0), e.TextDelta(0, "a")),
    "text after a refusal": (*MESSAGE, e.RefusalDelta(0, "no"), e.TextDelta(0, "a")),
    "text in a thought": (*THOUGHT, e.TextDelta(0, "a")),
    "arguments in a message": (*MESSAGE, e.CallDelta(0, "{")),
    "a thought in a call": (*CALL, e.ThoughtDelta(0, 0, "hm")),
    "a note on a refusal": (*MESSAGE, e.RefusalDelta(0, "no"), e.Annotated(0, "{}")),
    "a note on a thought": (*THOUGHT, e.Annotated(0, "{}")),
    "a note on a closed message": (*MESSAGE, e.MessageClosed(0), e.Annotated(0, "{}")),
    "text in a search": (*SEARCH, e.TextDelta(0, "a")),
    "a search closed as a message": (*SEARCH, e.MessageClosed(0)),
    "an end within a search": (*SEARCH, e.Ended("stop")),
    "another item's close": (*MESSAGE, e.CallClosed(0)),
    "a second close": (*MESSAGE, e.MessageClosed(0), e.MessageClosed(0)),
    "a first part that is not 0": (*THOUGHT, e.SummaryDelta(0, 1, "a")),
    "a part left out": (*THOUGHT, e.ThoughtDelta(0, 0, "a"), e.ThoughtDelta(0, 2, "b")),
    "a step back to an older part": (
        *THOUGHT,
        e.SummaryDelta(0, 0, "a"),
        e.SummaryDelta(0, 1, "b"),
        e.SummaryDelta(0, 0, "c"),
    ),
    "a part below 0": (*THOUGHT, e.SummaryDelta(0, -1, "a")),
    "a cost with an item open": (*MESSAGE, e.UsageReported(e.Usage())),
    "an end with an item open": (*MESSAGE, e.Ended("stop")),
    "an item after the cost": (e.Began(), e.UsageReported(e.Usage()), e.MessageOpened(0, "m")),
    "a second cost": (e.Began(), e.UsageReported(e.Usage()), e.UsageReported(e.Usage())),
    "a failure after the end": (*WHOLE, FAILED),
    "an end after a failure": (e.Began(), FAILED, e.Ended("stop")),
    "a second failure": (FAILED, FAILED),
}


def spoken(events: Iterable[e.Event]) -> Sentence:
    sentence = Sentence()
    for event in events:
        sentence.feed(event)
    return sentence


class GrammarTests(SynchronousTestCase):
    def test_every_event_out_of_place_is_objected_to(self) -> None:
        for what, events in OUT_OF_PLACE.items():
            sentence = spoken(events[:-1])
            with self.assertRaises(Ungrammatical, msg=what):
                sentence.feed(events[-1])

    def test_an_objection_names_the_event(self) -> None:
        with self.assertRaisesRegex(Ungrammatical, "TextDelta"):
            spoken((e.Began(), e.TextDelta(0, "a")))

    def test_a_failure_may_come_anywhere_before_the_end(self) -> None:
        for cut in range(len(WHOLE)):
            self.assertEqual(spoken((*WHOLE[:cut], FAILED)).state, "over")

    def test_two_items_may_be_open_at_once(self) -> None:
        both = (*MESSAGE, e.ReasoningOpened(1, "r"), e.TextDelta(0, "a"), e.SummaryDelta(1, 0, "b"))
        self.assertEqual(spoken(both).state, "speaking")

    @given(sentences())
    def test_every_sentence_of_the_strategy_is_grammatical(self, events: tuple[e.Event, ...]) -> None:
        self.assertEqual(spoken(events).state, "over")

    @given(broken_sentences())
    def test_every_broken_sentence_of_the_strategy_is_grammatical(self, events: tuple[e.Event, ...]) -> None:
        self.assertEqual(spoken(events).state, "over")

    @given(sentences() | broken_sentences(), st.data())
    def test_nothing_follows_the_end(self, events: tuple[e.Event, ...], data: st.DataObject) -> None:
        sentence = spoken(events)
        with self.assertRaises(Ungrammatical):
            sentence.feed(data.draw(st.sampled_from(events)))
