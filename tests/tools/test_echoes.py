"""A call and its echo."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.tools.echoes import Echoes, form


class EchoesTests(SynchronousTestCase):
    def test_equal_arguments_are_equal_however_they_are_written(self) -> None:
        self.assertEqual(form("f", '{"b": 1, "a": []}'), form("f", '{"a":[],"b":1}'))
        self.assertEqual(form("f", ""), form("f", "{}"))
        self.assertNotEqual(form("f", "{"), form("f", "{}"))

    @given(st.lists(st.tuples(st.booleans(), st.sampled_from("ab"))))
    def test_of_each_call_the_way_that_made_more_of_it_counts(self, calls: list[tuple[bool, str]]) -> None:
        echoes = Echoes()
        new = [echoes.make((name, "")) if made else echoes.write((name, "")) for made, name in calls]
        for name in "ab":
            counts = [calls.count((made, name)) for made in (True, False)]
            counted = sum(one for one, (_, called) in zip(new, calls, strict=True) if called == name)
            self.assertLessEqual(max(counts), counted)
            self.assertLessEqual(counted, sum(counts))

    def test_an_echo_is_expected_until_it_came(self) -> None:
        echoes, call = Echoes(), form("f", "{}")
        heard = [echoes.expects("f"), echoes.write(call), echoes.expects("f"), echoes.expects("g")]
        self.assertEqual(heard, [False, True, True, False])
        self.assertEqual([echoes.make(call), echoes.expects("f"), echoes.make(call)], [False, False, True])
