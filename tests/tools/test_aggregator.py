"""All calls of an answer, however they came."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral import event as e
from codexd.neutral.reply import fold
from codexd.neutral.turn import Message, TextPart, ToolCall, Turn
from codexd.tools.aggregator import Aggregator
from codexd.tools.joint import Outward
from codexd.tools.offer import Offer
from codexd.tools.scanner import Scanning
from tests.support.blocks import BOTH, FIND, FOUND, TOOL, answer, blocky_sentences, recut
from tests.support.sentences import sentences
from tests.support.unfolded import unfolded

MADE = ToolCall("c0", "find", FOUND, id="fc0")


def made(index: int = 0, *pieces: str, call_id: str = "c0") -> list[e.Event]:
    said = [e.CallDelta(index, piece) for piece in pieces or (FOUND,)]
    return [e.CallOpened(index, "fc0", call_id, "find"), *said, e.CallClosed(index)]


def said(text: str) -> Message:
    return Message("assistant", (TextPart(text),), id="m")


def gathered(*events: e.Event) -> Aggregator:
    aggregator = Aggregator()
    for event in events:
        aggregator.feed(event)
    return aggregator


class LawTests(SynchronousTestCase):
    @given(sentences())
    def test_calls_that_are_made_are_those_of_the_fold(self, events: tuple[e.Event, ...]) -> None:
        self.assertEqual(gathered(*events).snapshot(), fold(events).calls)

    @given(st.data())
    def test_calls_that_are_written_do_not_depend_on_the_pieces(self, data: st.DataObject) -> None:
        whole = unfolded(fold(data.draw(blocky_sentences())))
        self.assertEqual(gathered(*data.draw(recut(whole))).snapshot(), gathered(*whole).snapshot())

    @given(blocky_sentences())
    def test_the_whole_after_its_pieces_is_nothing_new(self, events: tuple[e.Event, ...]) -> None:
        aggregator = gathered(*events)
        before = aggregator.snapshot()
        for item in fold(events).items:
            if isinstance(item, ToolCall | Message):
                self.assertFalse(aggregator.take(item))
        self.assertEqual(aggregator.snapshot(), before)

    @given(blocky_sentences())
    def test_as_many_calls_are_known_as_are_shown_to_a_client_that_reads_text(
        self, events: tuple[e.Event, ...]
    ) -> None:
        joint = Outward(Turn("m", ()), "abc")
        for event in events:
            joint.feed(event)
        self.assertEqual(len(gathered(*events).snapshot()), joint.calls)


class AggregatorTests(SynchronousTestCase):
    def test_a_call_is_known_by_its_name_before_its_arguments(self) -> None:
        aggregator = Aggregator()
        opened, first, second, closed = made(0, "ha", "ha")
        heard = [aggregator.feed(event) for event in (opened, first)]
        snapshot = aggregator.snapshot()
        self.assertEqual((heard, snapshot[0].arguments, snapshot[0].complete), ([True, True], "ha", False))
        heard = [aggregator.feed(event) for event in (second, closed)]
        self.assertEqual((heard, aggregator.snapshot()[0].arguments), ([True, True], "haha"))
        self.assertEqual(snapshot[0].arguments, "ha")

    def test_what_comes_again_changes_nothing(self) -> None:
        aggregator = gathered(*made())
        self.assertEqual([aggregator.feed(event) for event in made()], [False] * 3)
        self.assertEqual(
            [aggregator.take(MADE), aggregator.take(said(FIND)), aggregator.take(said(FIND))], [False] * 3
        )
        self.assertEqual(aggregator.snapshot(), (MADE,))

    def test_a_whole_call_says_what_its_pieces_did_not(self) -> None:
        aggregator = gathered(*made(0, '{"que')[:2])
        self.assertTrue(aggregator.take(MADE))
        self.assertEqual(aggregator.feed(e.CallDelta(0, "late")), False)
        self.assertEqual(aggregator.snapshot(), (MADE,))

    def test_pieces_of_calls_side_by_side_do_not_mix(self) -> None:
        one, two = made(0, "a", "a"), made(1, "b", "b", call_id="c1")
        aggregator = gathered(one[0], two[0], two[1], one[1], one[2], two[2], two[3], one[3])
        self.assertEqual([call.arguments for call in aggregator.snapshot()], ["aa", "bb"])

    def test_choices_are_apart_and_forgotten_apart(self) -> None:
        aggregator = Aggregator()
        for choice in (0, 1):
            self.assertTrue(aggregator.take(said(FIND), choice))
        self.assertEqual([aggregator.snapshot(c)[0].call_id for c in (0, 1)], ["tool_0_0", "tool_1_0"])
        aggregator.reset(0)
        self.assertEqual([len(aggregator.snapshot(choice)) for choice in (0, 1, 2)], [0, 1, 0])
        aggregator.reset()
        self.assertEqual(aggregator.snapshot(1), ())

    def test_a_registered_pattern_survives_a_reset(self) -> None:
        aggregator = Aggregator(scanning=Scanning(BOTH))
        for _ in range(2):
            aggregator.reset()
            self.assertTrue(aggregator.take(said("<call:{}:call>")))

    def test_a_written_call_counts_if_its_tool_is_on_offer(self) -> None:
        for offer, count in ((Offer((TOOL,)), 1), (Offer(), 0)):
            aggregator = Aggregator(offer)
            for event in answer(FIND):
                aggregator.feed(event)
            self.assertEqual(len(aggregator.snapshot()), count)

    def test_a_call_that_echoes_a_written_one_does_not_count(self) -> None:
        aggregator = Aggregator()
        self.assertTrue(aggregator.take(said(FIND)))
        self.assertEqual([aggregator.feed(event) for event in made()], [False] * 3)
        self.assertEqual([call.call_id for call in aggregator.snapshot()], ["tool_0_0"])
