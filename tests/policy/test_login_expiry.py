from twisted.trial.unittest import SynchronousTestCase

from codexd.policy.login_expiry import find_due_warning

DAY, HOUR = 86400.0, 3600.0


class LoginExpiryTests(SynchronousTestCase):
    def test_a_token_that_lasts_long_is_warned_of_a_day_and_an_hour_before_its_end_and_then(self) -> None:
        end = 10 * DAY
        for now, due in ((end - DAY - 1, None), (end - DAY, 86400), (end - HOUR, 3600), (end, 0), (end + DAY, 0)):
            self.assertEqual(find_due_warning(0, end, now), due)

    def test_a_short_token_is_warned_of_only_at_its_end(self) -> None:
        for now, due in ((0.0, None), (HOUR - 1, None), (HOUR, 0)):
            self.assertEqual(find_due_warning(0, HOUR, now), due)
