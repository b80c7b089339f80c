"""The ends of reads."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.upstream.reads import Reads


class ReadsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reads = Reads()
        self.done: list[str] = []

    def wait(self, name: str) -> None:
        self.reads.at_end(lambda: self.done.append(name))

    def test_what_waits_is_done_when_all_was_handed_on(self) -> None:
        def receive(data: bytes) -> None:
            self.wait("a")
            self.wait("b")
            self.done.append(data.decode())

        self.reads.bring(receive, b"data")
        self.assertEqual(self.done, ["data", "a", "b"])

    def test_outside_of_a_read_nothing_waits(self) -> None:
        self.reads.bring(lambda _: None, b"")
        self.wait("a")
        self.assertEqual(self.done, ["a"])

    def test_a_read_within_another_has_its_own_end(self) -> None:
        def receive(_: bytes) -> None:
            self.wait("outer")
            self.reads.bring(lambda _: self.wait("inner"), b"")
            self.done.append("data")

        self.reads.bring(receive, b"")
        self.assertEqual(self.done, ["inner", "data", "outer"])

    def test_what_waits_is_done_also_where_handing_on_broke(self) -> None:
        def receive(_: bytes) -> None:
            self.wait("a")
            raise ZeroDivisionError

        self.assertRaises(ZeroDivisionError, self.reads.bring, receive, b"")
        self.wait("b")
        self.assertEqual(self.done, ["a", "b"])
