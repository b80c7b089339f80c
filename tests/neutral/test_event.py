"""Events are values."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.event import Usage


class UsageTests(SynchronousTestCase):
    def test_the_total_is_input_and_output_as_the_details_are_inside_them(self) -> None:
        self.assertEqual(Usage(10, 4, 2, 5, 3).total_tokens, 15)
