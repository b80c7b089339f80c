"""Tests of the error responses."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.scripted.errors import error_for_code, error_for_status
from codexd.wire.json import decode


class ErrorTests(SynchronousTestCase):
    def test_the_envelope_has_all_four_members(self) -> None:
        for error in (
            error_for_status(404),
            error_for_status(418),
            error_for_status(502),
            error_for_code("server_is_overloaded"),
        ):
            self.assertEqual(set(decode(error.body)["error"]), {"message", "type", "param", "code"})

    def test_statuses_have_openai_s_types_and_codes(self) -> None:
        for status, type, code in [
            (401, "invalid_request_error", "invalid_api_key"),
            (418, "invalid_request_error", None),
            (429, "requests", "rate_limit_exceeded"),
            (500, "server_error", None),
            (599, "server_error", None),
        ]:
            error = error_for_status(status)
            self.assertEqual((error.status, error.type, error.code), (status, type, code))

    def test_codes_have_openai_s_statuses(self) -> None:
        for code, status in [
            ("rate_limit_exceeded", 429),
            ("insufficient_quota", 429),
            ("context_length_exceeded", 400),
            ("server_is_overloaded", 503),
            ("anything_else", 500),
        ]:
            error = error_for_code(code)
            self.assertEqual((error.status, error.code), (status, code))
