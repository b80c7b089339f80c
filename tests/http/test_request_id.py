from twisted.trial.unittest import SynchronousTestCase

from codexd.http.request_id import request_id


class RequestIdTests(SynchronousTestCase):
    def test_a_valid_id_of_the_client_is_used(self) -> None:
        for header in (b"a", b"req_1.2-3", b"x" * 128):
            self.assertEqual(request_id(header), header.decode())

    def test_an_invalid_id_is_replaced(self) -> None:
        for header in (None, b"", b"x" * 129, b"a b", b"a\n", b"\xc3\xa9", b"<script>"):
            self.assertRegex(request_id(header), r"^req_[0-9a-f]{32}$")

    def test_new_ids_differ(self) -> None:
        self.assertNotEqual(request_id(None), request_id(None))
