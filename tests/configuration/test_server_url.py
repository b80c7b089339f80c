"""Addresses of servers are parsed whole, so that no connection is tried with a wrong one."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.configuration import ConfigurationError
from codexd.configuration.server_url import ServerUrl, parse_server_url


class ServerUrlTests(SynchronousTestCase):
    def test_an_address_has_a_host_and_perhaps_a_port_and_a_path(self) -> None:
        self.assertEqual(
            parse_server_url("https://[::1]:8443/v1/"),
            ServerUrl(text="https://[::1]:8443/v1/", is_secure=True, host="::1", port=8443, path="/v1"),
        )
        self.assertIsNone(parse_server_url("http://localhost").port)

    def test_a_wrong_address_is_refused_with_the_reason(self) -> None:
        for text, reason in (
            ("", "such as http://"),
            ("x", "such as http://"),
            ("ftp://x", "such as http://"),
            ("http://", "such as http://"),
            ("http://127.0.0.1:99999", "0-65535"),
            ("http://127.0.0.1:x", "integer"),
            ("http://[::1", "IPv6"),
            ("http://a b/", "space"),
            ("http://a/b\rc", "control"),
            ("http://a/é", "encoded"),
            ("http://a..b/", "name of a host"),
            (f"http://{'a' * 64}/", "name of a host"),
        ):
            error = self.assertRaises(ConfigurationError, parse_server_url, text)
            self.assertIn(reason, str(error), text)

    @given(st.text().map("http://".__add__) | st.text())
    def test_every_text_is_an_address_or_an_error(self, text: str) -> None:
        try:
            self.assertEqual(parse_server_url(text).text, text)
        except ConfigurationError as error:
            self.assertIn(repr(text), str(error))
