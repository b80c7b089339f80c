"""Tests of the shapes of deltas."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.scripted.delta_shapes import is_shape, split

SHAPES = st.sampled_from(["words", "chars", "repeats", "empty", "whole", "few", "random:1", "random:x"])
TEXTS = st.text() | st.text("ab1 \n", max_size=40)


class SplitTests(SynchronousTestCase):
    @given(TEXTS, SHAPES)
    def test_the_concatenated_deltas_are_the_text(self, text: str, shape: str) -> None:
        self.assertEqual("".join(split(text, shape)), text)

    @given(TEXTS, SHAPES.filter(lambda shape: shape != "empty"))
    def test_only_the_shape_empty_has_empty_deltas(self, text: str, shape: str) -> None:
        self.assertNotIn("", split(text, shape))

    @given(TEXTS)
    def test_repeats_are_split_where_a_piece_begins_with_the_end_of_the_previous_one(self, text: str) -> None:
        at = 0
        for delta in split(text, "repeats")[:-1]:
            at += len(delta)
            self.assertTrue(any(text[at - n : at] == text[at : at + n] for n in range(1, min(at, 8) + 1)))

    def test_examples_of_repeats(self) -> None:
        for text, deltas in [
            ("book", ("bo", "ok")),
            ("1100", ("1", "10", "0")),
            ("haha", ("ha", "ha")),
            ("\n\n", ("\n", "\n")),
            ("plain", ("plain",)),
        ]:
            self.assertEqual(split(text, "repeats"), deltas)

    def test_a_word_keeps_its_following_space(self) -> None:
        self.assertEqual(split(" a  b\nc ", "words"), (" ", "a  ", "b\n", "c "))

    def test_empty_deltas_are_between_words(self) -> None:
        self.assertEqual(split("a b c", "empty"), ("a ", "", "b ", "", "c"))

    def test_few_are_at_most_four(self) -> None:
        self.assertEqual(split('{"x":1}', "few"), ('{"', 'x"', ":1", "}"))
        self.assertEqual(split("", "few"), ())

    def test_a_seed_determines_the_random_deltas(self) -> None:
        text = "the same text, cut again and again"
        self.assertEqual(split(text, "random:7"), split(text, "random:7"))
        self.assertNotEqual(split(text, "random:7"), split(text, "random:8"))

    def test_other_names_are_not_shapes(self) -> None:
        self.assertTrue(is_shape("random:") and is_shape("chars"))
        self.assertFalse(is_shape("round") or is_shape(""))
