"""What is said is a sentence, in the order in which it was said; after the end nothing is."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.chat.speech import Speech
from codexd.neutral import event as e
from codexd.neutral.fault import fault
from tests.support.chat_upstream import checked

MOVES = st.lists(
    st.sampled_from(("text", "refusal", "thought")).flatmap(
        lambda move: st.tuples(st.just(move), st.sampled_from(("", "a", "é")))
    )
    | st.tuples(st.just("note"), st.just("{}")),
    max_size=12,
)


class SpeechTests(SynchronousTestCase):
    @given(MOVES, st.booleans())
    def test_any_order_of_things_said_is_a_sentence_that_loses_nothing(
        self, moves: list[tuple[str, str]], fails: bool
    ) -> None:
        speech = Speech("t")
        events = [event for move, text in moves for event in getattr(speech, move)(text)]
        events += speech.fail(fault("idle")) if fails else speech.end("stop", e.Usage())
        checked(events)
        said = "".join(getattr(event, "text", "") for event in events)
        self.assertEqual(said, "".join(text for move, text in moves if move != "note"))
        self.assertEqual(speech.size_bytes, len(said.encode()))

    def test_after_the_end_nothing_is_said(self) -> None:
        speech = Speech("t")
        speech.end("stop", e.Usage())
        more = (speech.begin(), speech.text("a"), speech.refusal("a"), speech.thought("a"), speech.note("{}"))
        self.assertEqual((*more, speech.end("stop", e.Usage()), speech.fail(fault("idle"))), ([],) * 7)

    def test_a_call_closes_what_is_open_and_grows_beside_others(self) -> None:
        speech = Speech("t")
        events = speech.text("a")
        first, opened = speech.call("c1", "f", "function", None)
        events += opened
        second, opened = speech.call("c2", "f", "custom", "n")
        events += [*opened, *speech.argue(second, "y"), *speech.argue(first, "x"), *speech.argue(first, "")]
        events += [e.CallClosed(first), e.CallClosed(second), *speech.end("tool_calls", e.Usage())]
        kinds = [type(event).__name__ for event in checked(events)]
        self.assertEqual(
            kinds[1:6], ["MessageOpened", "TextDelta", "MessageClosed", "CallOpened", "CallOpened"]
        )
        self.assertEqual((first, second), (1, 2))
