"""Tests of the defined faults."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.fault import Fault, FaultError, fault, kinds


class FaultTests(SynchronousTestCase):
    def test_every_kind_has_an_http_error_status_and_an_openai_type(self) -> None:
        for kind in kinds():
            built = fault(kind)
            self.assertEqual(built.kind, kind)
            self.assertTrue(400 <= built.status < 600, kind)
            self.assertTrue(built.type, kind)
            of_server = built.status >= 500 and built.status not in (501, 505)  # what this server does not implement
            self.assertEqual(built.type == "server_error", of_server, kind)

    def test_client_errors_are_not_to_be_retried(self) -> None:
        for kind in kinds():
            built = fault(kind)
            if built.status < 500 and built.status != 429:
                self.assertIs(built.should_retry, False, kind)

    def test_every_503_has_a_retry_time(self) -> None:
        for kind in kinds():
            if fault(kind).status == 503:
                self.assertIsNotNone(fault(kind).retry_after_seconds, kind)

    def test_a_message_and_a_param_replace_only_these_fields(self) -> None:
        plain = fault("busy")
        better = fault("busy", "Later.", param="model", retry_after_seconds=9.0)
        self.assertEqual(
            better,
            Fault(
                kind="busy",
                status=429,
                type=plain.type,
                code=plain.code,
                message="Later.",
                param="model",
                retry_after_seconds=9.0,
                should_retry=None,
            ),
        )
        self.assertEqual(fault("busy", param="model").message, plain.message)
        self.assertEqual(fault("busy").retry_after_seconds, 1.0)

    def test_an_undefined_kind_raises_key_error(self) -> None:
        with self.assertRaises(KeyError):
            fault("no such kind")

    def test_a_fault_error_carries_its_fault(self) -> None:
        error = FaultError(fault("missing", "Missing."))
        self.assertEqual(error.fault.kind, "missing")
        self.assertEqual(str(error), "('missing', 'Missing.')")
