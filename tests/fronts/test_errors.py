"""Faults in OpenAI's envelope."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts import errors
from codexd.neutral.fault import fault, kinds
from codexd.wire import json


class ErrorTests(SynchronousTestCase):
    def test_all_four_members_are_always_there(self) -> None:
        for kind in kinds():
            error = json.decode(errors.render(fault(kind)))["error"]
            self.assertEqual(set(error), {"message", "type", "param", "code"})

    def test_an_error_says_what_the_fault_says(self) -> None:
        self.assertEqual(
            errors.envelope(fault("missing", "Missing.", param="messages[0].role")),
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
            self.assertEqual(errors.headers(named), tuple(headers))

    def test_who_is_not_let_in_is_told_how_to_ask(self) -> None:
        self.assertIn(
            (b"www-authenticate", b'Bearer realm="codexd"'), errors.headers(fault("invalid_api_key"))
        )


class AbsentTests(SynchronousTestCase):
    """What is not kept is told in OpenAI's words."""

    def test_it_is_named(self) -> None:
        wrong = errors.absent("item_not_found", "Item", "msg_1", "input")
        self.assertEqual((wrong.status, wrong.param), (404, "input"))
        self.assertEqual(wrong.message, "Item with id 'msg_1' not found.")

    def test_of_a_long_name_only_the_beginning_is_repeated(self) -> None:
        self.assertLess(len(errors.absent("item_not_found", "Item", "m" * 10**5).message), 200)
