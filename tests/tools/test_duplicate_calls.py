"""Tests of codexd.tools.duplicate_calls."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.tools.duplicate_calls import DuplicateCalls, call_key


class DuplicateCallsTests(SynchronousTestCase):
    def test_the_key_does_not_depend_on_the_format_of_the_arguments(self) -> None:
        self.assertEqual(call_key("f", '{"b": 1, "a": []}'), call_key("f", '{"a":[],"b":1}'))
        self.assertEqual(call_key("f", ""), call_key("f", "{}"))
        self.assertNotEqual(call_key("f", "{"), call_key("f", "{}"))

    @given(st.lists(st.tuples(st.booleans(), st.sampled_from("ab"))))
    def test_the_form_with_more_equal_calls_counts(self, calls: list[tuple[bool, str]]) -> None:
        duplicates = DuplicateCalls()
        new = [
            duplicates.add_structured_call((name, "")) if structured else duplicates.add_text_call((name, ""))
            for structured, name in calls
        ]
        for name in "ab":
            counts = [calls.count((structured, name)) for structured in (True, False)]
            counted = sum(one for one, (_, called) in zip(new, calls, strict=True) if called == name)
            self.assertLessEqual(max(counts), counted)
            self.assertLessEqual(counted, sum(counts))

    def test_a_duplicate_is_possible_until_it_came(self) -> None:
        duplicates, call = DuplicateCalls(), call_key("f", "{}")
        results = [
            duplicates.may_duplicate("f"),
            duplicates.add_text_call(call),
            duplicates.may_duplicate("f"),
            duplicates.may_duplicate("g"),
        ]
        self.assertEqual(results, [False, True, True, False])
        self.assertFalse(duplicates.add_structured_call(call))
        self.assertFalse(duplicates.may_duplicate("f"))
        self.assertTrue(duplicates.add_structured_call(call))
