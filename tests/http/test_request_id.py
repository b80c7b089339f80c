from twisted.trial.unittest import SynchronousTestCase

from codexd.http.request_id import request_id


class TestRequestId(SynchronousTestCase):
    def test_a_clients_own_harmless_id_is_kept(self) -> None:
        for given in (b"a", b"req_1.2-3", b"x" * 128):
            self.assertEqual(request_id(given), given.decode())

    def test_any_other_is_replaced(self) -> None:
        for given in (None, b"", b"x" * 129, b"a b", b"a\n", b"\xc3\xa9", b"<script>"):
            self.assertRegex(request_id(given), r"^req_[0-9a-f]{32}$")

    def test_new_ids_differ(self) -> None:
        self.assertNotEqual(request_id(None), request_id(None))
