"""Tests of codexd.tools.converters."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.neutral.grammar import GrammarChecker
from codexd.neutral.reply import fold
from codexd.neutral.turn import ToolChoice, Turn
from codexd.observe.metric_tables import COUNTERS
from codexd.tools.block_format import format_block, format_call
from codexd.tools.block_parser import parse_block
from codexd.tools.block_scanner import BLOCK_PARSED, BLOCK_REJECTED, BLOCK_STARTED, ScanOptions
from codexd.tools.call_limits import CallLimits
from codexd.tools.converters import CallsToText, TextToCalls
from tests.support.sentences import broken_sentences, pieces
from tests.support.tool_blocks import (
    CLOSE,
    FIND_ARGUMENTS,
    FIND_BLOCK,
    GATES,
    OPEN,
    PATTERNS,
    TOOL,
    answer,
    rechunked,
    sentences_with_blocks,
    without_logprobs,
)
from tests.support.unfolding import unfold

TURN = Turn(model="m", items=(), tools=(TOOL,))
BLOCK = format_call("find", FIND_ARGUMENTS)
CALL = [e.CallOpened(index=0, id="fc", call_id="c", name="find"), e.CallDelta(0, FIND_ARGUMENTS), e.CallClosed(0)]


def convert(converter: TextToCalls | CallsToText, events: Iterable[e.Event]) -> list[e.Event]:
    """Return the converted events, and check that they are a valid stream."""
    checker = GrammarChecker()
    converted = [new for event in events for new in converter.feed(event)]
    for event in converted:
        checker.feed(event)
    return converted


def text_to_calls(events: Iterable[e.Event], turn: Turn = TURN, **options: Any) -> list[e.Event]:
    return convert(TextToCalls(turn, "abc", **options), events)


def calls_to_text(events: Iterable[e.Event], turn: Turn = TURN, **options: Any) -> list[e.Event]:
    return convert(CallsToText(turn, "abc", **options), events)


class LawTests(SynchronousTestCase):
    @given(sentences_with_blocks() | broken_sentences(), GATES)
    def test_a_valid_stream_becomes_a_valid_stream(self, events: tuple[e.Event, ...], limits: CallLimits) -> None:
        for function in (text_to_calls, calls_to_text):
            converted = function(events, limits=limits, scan=ScanOptions(PATTERNS, 40))
            self.assertIsInstance(converted[-1], e.Ended | e.Failed)

    @given(GATES, st.data())
    def test_the_fold_does_not_depend_on_the_pieces(self, limits: CallLimits, data: st.DataObject) -> None:
        whole = unfold(fold([without_logprobs(event) for event in data.draw(sentences_with_blocks())]))
        for function in (text_to_calls, calls_to_text):
            self.assertEqual(
                fold(function(data.draw(rechunked(whole)), limits=limits)), fold(function(whole, limits=limits))
            )

    @given(sentences_with_blocks())
    def test_the_output_has_no_calls_and_only_whole_blocks(self, events: tuple[e.Event, ...]) -> None:
        converted = calls_to_text(events)
        self.assertEqual(fold(converted).calls, ())
        for event in converted:
            if isinstance(event, e.TextDelta) and "<use_tool>\n  <name>" in event.text:
                self.assertIsNotNone(parse_block(event.text.strip()), event.text)

    @given(sentences_with_blocks())
    def test_calls_written_as_text_are_extracted_again(self, events: tuple[e.Event, ...]) -> None:
        """TextToCalls reads what CallsToText wrote, as with one daemon behind another."""
        turn = evolve(TURN, tools=())
        calls = [call for call in fold(text_to_calls(events)).calls if call.complete and call.name == "find"]
        again = fold(text_to_calls(calls_to_text(events, turn))).calls
        self.assertEqual([call.arguments for call in again], [call.arguments for call in calls])


class TextToCallsTests(SynchronousTestCase):
    def test_a_block_becomes_a_structured_call(self) -> None:
        reply = fold(text_to_calls(answer("Let me look.\n", *FIND_BLOCK)))
        self.assertEqual((reply.text, reply.finish), ("Let me look.\n", "tool_calls"))
        self.assertEqual([(call.name, call.arguments) for call in reply.calls], [("find", FIND_ARGUMENTS)])

    def test_with_tool_choice_none_blocks_stay_text(self) -> None:
        none = evolve(TURN, tool_choice=ToolChoice("none"))
        self.assertEqual(fold(text_to_calls(answer(FIND_BLOCK), none)).text, FIND_BLOCK)

    def test_without_parallel_tool_calls_there_is_one_call(self) -> None:
        single = evolve(TURN, parallel_tool_calls=False)
        self.assertEqual(len(fold(text_to_calls(answer(FIND_BLOCK, FIND_BLOCK, "tail"), single)).items), 1)

    def test_a_missing_required_call_fails_the_response(self) -> None:
        required = evolve(TURN, tool_choice=ToolChoice("required"))
        self.assertEqual(text_to_calls(answer("no"), required)[-1], e.Failed(fault("tool_choice_unmet")))
        self.assertEqual(text_to_calls(answer(FIND_BLOCK), required)[-1], e.Ended("tool_calls"))
        self.assertEqual(text_to_calls(answer("no", finish="length"), required)[-1], e.Ended("length"))

    def test_a_registered_pattern_becomes_a_call(self) -> None:
        reply = fold(text_to_calls(answer('<call:{"query":"x"}:call>'), scan=ScanOptions(PATTERNS)))
        self.assertEqual([call.arguments for call in reply.calls], ['{"query":"x"}'])

    def test_choices_are_independent(self) -> None:
        choices = [TextToCalls(TURN, token) for token in ("a", "b")]
        outputs: list[list[e.Event]] = [[], []]
        for event in answer(*FIND_BLOCK):
            for converter, converted in zip(choices, outputs, strict=True):
                converted += converter.feed(event)
        ids = [call.call_id for converted in outputs for call in fold(converted).calls]
        self.assertEqual(ids, ["call_a0000", "call_b0000"])

    def test_a_converter_can_be_finished_once_the_model_can_be_interrupted(self) -> None:
        converter, events = TextToCalls(TURN, "abc", CallLimits(stop_after="first")), answer("a", FIND_BLOCK, "b")
        converted = [new for event in events[:4] for new in converter.feed(event)]
        self.assertTrue(converter.can_interrupt)
        self.assertEqual((fold([*converted, *converter.finish()]).finish, converter.calls), ("tool_calls", 1))


class CallsToTextTests(SynchronousTestCase):
    def test_a_structured_call_becomes_a_block_and_the_finish_stays(self) -> None:
        reply = fold(calls_to_text([e.Began(), *CALL, e.Ended("tool_calls")]))
        self.assertEqual((reply.text, reply.finish), (BLOCK, "tool_calls"))

    def test_a_models_block_becomes_canonical_and_is_sent_in_one_piece(self) -> None:
        converted = calls_to_text(answer("Look: ", *FIND_BLOCK, "\n", *FIND_BLOCK, " done"))
        self.assertEqual(
            [event.text for event in converted if isinstance(event, e.TextDelta)],
            ["Look: ", f"\n\n{BLOCK}", f"\n\n{BLOCK}", "\n\n done"],
        )
        self.assertEqual(converted[-1], e.Ended("tool_calls"))

    def test_a_call_in_both_forms_is_written_once(self) -> None:
        moved = [evolve(event, index=1) for event in CALL]
        converted = calls_to_text([e.Began(), *answer(FIND_BLOCK)[1:-1], *moved, e.Ended("tool_calls")])
        self.assertEqual(fold(converted).text, BLOCK)

    def test_markdown_in_a_models_block_is_not_escaped(self) -> None:
        source = f"{OPEN}<name>writeToFile</name><path>a</path><content>> [!note] R&D\n<b>x</b></content>{CLOSE}"
        block = parse_block(source)
        assert block is not None
        self.assertEqual(fold(calls_to_text(answer(source))).text, format_block(block))
        self.assertIn("> [!note] R&D\n<b>x</b>", format_block(block))

    def test_malformed_and_unfinished_blocks_do_not_change(self) -> None:
        for text in (f"a {OPEN}x{CLOSE} b", f"a{OPEN}<name>find", f"{OPEN}{OPEN}"):
            self.assertEqual(fold(calls_to_text(answer(*text))).text, text)

    def test_nothing_follows_the_first_call_with_stop_after_first(self) -> None:
        converter = CallsToText(TURN, "abc", CallLimits(stop_after="first"))
        converted = convert(converter, answer("a\n", FIND_BLOCK, "b", FIND_BLOCK))
        self.assertEqual((fold(converted).text, converted[-1]), (f"a\n{BLOCK}", e.Ended("tool_calls")))
        self.assertTrue(converter.can_interrupt)

    def test_the_tail_is_dropped(self) -> None:
        converted = calls_to_text(
            answer(FIND_BLOCK, "between", FIND_BLOCK, "tail"), limits=CallLimits(drop_trailing_text=True)
        )
        self.assertEqual(fold(converted).text, f"{BLOCK}\n\nbetween\n\n{BLOCK}")

    def test_a_configured_delimiter_is_used(self) -> None:
        converted = convert(CallsToText(TURN, "abc", delimiter="\n---\n"), answer(FIND_BLOCK, FIND_BLOCK))
        self.assertEqual(fold(converted).text, f"{BLOCK}\n---\n{BLOCK}")


class CountTests(SynchronousTestCase):
    def test_blocks_are_counted_with_names_of_the_metrics(self) -> None:
        counted: Counter[str] = Counter()
        scan = ScanOptions(count=lambda name: counted.update([name]))
        calls_to_text(answer(FIND_BLOCK, f"{OPEN}x{CLOSE}", OPEN), scan=scan)
        self.assertEqual(counted, {BLOCK_STARTED: 3, BLOCK_PARSED: 1, BLOCK_REJECTED: 2})
        self.assertLessEqual(counted.keys(), COUNTERS.keys())


class RegressionTests(SynchronousTestCase):
    """The predecessor dropped a piece of text that repeated the end of the text before it."""

    def test_pieces_that_the_predecessor_dropped_are_kept(self) -> None:
        for texts in (["The bo", "ok cost 1", "100 dol", "lars."], ["ha", "ha", "ha"], ["\n", "\n"]):
            for function in (text_to_calls, calls_to_text):
                self.assertEqual(fold(function(answer(*texts))).text, "".join(texts))

    @given(pieces(8))
    def test_no_repeated_piece_is_dropped(self, texts: list[str]) -> None:
        for function in (text_to_calls, calls_to_text):
            self.assertEqual(fold(function(answer(*texts))).text, "".join(texts))

    def test_a_fragmented_opening_tag_keeps_its_letters(self) -> None:
        self.assertEqual(
            fold(calls_to_text(answer("<use_to", "ol><name>find</name>", "<query>R&amp;D</query>", CLOSE))).text,
            BLOCK,
        )
