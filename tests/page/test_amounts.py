from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.page.amounts import duration, number, shorten, size


class AmountTests(SynchronousTestCase):
    def test_durations(self) -> None:
        for seconds, shown in (
            (None, "-"),
            (0.0, "0 ms"),
            (0.3204, "320 ms"),
            (4.25, "4.2 s"),
            (59.0, "59.0 s"),
            (185.9, "3 min 5 s"),
            (7440.0, "2 h 4 min"),
            (266400.0, "3 d 2 h"),
        ):
            self.assertEqual(duration(seconds), shown)

    @given(st.floats(0, 1e10))
    def test_every_duration_can_be_shown(self, seconds: float) -> None:
        self.assertTrue(duration(seconds)[0].isdigit())

    def test_only_long_texts_are_shortened(self) -> None:
        self.assertEqual((shorten("abcd", 4), shorten("abcde", 4)), ("abcd", "abc…"))

    def test_sizes_and_numbers(self) -> None:
        for count, shown in (
            (0, "0 B"),
            (1023, "1023 B"),
            (1536, "1.5 KiB"),
            (12 * 2**20, "12.0 MiB"),
            (2**60, "1048576.0 TiB"),
        ):
            self.assertEqual(size(count), shown)
        self.assertEqual(number(1234567), "1,234,567")
