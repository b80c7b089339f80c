from twisted.trial.unittest import SynchronousTestCase

from codexd.http.request_id import begin_span, request_id, traceparent, tracestate


class RequestIdTests(SynchronousTestCase):
    def test_a_valid_id_of_the_client_is_used(self) -> None:
        for header in (b"a", b"req_1.2-3", b"x" * 128):
            self.assertEqual(request_id(header), header.decode())

    def test_an_invalid_id_is_replaced(self) -> None:
        for header in (None, b"", b"x" * 129, b"a b", b"a\n", b"\xc3\xa9", b"<script>"):
            self.assertRegex(request_id(header), r"^req_[0-9a-f]{32}$")

    def test_a_traceparent_of_a_higher_version_is_read_by_its_first_fields(self) -> None:
        ids = f"{'a' * 32}-{'b' * 16}"
        for given, expected in (
            (f"00-{ids}-03", f"00-{ids}-03"),
            (f"01-{ids}-01", f"00-{ids}-01"),
            (f"cc-{ids}-ff-what-the-future-brings", f"00-{ids}-01"),
            (f"cc-{ids}-00-", f"00-{ids}-00"),
        ):
            self.assertEqual(traceparent(given.encode()), expected)
            self.assertEqual(begin_span(given.encode(), 0.0).parent_id, "b" * 16)
        for given in (f"ff-{ids}-01", f"00-{ids}-01-more", f"01-{ids}-01more", f"01-{ids}-01-\n", f"CC-{ids}-01"):
            self.assertNotIn("a" * 32, traceparent(given.encode()), given)

    def test_a_tracestate_is_passed_on_if_it_is_short_and_printable(self) -> None:
        self.assertEqual(tracestate([b"a=1", b"b=2"]), "a=1,b=2")
        self.assertEqual(tracestate([b"x" * 512]), "x" * 512)
        for given in ([], [b""], [b"x" * 513], [b"a=\x01"], [b"\xc3\xa9"]):
            self.assertEqual(tracestate(given), "")

    def test_new_ids_differ(self) -> None:
        self.assertNotEqual(request_id(None), request_id(None))
