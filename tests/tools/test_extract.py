"""Blocks in a model's text become calls it made."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.neutral.grammar import Sentence
from codexd.neutral.reply import Reply, fold
from codexd.neutral.turn import Message, TextPart, ToolCall
from codexd.tools.extract import Extractor
from codexd.tools.offer import Offer
from codexd.tools.scanner import SCANNING, Scanning
from tests.support.blocks import (
    CLOSE,
    FIND,
    FOUND,
    OPEN,
    TOOL,
    answer,
    blocky_sentences,
    cut_blocky,
    recut,
    without_logprobs,
)
from tests.support.sentences import broken_sentences, pieces, sentences
from tests.support.unfolded import unfolded

OFFER = Offer((TOOL,))


def extract(events: Iterable[e.Event], offer: Offer = OFFER, scanning: Scanning = SCANNING) -> list[e.Event]:
    """Give the new sentence, and check that it is one."""
    extractor, sentence = Extractor(offer, "abc", scanning), Sentence()
    said = [new for event in events for new in extractor.feed(event)]
    for event in said:
        sentence.feed(event)
    return said


def spoken(id: str, text: str) -> Message:
    return Message("assistant", (TextPart(text),), "p", id)


def found(number: int, arguments: str = FOUND) -> ToolCall:
    return ToolCall(f"call_abc000{number}", "find", arguments, id=f"fc_abc000{number}")


def plain(events: Iterable[e.Event]) -> Reply:
    """Fold a sentence, leaving out pieces that say nothing."""
    return fold(
        event for event in events if not isinstance(event, e.TextDelta) or event.text or event.logprobs
    )


class LawTests(SynchronousTestCase):
    @given(blocky_sentences() | broken_sentences())
    def test_a_sentence_becomes_a_sentence(self, events: tuple[e.Event, ...]) -> None:
        said = extract(events)
        self.assertEqual(type(said[-1]), type(events[-1]))

    @given(sentences())
    def test_a_sentence_without_blocks_stays_as_it_is(self, events: tuple[e.Event, ...]) -> None:
        self.assertEqual(plain(extract(events)), plain(events))

    @given(blocky_sentences())
    def test_without_tools_on_offer_text_stays_text(self, events: tuple[e.Event, ...]) -> None:
        self.assertEqual(plain(extract(events, Offer())), plain(events))

    @given(st.data())
    def test_the_fold_is_that_of_the_whole_text_however_it_comes(self, data: st.DataObject) -> None:
        drawn = [without_logprobs(event) for event in data.draw(blocky_sentences())]
        whole = unfolded(fold(drawn))
        self.assertEqual(fold(extract(data.draw(recut(whole)))), fold(extract(whole)))

    @given(cut_blocky())
    def test_no_character_is_lost_but_blanks_around_calls(self, cut: tuple[str, list[str]]) -> None:
        text, chunks = cut
        extractor = Extractor(OFFER, "abc")
        events = [new for event in answer(*chunks) for new in extractor.feed(event)]
        reply, sources = fold(events), ""
        for piece in SCANNING.scanner().feed(text):
            offered = hasattr(piece, "use") and OFFER.find(piece.use.name)
            sources += "" if offered else piece.source
        rest = text[len("".join(piece.source for piece in SCANNING.scanner().feed(text))) :]
        self.assertEqual("".join(reply.text.split()), "".join((sources + rest).split()))


class ExtractTests(SynchronousTestCase):
    def test_a_block_is_a_call_between_two_messages(self) -> None:
        said = extract(answer("Let me ", "look.\n", FIND[:9], FIND[9:], "\nDone."))
        self.assertEqual(
            said,
            [
                e.Began(),
                e.MessageOpened(0, "msg", "p"),
                e.TextDelta(0, "Let me "),
                e.TextDelta(0, "look.\n"),
                e.MessageClosed(0),
                e.CallOpened(1, "fc_abc0000", "call_abc0000", "find"),
                e.CallDelta(1, FOUND),
                e.CallClosed(1),
                e.MessageOpened(2, "msg_1", "p"),
                e.TextDelta(2, "\nDone."),
                e.MessageClosed(2),
                e.Ended("tool_calls"),
            ],
        )

    def test_blocks_alone_leave_no_message_and_no_blanks(self) -> None:
        reply = fold(extract(answer(f"\n{FIND}\n\n", FIND, "\n")))
        self.assertEqual(reply, Reply((found(0), found(1)), "tool_calls"))

    def test_a_tool_that_was_not_offered_stays_text(self) -> None:
        other = f"{OPEN}<name>other</name>{CLOSE}"
        self.assertEqual(fold(extract(answer(other))), Reply((spoken("msg", other),), "stop"))

    def test_only_an_end_that_was_a_stop_becomes_one_for_tools(self) -> None:
        finishes: tuple[e.Finish, ...] = ("stop", "length", "content_filter", "tool_calls")
        ends = [fold(extract(answer(FIND, finish=finish))).finish for finish in finishes]
        self.assertEqual(ends, ["tool_calls", "length", "content_filter", "tool_calls"])

    def test_many_blanks_are_said(self) -> None:
        for texts in ((" " * 300, FIND), (" " * 200, " " * 100, FIND)):
            self.assertEqual(fold(extract(answer(*texts))).text, " " * 300)

    def test_a_message_opens_with_its_first_word_and_before_any_other_item(self) -> None:
        extractor = Extractor(OFFER, "abc")
        self.assertEqual(extractor.feed(e.MessageOpened(0, "msg")), [])
        self.assertEqual(extractor.feed(e.TextDelta(0, "<use")), [])
        opened = [e.MessageOpened(0, "msg"), e.ReasoningOpened(1, "rs")]
        self.assertEqual(extractor.feed(e.ReasoningOpened(1, "rs")), opened)

    def test_a_failure_comes_after_all_that_was_said(self) -> None:
        failed = e.Failed(fault("stream_cut"))
        said = extract([e.Began(), e.MessageOpened(0, "msg"), e.TextDelta(0, OPEN + "<na"), failed])
        self.assertEqual(said[1:], [e.MessageOpened(0, "msg"), e.TextDelta(0, OPEN + "<na"), failed])

    def test_a_refusal_comes_after_the_text_before_it(self) -> None:
        events = [e.Began(), e.MessageOpened(0, "msg"), e.TextDelta(0, "a<"), e.RefusalDelta(0, "no")]
        said = extract([*events, e.MessageClosed(0), e.Ended("stop")])
        self.assertEqual(fold(said), fold([*events, e.MessageClosed(0), e.Ended("stop")]))

    def test_log_probabilities_stay_with_their_text_and_go_with_a_call(self) -> None:
        weighed = [e.TextDelta(0, text, f'["{text}"]') for text in ("a ", "<us", "er>", "b")]
        said = extract([e.Began(), e.MessageOpened(0, "m"), *weighed, e.MessageClosed(0), e.Ended("stop")])
        self.assertEqual(
            [event for event in said if isinstance(event, e.TextDelta)],
            [
                e.TextDelta(0, "a ", '["a "]'),
                e.TextDelta(0, "<user>", '["<us","er>"]'),
                e.TextDelta(0, "b", '["b"]'),
            ],
        )
        weighed = [e.TextDelta(0, FIND, '["x"]'), e.TextDelta(0, "b", '["b"]')]
        said = extract([e.Began(), e.MessageOpened(0, "m"), *weighed, e.MessageClosed(0), e.Ended("stop")])
        self.assertIn(e.TextDelta(1, "b", '["b"]'), said)

    def test_notes_on_a_text_from_which_a_call_was_taken_are_left_out(self) -> None:
        noted = [e.TextDelta(0, "a"), e.Annotated(0, "{}"), e.TextDelta(0, FIND), e.Annotated(0, "[]")]
        said = extract([e.Began(), e.MessageOpened(0, "m"), *noted, e.MessageClosed(0), e.Ended("stop")])
        self.assertEqual([event for event in said if isinstance(event, e.Annotated)], [e.Annotated(0, "{}")])


class EchoTests(SynchronousTestCase):
    def call(self, index: int, arguments: str = '{"query": "R&D"}') -> list[e.Event]:
        opened = e.CallOpened(index, f"fc{index}", f"c{index}", "find")
        return [
            opened,
            e.CallDelta(index, arguments[:3]),
            e.CallDelta(index, arguments[3:]),
            e.CallClosed(index),
        ]

    def message(self, index: int) -> list[e.Event]:
        return [e.MessageOpened(index, f"m{index}"), e.TextDelta(index, FIND), e.MessageClosed(index)]

    def ids(self, *events: e.Event) -> list[str]:
        reply = fold(extract([e.Began(), *events, e.Ended("tool_calls")]))
        self.assertEqual(reply.calls, reply.items)
        return [call.call_id for call in reply.calls]

    def test_a_call_that_is_made_and_written_counts_once(self) -> None:
        self.assertEqual(self.ids(*self.call(0), *self.message(1)), ["c0"])
        self.assertEqual(self.ids(*self.message(0), *self.call(1)), ["call_abc0000"])

    def test_two_calls_made_alike_are_two(self) -> None:
        self.assertEqual(self.ids(*self.call(0), *self.call(1), *self.message(2)), ["c0", "c1"])
        self.assertEqual(self.ids(*self.message(0), *self.call(1), *self.call(2)), ["call_abc0000", "c2"])

    def test_another_call_of_the_same_tool_is_no_echo(self) -> None:
        self.assertEqual(self.ids(*self.message(0), *self.call(1, "{}")), ["call_abc0000", "c1"])

    def test_a_failure_shows_a_call_that_waited_to_be_told_from_an_echo(self) -> None:
        said = extract([e.Began(), *self.message(0), *self.call(1)[:2], e.Failed(fault("stream_cut"))])
        self.assertEqual([call.call_id for call in fold(said).calls], ["call_abc0000", "c1"])


class RegressionTests(SynchronousTestCase):
    """The predecessor took a piece that repeated the end of the text for a repetition, and dropped it."""

    def test_the_predecessors_lost_characters_are_all_here(self) -> None:
        for said in (
            ["The bo", "ok cost 1", "100 dol", "lars."],
            ["ha", "ha", "ha"],
            ["\n", "\n"],
            ["<use_to", "ol"],
        ):
            self.assertEqual(fold(extract(answer(*said))).text, "".join(said))

    @given(pieces(8))
    def test_no_repeated_piece_is_lost(self, said: list[str]) -> None:
        self.assertEqual(fold(extract(answer(*said))).text, "".join(said))

    def test_repeated_pieces_inside_a_block_are_all_the_calls(self) -> None:
        said = [OPEN, "<name>find</name><query>", "ha", "ha", "ha", "</query>", CLOSE]
        self.assertEqual(fold(extract(answer(*said))).items, (found(0, '{"query":"hahaha"}'),))
