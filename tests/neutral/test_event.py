"""Tests of the events' values."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.event import Usage


class UsageTests(SynchronousTestCase):
    def test_the_total_is_the_sum_of_input_and_output_tokens(self) -> None:
        self.assertEqual(
            Usage(
                input_tokens=10, cached_tokens=4, cache_write_tokens=2, output_tokens=5, reasoning_tokens=3
            ).total_tokens,
            15,
        )
