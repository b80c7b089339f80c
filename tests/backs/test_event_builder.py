"""The events are grammatical however the child sends its items: in deltas, complete, interleaved, twice."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.event_builder import EventBuilder
from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.neutral.reply import fold
from codexd.neutral.turn import Message, Reasoning, TextPart, ToolCall
from tests.support.sentences import merged, pieces, texts

NOTHING = e.Usage()


def text_of(whole: str, *deltas: str) -> str:
    """Return the text of a message that arrived in deltas and then complete."""
    builder = EventBuilder()
    events = [event for delta in deltas for event in builder.add_text("m", delta)]
    return fold([*events, *builder.complete_message("m", whole, None)]).text


class MessageTests(SynchronousTestCase):
    def test_the_complete_text_adds_what_no_delta_brought(self) -> None:
        for deltas in ((), ("He",), ("He", "", "llo"), ("Hello",)):
            self.assertEqual(text_of("Hello", *deltas), "Hello")

    def test_a_complete_text_that_differs_from_the_deltas_adds_nothing(self) -> None:
        for whole in ("Howdy!", "He", "", "he llo there"):
            self.assertEqual(text_of(whole, "Hel"), "Hel")

    def test_an_empty_delta_opens_its_message_and_adds_no_text(self) -> None:
        builder = EventBuilder()
        self.assertEqual(builder.add_text("m", ""), [e.Began(), e.MessageOpened(0, "m")])
        self.assertEqual(builder.add_text("m", ""), [])

    def test_a_closed_message_accepts_no_text_until_it_is_started_again(self) -> None:
        builder = EventBuilder()
        builder.complete_message("m", "a", None)
        self.assertEqual([builder.add_text("m", "b"), builder.complete_message("m", "ab", None)], [[], []])
        self.assertEqual(builder.annotate_message("m", ()), [e.MessageClosed(0)])
        self.assertEqual([builder.add_text("m", "b"), builder.complete_message("m", "ab", None)], [[], []])
        self.assertEqual(builder.open_message("m", "commentary"), [e.MessageOpened(1, "m", "commentary")])
        self.assertEqual(builder.complete_message("m", "b", None), [e.TextDelta(1, "b")])
        again = [e.MessageClosed(1), e.MessageOpened(2, "m")]
        self.assertEqual(builder.open_message("m"), again)

    def test_a_complete_message_is_closed_by_its_annotations(self) -> None:
        builder = EventBuilder()
        builder.add_text("m", "a")
        self.assertEqual(builder.annotate_message("m", ("{}",)), [])
        self.assertEqual(builder.complete_message("m", "ab", None), [e.TextDelta(0, "b")])
        self.assertEqual(builder.annotate_message("m", ("{}",)), [e.Annotated(0, "{}"), e.MessageClosed(0)])
        self.assertEqual([builder.annotate_message("m", ("{}",)), builder.annotate_message("other", ("{}",))], [[], []])

    def test_a_complete_message_without_annotations_is_closed_by_the_next_item(self) -> None:
        begins: tuple[Callable[[EventBuilder], list[e.Event]], ...] = (
            lambda builder: builder.open_message("n"),
            lambda builder: builder.add_text("n", "x"),
            lambda builder: builder.open_reasoning("r"),
            lambda builder: builder.open_search("ws"),
            lambda builder: builder.add_call(ToolCall(call_id="c", name="f", arguments="{}")),
            lambda builder: builder.fail(fault("idle_timeout")),
            lambda builder: builder.end("length", NOTHING),
        )
        for begin in begins:
            builder = EventBuilder()
            builder.complete_message("m", "a", None)
            self.assertEqual(begin(builder)[0], e.MessageClosed(0))

    def test_a_message_that_never_became_complete_is_reported(self) -> None:
        whole, cut = EventBuilder(), EventBuilder()
        whole.complete_message("m", "a", None)
        cut.add_text("m", "a")
        for builder in (whole, cut):
            builder.end("stop", NOTHING)
        self.assertEqual((whole.has_incomplete_message, cut.has_incomplete_message), (False, True))

    def test_a_message_is_opened_once(self) -> None:
        builder = EventBuilder()
        builder.open_message("m")
        self.assertEqual(builder.open_message("m"), [])


class SearchTests(SynchronousTestCase):
    def test_a_search_is_opened_and_closed_once(self) -> None:
        builder = EventBuilder()
        self.assertEqual(builder.open_search("ws"), [e.Began(), e.SearchOpened(0, "ws")])
        self.assertEqual(builder.open_search("ws"), [])
        self.assertEqual(builder.close_search("ws", "{}"), [e.SearchClosed(0, "{}")])
        self.assertEqual(builder.close_search("ws", "{}"), [])

    def test_a_search_that_was_not_opened_is_opened_and_closed(self) -> None:
        said = EventBuilder().close_search("ws", None)
        self.assertEqual(said, [e.Began(), e.SearchOpened(0, "ws"), e.SearchClosed(0)])

    def test_an_open_search_is_closed_with_the_response(self) -> None:
        for finish, complete in (("stop", True), ("length", False)):
            builder = EventBuilder()
            builder.open_search("ws")
            closed = builder.end(finish, NOTHING)[0]  # type: ignore[arg-type]
            self.assertEqual(closed, e.SearchClosed(0, None, complete))


class ReasoningTests(SynchronousTestCase):
    def test_the_complete_item_adds_missing_parts_and_text(self) -> None:
        builder = EventBuilder()
        events = [*builder.add_summary("r", 0, "a"), *builder.add_reasoning("r", 0, "x")]
        events += builder.complete_reasoning("r", ("ab", "c"), ("xy",), "sealed")
        self.assertEqual(
            fold(events).items, (Reasoning(summary=("ab", "c"), content=("xy",), encrypted="sealed", id="r"),)
        )
        self.assertEqual(builder.complete_reasoning("r", ("again",), (), None), [])

    def test_an_empty_part_gets_no_number(self) -> None:
        builder = EventBuilder()
        events = [
            *builder.add_summary("r", 1, "c"),
            *builder.complete_reasoning("r", ("", "c", "", "d"), (), None),
        ]
        self.assertEqual(fold(events).items, (Reasoning(summary=("c", "d"), id="r"),))

    def test_text_for_an_earlier_part_is_added_to_the_last_part(self) -> None:
        builder = EventBuilder()
        events = [event for part in (0, 2, 1, 2, -1) for event in builder.add_summary("r", part, str(part))]
        self.assertEqual([event.part for event in events if isinstance(event, e.SummaryDelta)], [0, 1, 1, 1, 1])

    def test_a_message_may_open_before_reasoning_is_closed(self) -> None:
        builder = EventBuilder()
        events = [
            *builder.add_summary("r", 0, "a"),
            *builder.add_text("m", "b"),
            *builder.complete_reasoning("r", ("a",), (), "s"),
        ]
        self.assertEqual(events[-1], e.ReasoningClosed(0, "s"))


class EndTests(SynchronousTestCase):
    def test_open_items_are_closed_in_order_as_incomplete_if_the_response_was_cut(self) -> None:
        for finish, complete in (
            ("stop", True),
            ("tool_calls", True),
            ("length", False),
            ("content_filter", False),
        ):
            builder = EventBuilder()
            for id in ("a", "b"):
                builder.add_text(id, "x")
                builder.add_summary(id, 0, "x")
            closed = builder.end(finish, NOTHING)[:-2]  # type: ignore[arg-type]
            self.assertEqual(
                closed,
                [
                    e.MessageClosed(0, complete),
                    e.ReasoningClosed(1, None, complete),
                    e.MessageClosed(2, complete),
                    e.ReasoningClosed(3, None, complete),
                ],
            )

    def test_nothing_is_emitted_after_the_end(self) -> None:
        for end in (
            lambda builder: builder.end("stop", NOTHING),
            lambda builder: builder.fail(fault("idle_timeout")),
            EventBuilder.stop,
        ):
            builder = EventBuilder()
            builder.add_text("m", "a")
            builder.add_summary("r", 0, "a")
            end(builder)
            self.assertEqual([said for say in EVERYTHING for said in say(builder)], [])
            self.assertTrue(builder.ended)

    def test_only_a_failure_sets_failed(self) -> None:
        ended, failed = EventBuilder(), EventBuilder()
        ended.end("stop", NOTHING)
        ended.fail(fault("idle_timeout"))
        failed.fail(fault("idle_timeout"))
        self.assertEqual((ended.failed, failed.failed), (False, True))

    def test_all_output_counts_in_the_size(self) -> None:
        builder = EventBuilder()
        builder.add_text("m", "é")
        builder.complete_message("m", "éa", None)
        builder.add_summary("r", 0, "bc")
        builder.add_call(ToolCall(call_id="c", name="f", arguments="{}"))
        self.assertEqual(builder.size_bytes, 7)

    @given(st.data(), st.lists(pieces().filter(any), min_size=1, max_size=3), texts())
    def test_interleaved_messages_are_each_complete(
        self, data: st.DataObject, messages: list[list[str]], tail: str
    ) -> None:
        """Each message arrives in deltas, of which the last are lost, and then complete."""
        builder, events = EventBuilder(), []
        runs = [[*deltas, "".join(deltas) + tail] for deltas in messages]
        left = [len(deltas) for deltas in messages]
        for number, text in data.draw(merged(runs)):
            whole = left[number] == 0
            left[number] -= 1
            id = f"m{number}"
            events += builder.complete_message(id, text, None) if whole else builder.add_text(id, text)
        reply = fold([*events, *builder.end("stop", NOTHING)])
        found = {item.id: item.parts for item in reply.items if isinstance(item, Message)}
        self.assertEqual(found, {f"m{n}": (TextPart(run[-1]),) for n, run in enumerate(runs)})


EVERYTHING = (
    lambda builder: builder.open_message("m"),
    lambda builder: builder.add_text("m", "b"),
    lambda builder: builder.add_text("n", "b"),
    lambda builder: builder.complete_message("m", "ab", None),
    lambda builder: builder.annotate_message("m", ("{}",)),
    lambda builder: builder.open_search("ws"),
    lambda builder: builder.close_search("ws", None),
    lambda builder: builder.open_reasoning("r"),
    lambda builder: builder.add_summary("r", 0, "b"),
    lambda builder: builder.add_reasoning("s", 0, "b"),
    lambda builder: builder.complete_reasoning("r", ("ab",), (), None),
    lambda builder: builder.add_call(ToolCall(call_id="c", name="f", arguments="{}")),
    lambda builder: builder.end("stop", NOTHING),
    lambda builder: builder.fail(fault("idle_timeout")),
)
