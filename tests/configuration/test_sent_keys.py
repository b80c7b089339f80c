"""Keys of the environment are sent as a header can carry them, or refused without being shown."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.configuration import ConfigurationError
from codexd.configuration.sent_keys import read_api_key


class SentKeyTests(SynchronousTestCase):
    def test_the_first_variable_with_a_key_counts(self) -> None:
        self.assertEqual(read_api_key({"A": " ", "B": "sk-b", "C": "sk-c"}, "A", "B", "C"), "sk-b")
        self.assertIsNone(read_api_key({"A": ""}, "A", "B"))

    def test_white_space_around_a_key_is_not_sent(self) -> None:
        self.assertEqual(read_api_key({"A": "\tsk-a\r\n"}, "A"), "sk-a")

    def test_a_key_that_a_header_cannot_carry_is_refused_without_the_key(self) -> None:
        for key in ("sk-\r\nsecret", "sk-\x00secret", "sk-sécret", "sk-sec\u200bret", "sk- secret"):
            error = self.assertRaises(ConfigurationError, read_api_key, {"A": key}, "A")
            self.assertTrue(str(error).startswith("A: "))
            self.assertNotIn("sk-", str(error))
