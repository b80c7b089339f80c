"""The error vocabulary."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.fault import Fault, Refused, fault, kinds


class FaultTests(SynchronousTestCase):
    def test_every_kind_is_an_error_to_http_and_to_openai(self) -> None:
        for kind in kinds():
            named = fault(kind)
            self.assertEqual(named.kind, kind)
            self.assertTrue(400 <= named.status < 600, kind)
            self.assertTrue(named.type, kind)
            self.assertEqual(named.type == "server_error", named.status >= 500, kind)

    def test_what_the_client_did_wrong_is_not_worth_a_retry(self) -> None:
        for kind in kinds():
            named = fault(kind)
            if named.status < 500 and named.status != 429:
                self.assertIs(named.should_retry, False, kind)

    def test_what_can_be_waited_out_says_for_how_long(self) -> None:
        for kind in kinds():
            if fault(kind).status == 503:
                self.assertIsNotNone(fault(kind).retry_after_seconds, kind)

    def test_a_better_message_and_the_field_replace_only_themselves(self) -> None:
        plain = fault("busy")
        better = fault("busy", "Later.", param="model", retry_after_seconds=9.0)
        self.assertEqual(better, Fault("busy", 429, plain.type, plain.code, "Later.", "model", 9.0, None))
        self.assertEqual(fault("busy", param="model").message, plain.message)
        self.assertEqual(fault("busy").retry_after_seconds, 1.0)

    def test_a_kind_outside_the_vocabulary_is_a_defect(self) -> None:
        with self.assertRaises(KeyError):
            fault("no such kind")

    def test_what_crosses_a_ring_carries_its_fault(self) -> None:
        refused = Refused(fault("missing", "Missing."))
        self.assertEqual(refused.fault.kind, "missing")
        self.assertEqual(str(refused), "('missing', 'Missing.')")
