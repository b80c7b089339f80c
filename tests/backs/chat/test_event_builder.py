"""The events are grammatical and in the order of the output; none follows the end."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.chat.event_builder import ChatEventBuilder
from codexd.neutral import event as e
from codexd.neutral.fault import fault
from tests.support.chat_chunks import check_sentence

MOVES = st.lists(
    st.sampled_from(("add_text", "add_refusal", "add_reasoning")).flatmap(
        lambda move: st.tuples(st.just(move), st.sampled_from(("", "a", "é")))
    )
    | st.tuples(st.just("annotate"), st.just("{}")),
    max_size=12,
)


class ChatEventBuilderTests(SynchronousTestCase):
    @given(MOVES, st.booleans())
    def test_any_order_of_output_is_grammatical_and_loses_nothing(
        self, moves: list[tuple[str, str]], fails: bool
    ) -> None:
        builder = ChatEventBuilder("t")
        events = [event for move, text in moves for event in getattr(builder, move)(text)]
        events += builder.fail(fault("idle_timeout")) if fails else builder.end("stop", e.Usage())
        check_sentence(events)
        said = "".join(getattr(event, "text", "") for event in events)
        self.assertEqual(said, "".join(text for move, text in moves if move != "annotate"))
        self.assertEqual(builder.size_bytes, len(said.encode()))

    def test_nothing_is_emitted_after_the_end(self) -> None:
        builder = ChatEventBuilder("t")
        builder.end("stop", e.Usage())
        more = (
            builder.begin(),
            builder.add_text("a"),
            builder.add_refusal("a"),
            builder.add_reasoning("a"),
            builder.annotate("{}"),
        )
        self.assertEqual((*more, builder.end("stop", e.Usage()), builder.fail(fault("idle_timeout"))), ([],) * 7)

    def test_a_call_closes_the_open_item_and_stays_open_beside_other_calls(self) -> None:
        builder = ChatEventBuilder("t")
        events = builder.add_text("a")
        first, opened = builder.open_call("c1", "f", "function", None)
        events += opened
        second, opened = builder.open_call("c2", "f", "custom", "n")
        events += [
            *opened,
            *builder.add_arguments(second, "y"),
            *builder.add_arguments(first, "x"),
            *builder.add_arguments(first, ""),
        ]
        events += [e.CallClosed(first), e.CallClosed(second), *builder.end("tool_calls", e.Usage())]
        kinds = [type(event).__name__ for event in check_sentence(events)]
        self.assertEqual(kinds[1:6], ["MessageOpened", "TextDelta", "MessageClosed", "CallOpened", "CallOpened"])
        self.assertEqual((first, second), (1, 2))
