from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.scripted.limits import Said, shortened, stopped
from codexd.scripted.plan import Call, Completed, Cut, Incomplete, Message, Thought

SAID: Said = ((Thought(("hm ", "hm")), Message(("one ", "two ", "", "three")), Call("f", ("{}",))), Cut())
PIECES = st.lists(st.text("abEN", max_size=3), max_size=6).map(tuple)


def texts(said: Said) -> list[str]:
    return [step.text for step in said[0] if isinstance(step, Message | Thought)]


class StopTests(SynchronousTestCase):
    def test_the_answer_ends_before_the_first_of_them_and_ends_well(self) -> None:
        self.assertEqual(
            stopped(SAID, ("three", "o t")),
            ((Thought(("hm ", "hm")), Message(("one ", "tw"))), Completed()),
        )

    def test_thoughts_and_calls_do_not_stop_it(self) -> None:
        self.assertEqual(stopped(SAID, ("hm", "{}", "four")), SAID)

    @given(PIECES, st.text("abEN", min_size=1, max_size=2))
    def test_what_is_left_is_the_text_before_it(self, pieces: tuple[str, ...], stop: str) -> None:
        left = stopped(((Message(pieces),), Completed()), (stop,))
        self.assertEqual(texts(left), ["".join(pieces).partition(stop)[0]])


class TokenTests(SynchronousTestCase):
    def test_deltas_with_text_are_counted_over_all_items(self) -> None:
        cut = (Thought(("hm ", "hm")), Message(("one ", "two ")))
        self.assertEqual(shortened(SAID, 4), (cut, Incomplete("max_output_tokens")))
        self.assertEqual(shortened(SAID, 1), ((Thought(("hm ",)),), Incomplete("max_output_tokens")))

    def test_an_answer_that_needs_no_more_stays_as_it_is(self) -> None:
        for most in (5, 6, None):
            self.assertIs(shortened(SAID, most), SAID)
