"""What a page shows is compared with what a command printed."""

from twisted.trial.unittest import SynchronousTestCase

from tests.documentation.comparison import find_difference, matches_text


class TextTests(SynchronousTestCase):
    def test_equal_texts_match(self) -> None:
        self.assertTrue(matches_text("a\nb\n", "a\nb\n"))
        self.assertFalse(matches_text("a\nb\n", "a\nc\n"))
        self.assertFalse(matches_text("a\n", "a\nb\n"))

    def test_three_dots_are_any_text_in_a_line(self) -> None:
        self.assertTrue(matches_text("id=... ok\n", "id=req_1 ok\n"))
        self.assertFalse(matches_text("id=... ok\n", "id=req_1\nok\n"))

    def test_a_line_of_three_dots_is_any_number_of_lines(self) -> None:
        self.assertTrue(matches_text("a\n...\nz\n", "a\nz\n"))
        self.assertTrue(matches_text("a\n...\nz\n", "a\nb\nc\nz\n"))
        self.assertFalse(matches_text("a\n...\nz\n", "a\nb\n"))


class JsonTests(SynchronousTestCase):
    def test_members_may_be_left_out_of_what_is_shown(self) -> None:
        self.assertIsNone(find_difference({"a": 1, "c": [{"d": True}]}, {"a": 2, "b": 3, "c": [{"d": True}, 4]}))

    def test_a_member_that_was_not_received_is_a_difference(self) -> None:
        problem = find_difference({"a": {"b": 1}}, {"a": {"c": 1}})
        self.assertEqual(problem, "$.a.b: is shown, but was not received; received were c")

    def test_strings_and_constants_must_be_equal_and_numbers_numbers(self) -> None:
        self.assertIsNone(find_difference({"id": "resp_...", "n": 1.5, "x": None}, {"id": "resp_1", "n": 2, "x": None}))
        strings = (("a", "b"), ("a...", "b"), ("1", 1))
        for shown, received in (*strings, (True, 1), (1, True), (None, 0), (1, "1"), ([1], []), ({}, [])):
            self.assertIsNotNone(find_difference([shown], [received]), f"{shown} {received}")
