"""Tests of codexd.tools.call_extractor."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.neutral.grammar import GrammarChecker
from codexd.neutral.reply import Reply, fold
from codexd.neutral.turn import Message, TextPart, ToolCall
from codexd.tools.block_scanner import DEFAULT_SCAN, BlockPiece, BlockScanner, ScanOptions
from codexd.tools.call_extractor import CallExtractor
from codexd.tools.offered_tools import OfferedTools
from tests.support.sentences import broken_sentences, pieces, sentences
from tests.support.tool_blocks import (
    CLOSE,
    FIND_ARGUMENTS,
    FIND_BLOCK,
    OPEN,
    TOOL,
    answer,
    chunked_block_texts,
    rechunked,
    sentences_with_blocks,
    without_logprobs,
)
from tests.support.unfolding import unfold

OFFERED = OfferedTools((TOOL,))


def extract(
    events: Iterable[e.Event], offered: OfferedTools = OFFERED, scan: ScanOptions = DEFAULT_SCAN
) -> list[e.Event]:
    """Return the converted events, and check that they are a valid stream."""
    extractor, checker = CallExtractor(offered, "abc", scan), GrammarChecker()
    converted = [new for event in events for new in extractor.feed(event)]
    for event in converted:
        checker.feed(event)
    return converted


def message(id: str, text: str) -> Message:
    return Message(role="assistant", parts=(TextPart(text),), phase="p", id=id)


def call(number: int, arguments: str = FIND_ARGUMENTS) -> ToolCall:
    return ToolCall(call_id=f"call_abc000{number}", name="find", arguments=arguments, id=f"fc_abc000{number}")


def fold_without_empty(events: Iterable[e.Event]) -> Reply:
    """Fold a stream without its empty text events."""
    return fold(event for event in events if not isinstance(event, e.TextDelta) or event.text or event.logprobs)


class LawTests(SynchronousTestCase):
    @given(sentences_with_blocks() | broken_sentences())
    def test_a_valid_stream_becomes_a_valid_stream(self, events: tuple[e.Event, ...]) -> None:
        converted = extract(events)
        self.assertEqual(type(converted[-1]), type(events[-1]))

    @given(sentences())
    def test_a_stream_without_blocks_does_not_change(self, events: tuple[e.Event, ...]) -> None:
        self.assertEqual(fold_without_empty(extract(events)), fold_without_empty(events))

    @given(sentences_with_blocks())
    def test_without_offered_tools_text_stays_text(self, events: tuple[e.Event, ...]) -> None:
        self.assertEqual(fold_without_empty(extract(events, OfferedTools())), fold_without_empty(events))

    @given(st.data())
    def test_the_fold_does_not_depend_on_the_pieces(self, data: st.DataObject) -> None:
        drawn = [without_logprobs(event) for event in data.draw(sentences_with_blocks())]
        whole = unfold(fold(drawn))
        self.assertEqual(fold(extract(data.draw(rechunked(whole)))), fold(extract(whole)))

    @given(chunked_block_texts())
    def test_only_blanks_around_calls_are_dropped(self, cut: tuple[str, list[str]]) -> None:
        text, chunks = cut
        extractor = CallExtractor(OFFERED, "abc")
        events = [new for event in answer(*chunks) for new in extractor.feed(event)]
        reply, sources = fold(events), ""
        scanned = BlockScanner().feed(text)
        for piece in scanned:
            offered = isinstance(piece, BlockPiece) and OFFERED.find(piece.block.name)
            sources += "" if offered else piece.source
        rest = text[len("".join(piece.source for piece in scanned)) :]
        self.assertEqual("".join(reply.text.split()), "".join((sources + rest).split()))


class CallExtractorTests(SynchronousTestCase):
    def test_a_block_becomes_a_call_between_two_messages(self) -> None:
        converted = extract(answer("Let me ", "look.\n", FIND_BLOCK[:9], FIND_BLOCK[9:], "\nDone."))
        self.assertEqual(
            converted,
            [
                e.Began(),
                e.MessageOpened(0, "msg", "p"),
                e.TextDelta(0, "Let me "),
                e.TextDelta(0, "look.\n"),
                e.MessageClosed(0),
                e.CallOpened(index=1, id="fc_abc0000", call_id="call_abc0000", name="find"),
                e.CallDelta(1, FIND_ARGUMENTS),
                e.CallClosed(1),
                e.MessageOpened(2, "msg_1", "p"),
                e.TextDelta(2, "\nDone."),
                e.MessageClosed(2),
                e.Ended("tool_calls"),
            ],
        )

    def test_blocks_alone_leave_no_message_and_no_blanks(self) -> None:
        reply = fold(extract(answer(f"\n{FIND_BLOCK}\n\n", FIND_BLOCK, "\n")))
        self.assertEqual(reply, Reply(items=(call(0), call(1)), finish="tool_calls"))

    def test_a_tool_that_was_not_offered_stays_text(self) -> None:
        other = f"{OPEN}<name>other</name>{CLOSE}"
        self.assertEqual(fold(extract(answer(other))), Reply(items=(message("msg", other),), finish="stop"))

    def test_only_the_finish_stop_becomes_tool_calls(self) -> None:
        finishes: tuple[e.Finish, ...] = ("stop", "length", "content_filter", "tool_calls")
        ends = [fold(extract(answer(FIND_BLOCK, finish=finish))).finish for finish in finishes]
        self.assertEqual(ends, ["tool_calls", "length", "content_filter", "tool_calls"])

    def test_many_blanks_are_kept(self) -> None:
        for texts in ((" " * 300, FIND_BLOCK), (" " * 200, " " * 100, FIND_BLOCK)):
            self.assertEqual(fold(extract(answer(*texts))).text, " " * 300)

    def test_a_message_opens_with_its_first_text_or_before_the_next_item(self) -> None:
        extractor = CallExtractor(OFFERED, "abc")
        self.assertEqual(extractor.feed(e.MessageOpened(0, "msg")), [])
        self.assertEqual(extractor.feed(e.TextDelta(0, "<use")), [])
        opened = [e.MessageOpened(0, "msg"), e.ReasoningOpened(1, "rs")]
        self.assertEqual(extractor.feed(e.ReasoningOpened(1, "rs")), opened)

    def test_held_text_comes_before_a_failure(self) -> None:
        failed = e.Failed(fault("stream_cut"))
        converted = extract([e.Began(), e.MessageOpened(0, "msg"), e.TextDelta(0, OPEN + "<na"), failed])
        self.assertEqual(converted[1:], [e.MessageOpened(0, "msg"), e.TextDelta(0, OPEN + "<na"), failed])

    def test_a_refusal_comes_after_the_text_before_it(self) -> None:
        events = [e.Began(), e.MessageOpened(0, "msg"), e.TextDelta(0, "a<"), e.RefusalDelta(0, "no")]
        converted = extract([*events, e.MessageClosed(0), e.Ended("stop")])
        self.assertEqual(fold(converted), fold([*events, e.MessageClosed(0), e.Ended("stop")]))

    def test_log_probabilities_stay_with_their_text_and_are_dropped_with_a_call(self) -> None:
        weighed = [e.TextDelta(0, text, f'["{text}"]') for text in ("a ", "<us", "er>", "b")]
        converted = extract([e.Began(), e.MessageOpened(0, "m"), *weighed, e.MessageClosed(0), e.Ended("stop")])
        self.assertEqual(
            [event for event in converted if isinstance(event, e.TextDelta)],
            [
                e.TextDelta(0, "a ", '["a "]'),
                e.TextDelta(0, "<user>", '["<us","er>"]'),
                e.TextDelta(0, "b", '["b"]'),
            ],
        )
        weighed = [e.TextDelta(0, FIND_BLOCK, '["x"]'), e.TextDelta(0, "b", '["b"]')]
        converted = extract([e.Began(), e.MessageOpened(0, "m"), *weighed, e.MessageClosed(0), e.Ended("stop")])
        self.assertIn(e.TextDelta(1, "b", '["b"]'), converted)

    def test_annotations_after_an_extracted_call_are_dropped(self) -> None:
        noted = [e.TextDelta(0, "a"), e.Annotated(0, "{}"), e.TextDelta(0, FIND_BLOCK), e.Annotated(0, "[]")]
        converted = extract([e.Began(), e.MessageOpened(0, "m"), *noted, e.MessageClosed(0), e.Ended("stop")])
        self.assertEqual([event for event in converted if isinstance(event, e.Annotated)], [e.Annotated(0, "{}")])


class DuplicateTests(SynchronousTestCase):
    def call(self, index: int, arguments: str = '{"query": "R&D"}') -> list[e.Event]:
        opened = e.CallOpened(index=index, id=f"fc{index}", call_id=f"c{index}", name="find")
        return [
            opened,
            e.CallDelta(index, arguments[:3]),
            e.CallDelta(index, arguments[3:]),
            e.CallClosed(index),
        ]

    def message(self, index: int) -> list[e.Event]:
        return [e.MessageOpened(index, f"m{index}"), e.TextDelta(index, FIND_BLOCK), e.MessageClosed(index)]

    def ids(self, *events: e.Event) -> list[str]:
        reply = fold(extract([e.Began(), *events, e.Ended("tool_calls")]))
        self.assertEqual(reply.calls, reply.items)
        return [call.call_id for call in reply.calls]

    def test_a_call_in_both_forms_counts_once(self) -> None:
        self.assertEqual(self.ids(*self.call(0), *self.message(1)), ["c0"])
        self.assertEqual(self.ids(*self.message(0), *self.call(1)), ["call_abc0000"])

    def test_two_equal_structured_calls_are_two(self) -> None:
        self.assertEqual(self.ids(*self.call(0), *self.call(1), *self.message(2)), ["c0", "c1"])
        self.assertEqual(self.ids(*self.message(0), *self.call(1), *self.call(2)), ["call_abc0000", "c2"])

    def test_a_call_of_the_same_tool_with_other_arguments_is_not_a_duplicate(self) -> None:
        self.assertEqual(self.ids(*self.message(0), *self.call(1, "{}")), ["call_abc0000", "c1"])

    def test_a_held_call_comes_before_a_failure(self) -> None:
        converted = extract([e.Began(), *self.message(0), *self.call(1)[:2], e.Failed(fault("stream_cut"))])
        self.assertEqual([call.call_id for call in fold(converted).calls], ["call_abc0000", "c1"])


class RegressionTests(SynchronousTestCase):
    """The predecessor dropped a piece of text that repeated the end of the text before it."""

    def test_pieces_that_the_predecessor_dropped_are_kept(self) -> None:
        for texts in (
            ["The bo", "ok cost 1", "100 dol", "lars."],
            ["ha", "ha", "ha"],
            ["\n", "\n"],
            ["<use_to", "ol"],
        ):
            self.assertEqual(fold(extract(answer(*texts))).text, "".join(texts))

    @given(pieces(8))
    def test_no_repeated_piece_is_dropped(self, texts: list[str]) -> None:
        self.assertEqual(fold(extract(answer(*texts))).text, "".join(texts))

    def test_repeated_pieces_inside_a_block_are_kept(self) -> None:
        texts = [OPEN, "<name>find</name><query>", "ha", "ha", "ha", "</query>", CLOSE]
        self.assertEqual(fold(extract(answer(*texts))).items, (call(0, '{"query":"hahaha"}'),))
