from math import inf, nan

from hypothesis import given
from hypothesis.strategies import floats
from twisted.trial.unittest import SynchronousTestCase

from codexd.settings import Http, Range, Settings


class RangeTests(SynchronousTestCase):
    def test_above_excludes_its_limit_and_the_others_include_theirs(self) -> None:
        self.assertFalse(Range(above=0).contains(0))
        self.assertTrue(Range(minimum=0).contains(0))
        self.assertTrue(Range(above=0, maximum=1).contains(1))
        self.assertFalse(Range(above=0, maximum=1).contains(1.001))

    @given(floats(allow_nan=False, allow_infinity=False))
    def test_every_finite_number_is_in_the_widest_range(self, number: float) -> None:
        self.assertTrue(Range().contains(number))

    def test_infinity_and_not_a_number_are_never_in_range(self) -> None:
        self.assertEqual([Range().contains(number) for number in (inf, -inf, nan)], [False] * 3)

    def test_a_range_is_described_in_words(self) -> None:
        self.assertEqual(str(Range(above=0, maximum=1)), "above 0 and at most 1")


class SettingsTests(SynchronousTestCase):
    def test_keys_are_not_in_the_repr(self) -> None:
        shown = repr(Settings(http=Http(api_keys=("sk-secret",))))
        self.assertNotIn("sk-secret", shown)
        self.assertIn("listen", shown)
