"""Keys: where they come from, and where they never go."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.configuration.sources import Misconfigured
from codexd.settings import Upstream
from codexd.upstream.key import api_key

PLAIN = Upstream("a", "http://x/v1")
BY_VARIABLE = Upstream("a", "http://x/v1", key_env="KEY")
BY_FILE = Upstream("a", "http://x/v1", key_file="/key")


def no_file(path: str) -> str:
    raise FileNotFoundError(2, "No such file or directory", path)


class KeyTests(SynchronousTestCase):
    def problem(self, settings: Upstream, environ: dict[str, str], text: str | None = None) -> str:
        read = no_file if text is None else lambda path: text
        return str(self.assertRaises(Misconfigured, api_key, settings, environ, read))

    def test_it_is_in_a_variable_or_a_file_or_not_needed(self) -> None:
        self.assertEqual(api_key(BY_VARIABLE, {"KEY": "sk-1"}, no_file), "sk-1")
        self.assertEqual(api_key(BY_FILE, {}, {"/key": " sk-2\n"}.__getitem__), "sk-2")
        self.assertIsNone(api_key(PLAIN, {"KEY": "sk-1"}, no_file))

    def test_one_that_is_missing_is_told_with_its_place(self) -> None:
        self.assertIn("the variable KEY holds no key", self.problem(BY_VARIABLE, {}))
        self.assertIn("key_file /key cannot be read: No such file", self.problem(BY_FILE, {}))

    def test_one_that_no_header_can_carry_is_told_without_it(self) -> None:
        for text in ("", "sk-1\nsk-2", "sk-ä"):
            self.assertNotIn("sk-", self.problem(BY_FILE, {}, text))
