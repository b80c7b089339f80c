"""Tests of codexd.upstream.read_dispatcher."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.upstream.read_dispatcher import ReadDispatcher


class ReadDispatcherTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.dispatcher = ReadDispatcher()
        self.calls: list[str] = []

    def register(self, name: str) -> None:
        self.dispatcher.call_at_end(lambda: self.calls.append(name))

    def test_callbacks_run_after_the_data_was_delivered(self) -> None:
        def receive(data: bytes) -> None:
            self.register("a")
            self.register("b")
            self.calls.append(data.decode())

        self.dispatcher.dispatch(receive, b"data")
        self.assertEqual(self.calls, ["data", "a", "b"])

    def test_outside_of_a_read_a_callback_runs_at_once(self) -> None:
        self.dispatcher.dispatch(lambda _: None, b"")
        self.register("a")
        self.assertEqual(self.calls, ["a"])

    def test_a_nested_read_has_its_own_end(self) -> None:
        def receive(_: bytes) -> None:
            self.register("outer")
            self.dispatcher.dispatch(lambda _: self.register("inner"), b"")
            self.calls.append("data")

        self.dispatcher.dispatch(receive, b"")
        self.assertEqual(self.calls, ["inner", "data", "outer"])

    def test_callbacks_run_even_if_the_delivery_raises(self) -> None:
        def receive(_: bytes) -> None:
            self.register("a")
            raise ZeroDivisionError

        self.assertRaises(ZeroDivisionError, self.dispatcher.dispatch, receive, b"")
        self.register("b")
        self.assertEqual(self.calls, ["a", "b"])
