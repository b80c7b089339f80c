"""Tests of codexd.tools.block_writer."""

from collections.abc import Iterable

from hypothesis import given
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.neutral.grammar import GrammarChecker
from codexd.neutral.reply import fold
from codexd.tools.block_format import format_call
from codexd.tools.block_writer import BlockWriter
from codexd.tools.offered_tools import OfferedTools, qualified_name
from tests.support.sentences import broken_sentences, sentences

BLOCK = format_call("f", '{"a":1}')


def convert(events: Iterable[e.Event]) -> list[e.Event]:
    """Return the converted events, and check that they are a valid stream."""
    writer, checker = BlockWriter(OfferedTools(allow_any=True), {}), GrammarChecker()
    converted = [new for event in events for new in writer.feed(event)]
    for event in converted:
        checker.feed(event)
    return converted


def call(index: int, complete: bool = True) -> list[e.Event]:
    opened = e.CallOpened(index=index, id=f"fc{index}", call_id=f"c{index}", name="f")
    return [opened, e.CallDelta(index, '{"a"'), e.CallDelta(index, ":1}"), e.CallClosed(index, complete)]


def message(index: int, text: str) -> list[e.Event]:
    return [e.MessageOpened(index, f"m{index}"), e.TextDelta(index, text), e.MessageClosed(index)]


def response(*events: e.Event) -> list[e.Event]:
    return [e.Began(), *events, e.Ended("tool_calls")]


class LawTests(SynchronousTestCase):
    @given(sentences() | broken_sentences())
    def test_a_valid_stream_becomes_a_valid_stream_without_calls(self, events: tuple[e.Event, ...]) -> None:
        converted = convert(events)
        self.assertEqual((converted[-1], fold(converted).calls), (events[-1], ()))

    @given(sentences().filter(lambda events: not fold(events).calls))
    def test_a_stream_without_calls_does_not_change(self, events: tuple[e.Event, ...]) -> None:
        self.assertEqual(convert(events), [*events])

    @given(sentences())
    def test_every_complete_call_is_written_once_and_in_one_piece(self, events: tuple[e.Event, ...]) -> None:
        blocks = [
            format_call(qualified_name(call.name, call.namespace), call.arguments, call.kind)
            for call in fold(events).calls
            if call.complete
        ]
        pieces = [event.text for event in convert(events) if isinstance(event, e.TextDelta)]
        found = [piece.lstrip("\n") for piece in pieces if "<use_tool>" in piece]
        self.assertEqual(found, blocks)


class BlockWriterTests(SynchronousTestCase):
    def test_blocks_are_added_to_the_message_before_them(self) -> None:
        self.assertEqual(
            convert(response(*message(0, "Let me look."), *call(1), *call(2))),
            [
                e.Began(),
                *message(0, "Let me look.")[:2],
                e.TextDelta(0, f"\n\n{BLOCK}"),
                e.TextDelta(0, f"\n\n{BLOCK}"),
                e.MessageClosed(0),
                e.Ended("tool_calls"),
            ],
        )

    def test_a_call_alone_gets_its_own_message(self) -> None:
        converted = [e.MessageOpened(0, "msg_c0"), e.TextDelta(0, BLOCK), e.MessageClosed(0)]
        self.assertEqual(convert(response(*call(0))), response(*converted))

    def test_a_delimiter_separates_blocks_and_text_without_line_breaks(self) -> None:
        self.assertEqual(fold(convert(response(*call(0), *message(1, "a")))).text, f"{BLOCK}\n\na")
        self.assertEqual(fold(convert(response(*call(0), *message(1, "\na")))).text, f"{BLOCK}\na")
        self.assertEqual(fold(convert(response(*message(0, "a\n"), *call(1)))).text, f"a\n{BLOCK}")

    def test_a_block_waits_for_the_end_of_a_message(self) -> None:
        opened, text, closed = message(0, "a")
        converted = convert(response(opened, text, *call(1), e.TextDelta(0, "b"), closed))
        self.assertEqual(fold(converted).text, f"ab\n\n{BLOCK}")

    def test_parallel_calls_keep_the_order_in_which_they_opened(self) -> None:
        first, second = call(0), [e.CallOpened(index=1, id="fc", call_id="c", name="g"), e.CallClosed(1)]
        converted = convert(response(*first[:2], *second, *first[2:]))
        self.assertEqual(fold(converted).text, f"{BLOCK}\n\n{format_call('g', '')}")

    def test_an_incomplete_call_is_dropped(self) -> None:
        self.assertEqual(convert(response(*call(0, complete=False))), response())

    def test_complete_calls_come_before_a_failure(self) -> None:
        failed = e.Failed(fault("stream_cut"))
        converted = convert([e.Began(), e.MessageOpened(0, "m"), e.TextDelta(0, "a"), *call(1), *call(2)[:1], failed])
        self.assertEqual((fold(converted).text, converted[-1]), (f"a\n\n{BLOCK}", failed))

    def test_after_a_refusal_a_block_gets_its_own_message(self) -> None:
        opened, text, closed = message(0, "a")
        converted = convert(response(opened, text, e.RefusalDelta(0, "no"), closed, *call(1)))
        self.assertEqual(len(fold(converted).items), 2)
