"""Calls become text."""

from collections.abc import Iterable

from hypothesis import given
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.neutral.grammar import Sentence
from codexd.neutral.reply import fold
from codexd.tools.canon import write
from codexd.tools.offer import Offer, spelled
from codexd.tools.write import Writer
from tests.support.sentences import broken_sentences, sentences

BLOCK = write("f", '{"a":1}')


def written(events: Iterable[e.Event]) -> list[e.Event]:
    """Give the new sentence, and check that it is one."""
    writer, sentence = Writer(Offer(any=True), {}), Sentence()
    said = [new for event in events for new in writer.feed(event)]
    for event in said:
        sentence.feed(event)
    return said


def call(index: int, complete: bool = True) -> list[e.Event]:
    opened = e.CallOpened(index, f"fc{index}", f"c{index}", "f")
    return [opened, e.CallDelta(index, '{"a"'), e.CallDelta(index, ":1}"), e.CallClosed(index, complete)]


def message(index: int, text: str) -> list[e.Event]:
    return [e.MessageOpened(index, f"m{index}"), e.TextDelta(index, text), e.MessageClosed(index)]


def whole(*events: e.Event) -> list[e.Event]:
    return [e.Began(), *events, e.Ended("tool_calls")]


class LawTests(SynchronousTestCase):
    @given(sentences() | broken_sentences())
    def test_a_sentence_becomes_a_sentence_without_calls(self, events: tuple[e.Event, ...]) -> None:
        said = written(events)
        self.assertEqual((said[-1], fold(said).calls), (events[-1], ()))

    @given(sentences().filter(lambda events: not fold(events).calls))
    def test_a_sentence_without_calls_stays_as_it_is(self, events: tuple[e.Event, ...]) -> None:
        self.assertEqual(written(events), [*events])

    @given(sentences())
    def test_every_whole_call_is_there_once_and_in_one_piece(self, events: tuple[e.Event, ...]) -> None:
        blocks = [
            write(spelled(call.name, call.namespace), call.arguments, call.kind)
            for call in fold(events).calls
            if call.complete
        ]
        pieces = [event.text for event in written(events) if isinstance(event, e.TextDelta)]
        found = [piece.lstrip("\n") for piece in pieces if "<use_tool>" in piece]
        self.assertEqual(found, blocks)


class WriteTests(SynchronousTestCase):
    def test_blocks_come_into_the_message_before_them(self) -> None:
        self.assertEqual(
            written(whole(*message(0, "Let me look."), *call(1), *call(2))),
            [
                e.Began(),
                *message(0, "Let me look.")[:2],
                e.TextDelta(0, f"\n\n{BLOCK}"),
                e.TextDelta(0, f"\n\n{BLOCK}"),
                e.MessageClosed(0),
                e.Ended("tool_calls"),
            ],
        )

    def test_a_call_alone_is_a_message(self) -> None:
        said = [e.MessageOpened(0, "msg_c0"), e.TextDelta(0, BLOCK), e.MessageClosed(0)]
        self.assertEqual(written(whole(*call(0))), whole(*said))

    def test_what_comes_after_a_block_is_set_off_unless_it_is_already(self) -> None:
        self.assertEqual(fold(written(whole(*call(0), *message(1, "a")))).text, f"{BLOCK}\n\na")
        self.assertEqual(fold(written(whole(*call(0), *message(1, "\na")))).text, f"{BLOCK}\na")
        self.assertEqual(fold(written(whole(*message(0, "a\n"), *call(1)))).text, f"a\n{BLOCK}")

    def test_no_message_is_torn_apart(self) -> None:
        opened, text, closed = message(0, "a")
        said = written(whole(opened, text, *call(1), e.TextDelta(0, "b"), closed))
        self.assertEqual(fold(said).text, f"ab\n\n{BLOCK}")

    def test_calls_that_grow_side_by_side_keep_the_order_in_which_they_began(self) -> None:
        first, second = call(0), [e.CallOpened(1, "fc", "c", "g"), e.CallClosed(1)]
        said = written(whole(*first[:2], *second, *first[2:]))
        self.assertEqual(fold(said).text, f"{BLOCK}\n\n{write('g', '')}")

    def test_a_call_that_was_cut_is_none(self) -> None:
        self.assertEqual(written(whole(*call(0, complete=False))), whole())

    def test_a_failure_comes_after_the_calls_that_were_made(self) -> None:
        failed = e.Failed(fault("stream_cut"))
        said = written(
            [e.Began(), e.MessageOpened(0, "m"), e.TextDelta(0, "a"), *call(1), *call(2)[:1], failed]
        )
        self.assertEqual((fold(said).text, said[-1]), (f"a\n\n{BLOCK}", failed))

    def test_after_a_refusal_a_block_has_a_message_of_its_own(self) -> None:
        opened, text, closed = message(0, "a")
        said = written(whole(opened, text, e.RefusalDelta(0, "no"), closed, *call(1)))
        self.assertEqual(len(fold(said).items), 2)
