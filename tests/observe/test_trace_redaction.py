from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.observe.trace_redaction import Redaction

KEY = b"k-0123456789"


class RedactionTests(SynchronousTestCase):
    def test_headers_with_keys_and_cookies_keep_only_their_names(self) -> None:
        headers = (
            (b"Authorization", b"Bearer " + KEY),
            (b"X-Api-Key", KEY),
            (b"Cookie", b"session=1"),
            (b"Content-Type", b"application/json"),
            (b"X-Ratelimit-Limit-Tokens", b"100"),
        )
        self.assertEqual(
            list(Redaction(headers).apply_to_headers(headers)),
            [(name, b"***") for name, _ in headers[:3]] + list(headers[3:]),
        )

    def test_the_key_of_the_request_is_removed_wherever_it_occurs(self) -> None:
        redaction = Redaction(((b"authorization", b"Bearer " + KEY),))
        self.assertEqual(redaction.apply(b"my key is " + KEY + b"!"), b"my key is ***!")

    def test_members_that_are_named_as_keys_lose_their_text(self) -> None:
        redaction = Redaction(())
        for given_text, expected in (
            (b'{"authorization": "Token a\\"b", "a": 1}', b'{"authorization": "***", "a": 1}'),
            (b'{"headers":{"X-API-Key":"abc"}}', b'{"headers":{"X-API-Key":"***"}}'),
            (b'"{\\"api_key\\":\\"abc\\"}"', b'"{\\"api_key\\":\\"***\\"}"'),
            (b'{"api_key":{"type":"string"}}', b'{"api_key":{"type":"string"}}'),
            (b"curl -H 'authorization: Bearer abcdefgh1'", b"curl -H 'authorization: Bearer ***'"),
            (b"sk-abcdefghijklmnop", b"sk-***"),
        ):
            self.assertEqual(redaction.apply(given_text), expected)

    def test_query_parameters_that_are_named_as_keys_lose_their_values(self) -> None:
        redaction = Redaction(())
        for path, expected in (
            (b"/v1/x?api_key=abc&a=1&key=d&token=e", b"/v1/x?api_key=***&a=1&key=***&token=***"),
            (b"/v1/x?Access_Token=a%20b&sig=c#f", b"/v1/x?Access_Token=***&sig=***#f"),
            (b"/v1/x?api%5Fkey=abc&%6Bey=d", b"/v1/x?api%5Fkey=***&%6Bey=***"),
            (b"/v1/x?limit=10&key", b"/v1/x?limit=10&key"),
        ):
            self.assertEqual(redaction.apply_to_url(path), expected)
            headers = ((b"Referer", b"http://a" + path),)
            self.assertEqual(list(redaction.apply_to_headers(headers)), [(b"Referer", b"http://a" + expected)])

    @given(st.binary(), st.binary(), st.binary(min_size=8, max_size=40).filter(lambda key: b" " not in key))
    def test_no_key_of_the_request_is_left(self, before: bytes, after: bytes, key: bytes) -> None:
        redaction = Redaction(((b"authorization", b"Bearer " + key),))
        self.assertNotIn(key, redaction.apply(before + key + after).replace(b"***", b" "))
