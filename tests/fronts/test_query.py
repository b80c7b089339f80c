"""codexd.fronts.query: strict parsing of a URL's query."""

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.query import Query
from codexd.neutral.fault import FaultError


class QueryTests(SynchronousTestCase):
    """Parameters are parsed, or rejected by name."""

    def refused(self, read: Callable[[], Any]) -> str | None:
        with self.assertRaises(FaultError) as caught:
            read()
        self.assertEqual((caught.exception.fault.kind, caught.exception.fault.status), ("wrong_value", 400))
        return caught.exception.fault.param

    def test_an_absent_or_empty_parameter_is_none(self) -> None:
        for said in ({}, {"n": []}, {"n": [""]}):
            query = Query(said)
            self.assertIsNone(query.text("n"))
            self.assertIsNone(query.integer("n", 1, 9))
            self.assertIsNone(query.choice("n", ("a",)))
            self.assertFalse(query.flag("n"))

    def test_a_repeated_parameter_is_rejected(self) -> None:
        self.assertEqual(self.refused(lambda: Query({"n": ["1", "1"]}).text("n")), "n")

    def test_integers_stay_within_their_limits(self) -> None:
        self.assertEqual([Query({"n": [text]}).integer("n", -1, 9) for text in ("-1", "0", "09")], [-1, 0, 9])
        for text in ("-2", "10", "1.0", "one", " 1", "1_0", "\uff19", "9" * 5000):
            self.assertEqual(self.refused(lambda text=text: Query({"n": [text]}).integer("n", -1, 9)), "n")

    def test_flags_are_true_or_false(self) -> None:
        self.assertEqual([Query({"n": [text]}).flag("n") for text in ("true", "1", "false", "0")], [1, 1, 0, 0])
        self.assertEqual(self.refused(lambda: Query({"n": ["yes"]}).flag("n")), "n")

    def test_choices_are_among_the_allowed(self) -> None:
        self.assertEqual(Query({"n": ["asc"]}).choice("n", ("asc", "desc")), "asc")
        self.assertEqual(self.refused(lambda: Query({"n": ["up"]}).choice("n", ("asc", "desc"))), "n")

    def test_lists_have_two_spellings(self) -> None:
        self.assertEqual(Query({"n": ["a", "b"], "n[]": ["c"], "m": ["d"]}).texts("n"), ("a", "b", "c"))
        self.assertEqual(Query({}).texts("n"), ())

    @given(st.lists(st.text(), max_size=2))
    def test_nothing_raises_anything_else(self, values: list[str]) -> None:
        query = Query({"n": values})
        for read in (query.text, query.flag, query.texts, lambda name: query.integer(name, 0, 9)):
            try:
                read("n")
            except FaultError as refused:
                self.assertEqual(refused.fault.param, "n")
