"""Tests of codexd.upstream.api_key."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.configuration.sources import ConfigurationError
from codexd.settings import Upstream
from codexd.upstream.api_key import load_api_key

PLAIN = Upstream(name="a", base_url="http://x/v1")
BY_VARIABLE = Upstream(name="a", base_url="http://x/v1", key_env="KEY")
BY_FILE = Upstream(name="a", base_url="http://x/v1", key_file="/key")


def raise_not_found(path: str) -> str:
    raise FileNotFoundError(2, "No such file or directory", path)


class LoadApiKeyTests(SynchronousTestCase):
    def problem(self, settings: Upstream, environ: dict[str, str], text: str | None = None) -> str:
        read = raise_not_found if text is None else lambda path: text
        return str(self.assertRaises(ConfigurationError, load_api_key, settings, environ, read))

    def test_the_key_is_read_from_a_variable_or_a_file_or_is_not_needed(self) -> None:
        self.assertEqual(load_api_key(BY_VARIABLE, {"KEY": "sk-1"}, raise_not_found), "sk-1")
        self.assertEqual(load_api_key(BY_FILE, {}, {"/key": " sk-2\n"}.__getitem__), "sk-2")
        self.assertIsNone(load_api_key(PLAIN, {"KEY": "sk-1"}, raise_not_found))

    def test_the_error_for_a_missing_key_names_its_source(self) -> None:
        self.assertIn("the variable KEY contains no API key", self.problem(BY_VARIABLE, {}))
        self.assertIn("key_file /key cannot be read: No such file", self.problem(BY_FILE, {}))

    def test_the_error_for_an_invalid_key_does_not_contain_the_key(self) -> None:
        for text in ("", "sk-1\nsk-2", "sk-ä"):
            message = self.problem(BY_FILE, {}, text)
            self.assertIn("key_file /key must contain" if text else "key_file /key contains no", message)
            self.assertNotIn("sk-", message)
