"""A grammatical sentence, however the child's items come: in pieces, whole, interleaved, twice."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.speech import Speech
from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.neutral.reply import fold
from codexd.neutral.turn import Message, Reasoning, TextPart, ToolCall
from tests.support.sentences import merged, pieces, texts

NOTHING = e.Usage()


def said_of(whole: str, *deltas: str) -> str:
    """Give what is said of a message that came in deltas and then whole."""
    speech = Speech()
    events = [event for delta in deltas for event in speech.text("m", delta)]
    return fold([*events, *speech.whole_message("m", whole, None)]).text


class MessageTests(SynchronousTestCase):
    def test_the_whole_says_what_no_delta_did(self) -> None:
        for deltas in ((), ("He",), ("He", "", "llo"), ("Hello",)):
            self.assertEqual(said_of("Hello", *deltas), "Hello")

    def test_a_whole_that_is_another_text_adds_nothing_to_what_was_said(self) -> None:
        for whole in ("Howdy!", "He", "", "he llo there"):
            self.assertEqual(said_of(whole, "Hel"), "Hel")

    def test_an_empty_delta_opens_its_message_and_is_not_said(self) -> None:
        speech = Speech()
        self.assertEqual(speech.text("m", ""), [e.Began(), e.MessageOpened(0, "m")])
        self.assertEqual(speech.text("m", ""), [])

    def test_a_closed_message_takes_nothing_more_unless_it_is_started_anew(self) -> None:
        speech = Speech()
        speech.whole_message("m", "a", None)
        self.assertEqual([speech.text("m", "b"), speech.whole_message("m", "ab", None)], [[], []])
        self.assertEqual(speech.noted("m", ()), [e.MessageClosed(0)])
        self.assertEqual([speech.text("m", "b"), speech.whole_message("m", "ab", None)], [[], []])
        self.assertEqual(speech.message("m", "commentary"), [e.MessageOpened(1, "m", "commentary")])
        self.assertEqual(speech.whole_message("m", "b", None), [e.TextDelta(1, "b")])
        again = [e.MessageClosed(1), e.MessageOpened(2, "m")]
        self.assertEqual(speech.message("m"), again)

    def test_a_whole_message_is_closed_by_what_is_noted_on_it(self) -> None:
        speech = Speech()
        speech.text("m", "a")
        self.assertEqual(speech.noted("m", ("{}",)), [])
        self.assertEqual(speech.whole_message("m", "ab", None), [e.TextDelta(0, "b")])
        self.assertEqual(speech.noted("m", ("{}",)), [e.Annotated(0, "{}"), e.MessageClosed(0)])
        self.assertEqual([speech.noted("m", ("{}",)), speech.noted("other", ("{}",))], [[], []])

    def test_a_whole_message_nothing_was_noted_on_is_closed_when_something_else_begins(self) -> None:
        begins: tuple[Callable[[Speech], list[e.Event]], ...] = (
            lambda speech: speech.message("n"),
            lambda speech: speech.text("n", "x"),
            lambda speech: speech.thought("r"),
            lambda speech: speech.search("ws"),
            lambda speech: speech.call(ToolCall("c", "f", "{}")),
            lambda speech: speech.fail(fault("idle")),
            lambda speech: speech.end("length", NOTHING),
        )
        for begin in begins:
            speech = Speech()
            speech.whole_message("m", "a", None)
            self.assertEqual(begin(speech)[0], e.MessageClosed(0))

    def test_an_answer_whose_message_was_never_whole_is_cut(self) -> None:
        whole, cut = Speech(), Speech()
        whole.whole_message("m", "a", None)
        cut.text("m", "a")
        for speech in (whole, cut):
            speech.end("stop", NOTHING)
        self.assertEqual((whole.cut, cut.cut), (False, True))

    def test_a_message_is_opened_once(self) -> None:
        speech = Speech()
        speech.message("m")
        self.assertEqual(speech.message("m"), [])


class SearchTests(SynchronousTestCase):
    def test_a_search_is_opened_and_closed_once(self) -> None:
        speech = Speech()
        self.assertEqual(speech.search("ws"), [e.Began(), e.SearchOpened(0, "ws")])
        self.assertEqual(speech.search("ws"), [])
        self.assertEqual(speech.searched("ws", "{}"), [e.SearchClosed(0, "{}")])
        self.assertEqual(speech.searched("ws", "{}"), [])

    def test_a_search_nobody_began_is_told_whole(self) -> None:
        said = Speech().searched("ws", None)
        self.assertEqual(said, [e.Began(), e.SearchOpened(0, "ws"), e.SearchClosed(0)])

    def test_a_search_that_is_left_open_ends_with_the_answer(self) -> None:
        for finish, complete in (("stop", True), ("length", False)):
            speech = Speech()
            speech.search("ws")
            closed = speech.end(finish, NOTHING)[0]  # type: ignore[arg-type]
            self.assertEqual(closed, e.SearchClosed(0, None, complete))


class ThoughtTests(SynchronousTestCase):
    def test_the_whole_says_the_parts_and_rests_of_parts_no_delta_did(self) -> None:
        speech = Speech()
        events = [*speech.summary("r", 0, "a"), *speech.open_thought("r", 0, "x")]
        events += speech.whole_thought("r", ("ab", "c"), ("xy",), "sealed")
        self.assertEqual(fold(events).items, (Reasoning(("ab", "c"), ("xy",), "sealed", "r"),))
        self.assertEqual(speech.whole_thought("r", ("again",), (), None), [])

    def test_an_empty_part_is_left_out_and_not_said_twice(self) -> None:
        speech = Speech()
        events = [*speech.summary("r", 1, "c"), *speech.whole_thought("r", ("", "c", "", "d"), (), None)]
        self.assertEqual(fold(events).items, (Reasoning(("c", "d"), id="r"),))

    def test_a_piece_for_an_earlier_part_joins_the_last(self) -> None:
        speech = Speech()
        events = [event for part in (0, 2, 1, 2, -1) for event in speech.summary("r", part, str(part))]
        self.assertEqual(
            [event.part for event in events if isinstance(event, e.SummaryDelta)], [0, 1, 1, 1, 1]
        )

    def test_a_message_may_open_before_a_thought_is_closed(self) -> None:
        speech = Speech()
        events = [
            *speech.summary("r", 0, "a"),
            *speech.text("m", "b"),
            *speech.whole_thought("r", ("a",), (), "s"),
        ]
        self.assertEqual(events[-1], e.ReasoningClosed(0, "s"))


class EndTests(SynchronousTestCase):
    def test_what_is_open_is_closed_in_order_as_cut_when_the_answer_was(self) -> None:
        for finish, complete in (
            ("stop", True),
            ("tool_calls", True),
            ("length", False),
            ("content_filter", False),
        ):
            speech = Speech()
            for id in ("a", "b"):
                speech.text(id, "x")
                speech.summary(id, 0, "x")
            closed = speech.end(finish, NOTHING)[:-2]  # type: ignore[arg-type]
            self.assertEqual(
                closed,
                [
                    e.MessageClosed(0, complete),
                    e.ReasoningClosed(1, None, complete),
                    e.MessageClosed(2, complete),
                    e.ReasoningClosed(3, None, complete),
                ],
            )

    def test_nothing_is_said_after_the_end(self) -> None:
        for end in (
            lambda speech: speech.end("stop", NOTHING),
            lambda speech: speech.fail(fault("idle")),
            Speech.hush,
        ):
            speech = Speech()
            speech.text("m", "a")
            speech.summary("r", 0, "a")
            end(speech)
            self.assertEqual([said for say in EVERYTHING for said in say(speech)], [])
            self.assertTrue(speech.over)

    def test_only_a_failure_is_broken(self) -> None:
        ended, failed = Speech(), Speech()
        ended.end("stop", NOTHING)
        ended.fail(fault("idle"))
        failed.fail(fault("idle"))
        self.assertEqual((ended.broken, failed.broken), (False, True))

    def test_everything_said_is_measured(self) -> None:
        speech = Speech()
        speech.text("m", "é")
        speech.whole_message("m", "éa", None)
        speech.summary("r", 0, "bc")
        speech.call(ToolCall("c", "f", "{}"))
        self.assertEqual(speech.size_bytes, 7)

    @given(st.data(), st.lists(pieces().filter(any), min_size=1, max_size=3), texts())
    def test_interleaved_messages_are_each_said_whole(
        self, data: st.DataObject, messages: list[list[str]], tail: str
    ) -> None:
        """Each message comes in deltas, of which the last are lost, and then whole."""
        speech, events = Speech(), []
        runs = [[*deltas, "".join(deltas) + tail] for deltas in messages]
        left = [len(deltas) for deltas in messages]
        for number, text in data.draw(merged(runs)):
            whole = left[number] == 0
            left[number] -= 1
            id = f"m{number}"
            events += speech.whole_message(id, text, None) if whole else speech.text(id, text)
        reply = fold([*events, *speech.end("stop", NOTHING)])
        found = {item.id: item.parts for item in reply.items if isinstance(item, Message)}
        self.assertEqual(found, {f"m{n}": (TextPart(run[-1]),) for n, run in enumerate(runs)})


EVERYTHING = (
    lambda speech: speech.message("m"),
    lambda speech: speech.text("m", "b"),
    lambda speech: speech.text("n", "b"),
    lambda speech: speech.whole_message("m", "ab", None),
    lambda speech: speech.noted("m", ("{}",)),
    lambda speech: speech.search("ws"),
    lambda speech: speech.searched("ws", None),
    lambda speech: speech.thought("r"),
    lambda speech: speech.summary("r", 0, "b"),
    lambda speech: speech.open_thought("s", 0, "b"),
    lambda speech: speech.whole_thought("r", ("ab",), (), None),
    lambda speech: speech.call(ToolCall("c", "f", "{}")),
    lambda speech: speech.end("stop", NOTHING),
    lambda speech: speech.fail(fault("idle")),
)
