"""Faults as OpenAI's error object."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts import errors
from codexd.neutral.fault import fault, kinds
from codexd.wire import json


class ErrorTests(SynchronousTestCase):
    def test_all_four_members_are_always_there(self) -> None:
        for kind in kinds():
            error = json.decode(errors.render_error(fault(kind)))["error"]
            self.assertEqual(set(error), {"message", "type", "param", "code"})

    def test_an_error_says_what_the_fault_says(self) -> None:
        self.assertEqual(
            errors.build_error_object(fault("missing", "Missing.", param="messages[0].role")),
            {
                "error": {
                    "message": "Missing.",
                    "type": "invalid_request_error",
                    "param": "messages[0].role",
                    "code": "missing_required_parameter",
                }
            },
        )

    def test_headers_say_when_and_whether_to_try_again(self) -> None:
        for kind, seconds, headers in (
            ("busy", 0.2, [(b"retry-after", b"1")]),
            ("busy", 1.2, [(b"retry-after", b"2")]),
            ("busy", 60.0, [(b"retry-after", b"60")]),
            ("missing", None, [(b"x-should-retry", b"false")]),
            ("model_failed", None, []),
        ):
            named = fault(kind, retry_after_seconds=seconds)
            self.assertEqual(errors.error_headers(named), tuple(headers))

    def test_a_401_has_a_challenge(self) -> None:
        self.assertIn((b"www-authenticate", b'Bearer realm="codexd"'), errors.error_headers(fault("invalid_api_key")))


class NotFoundTests(SynchronousTestCase):
    """Missing objects are reported in OpenAI's words."""

    def test_the_message_names_it(self) -> None:
        wrong = errors.not_found("item_not_found", "Item", "msg_1", "input")
        self.assertEqual((wrong.status, wrong.param), (404, "input"))
        self.assertEqual(wrong.message, "Item with id 'msg_1' not found.")

    def test_only_the_beginning_of_a_long_name_is_echoed(self) -> None:
        self.assertLess(len(errors.not_found("item_not_found", "Item", "m" * 10**5).message), 200)
