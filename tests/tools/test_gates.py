"""The gates an answer with calls is held to."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.neutral.grammar import Sentence
from codexd.neutral.reply import fold
from codexd.neutral.turn import ToolCall
from codexd.tools.gates import Gate, Gates
from tests.support.blocks import GATES
from tests.support.sentences import broken_sentences, sentences

STOP = e.Ended("stop")
TAIL = Gates(suppress_tail=True)
BURST, FIRST = Gates(stop_after="burst"), Gates(stop_after="first")


def gated(events: Iterable[e.Event], gates: Gates) -> list[e.Event]:
    """Give the new sentence, and check that it is one."""
    gate, sentence = Gate(gates), Sentence()
    said = [new for event in events for new in gate.feed(event)]
    for event in said:
        sentence.feed(event)
    return said


def answer(*items: str, end: e.Event = STOP) -> list[e.Event]:
    """Give an answer of these items: `name()` is a call, anything else a message."""
    said: list[e.Event] = [e.Began()]
    for index, item in enumerate(items):
        if item.endswith("()"):
            said += [e.CallOpened(index, f"fc{index}", f"c{index}", item[:-2]), e.CallClosed(index)]
        else:
            said += [e.MessageOpened(index, f"m{index}"), e.TextDelta(index, item), e.MessageClosed(index)]
    return [*said, e.UsageReported(e.Usage()), end]


def shown(gates: Gates, *items: str) -> list[str]:
    """Give what is shown of an answer, and how it ends."""
    reply = fold(gated(answer(*items), gates))
    said = [f"{item.name}()" if isinstance(item, ToolCall) else item.parts[0].text for item in reply.items]  # type: ignore[union-attr]
    return [*said, str(reply.finish)]


class LawTests(SynchronousTestCase):
    @given(sentences() | broken_sentences(), GATES)
    def test_a_sentence_becomes_a_sentence_with_an_end(
        self, events: tuple[e.Event, ...], gates: Gates
    ) -> None:
        self.assertIsInstance(gated(events, gates)[-1], e.Ended | e.Failed)

    @given(sentences() | broken_sentences())
    def test_without_gates_nothing_changes(self, events: tuple[e.Event, ...]) -> None:
        self.assertEqual(gated(events, Gates()), [*events])

    @given(sentences(), GATES, st.data())
    def test_an_answer_can_be_ended_once_the_gate_is_satisfied(
        self, events: tuple[e.Event, ...], gates: Gates, data: st.DataObject
    ) -> None:
        gate, sentence, said = Gate(gates), Sentence(), list[e.Event]()
        for event in events[:-2]:
            said += gate.feed(event)
            if gate.satisfied:
                said += gate.end()
                break
        for event in said:
            sentence.feed(event)
        self.assertEqual(sentence.state == "over", gate.satisfied)

    @given(sentences(), GATES)
    def test_calls_are_counted_as_they_are_shown(self, events: tuple[e.Event, ...], gates: Gates) -> None:
        gate = Gate(gates)
        said = [new for event in events for new in gate.feed(event)]
        self.assertEqual(gate.calls, len(fold(said).calls))
        self.assertTrue(gates.block_max == 0 or gate.calls <= gates.block_max)


class GateTests(SynchronousTestCase):
    def test_each_gate_does_what_it_says(self) -> None:
        items = ("one", "a()", "b()", " ", "two", "c()", "three")
        table = (
            (Gates(), [*items, "stop"]),
            (Gates(block_max=2), ["one", "a()", "b()", " ", "two", "tool_calls"]),
            (Gates(block_max=3), [*items, "stop"]),
            (FIRST, ["one", "a()", "tool_calls"]),
            (BURST, ["one", "a()", "b()", "tool_calls"]),
            (TAIL, ["one", "a()", "b()", " ", "two", "c()", "stop"]),
            (Gates(block_max=1, suppress_tail=True), ["one", "a()", "tool_calls"]),
        )
        for gates, expected in table:
            self.assertEqual(shown(gates, *items), expected, gates)

    def test_an_answer_without_calls_passes_every_gate(self) -> None:
        for gates in (Gates(block_max=1), FIRST, BURST, TAIL):
            self.assertEqual(shown(gates, "one", "two"), ["one", "two", "stop"])

    def test_blanks_between_calls_are_no_word(self) -> None:
        self.assertEqual(shown(BURST, "a()", "\n\n", "b()"), ["a()", "\n\n", "b()", "stop"])

    def test_more_than_may_wait_between_calls_is_left_out_however_it_comes(self) -> None:
        gates = Gates(suppress_tail=True, tail_characters=5)
        self.assertEqual(shown(gates, "a()", "12345", "b()"), ["a()", "12345", "b()", "stop"])
        self.assertEqual(shown(gates, "a()", "123456", "b()"), ["a()", "", "b()", "stop"])
        self.assertEqual(shown(gates, "a()", "123", "456", "b()"), ["a()", "", "", "b()", "stop"])

    def test_a_message_that_was_open_before_the_call_is_closed(self) -> None:
        call = [e.CallOpened(1, "fc", "c", "a"), e.CallClosed(1)]
        around = [e.Began(), e.MessageOpened(0, "m"), e.TextDelta(0, "one"), *call, e.TextDelta(0, "two")]
        for gates in (FIRST, BURST, TAIL):
            counted = e.UsageReported(e.Usage())
            said = gated([*around, e.MessageClosed(0), counted, e.Ended("stop")], gates)
            self.assertEqual(fold(said).text, "one")

    def test_a_failure_after_all_that_is_shown_is_none(self) -> None:
        failed = e.Failed(fault("stream_cut"))
        self.assertEqual(gated(answer("a()", "b()", end=failed), FIRST)[-1], e.Ended("tool_calls"))
        self.assertEqual(gated(answer("a()", "b()", end=failed), BURST)[-1], failed)

    def test_an_answer_that_was_cut_in_its_call_ends_as_it_did(self) -> None:
        cut = [e.Began(), e.CallOpened(0, "fc", "c", "a"), e.CallClosed(0, complete=False), e.Ended("length")]
        self.assertEqual(gated(cut, FIRST), cut)
