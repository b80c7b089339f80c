"""Notifications reach a socket, or are lost without harm."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.systemd.notify import NotifySocket
from tests.support.notify_receiver import NotifyReceiver


class NotifySocketTests(SynchronousTestCase):
    def open(self, *, abstract: bool = False) -> tuple[NotifyReceiver, NotifySocket]:
        receiver = NotifyReceiver(abstract=abstract)
        self.addCleanup(receiver.close)
        return receiver, NotifySocket.from_environment({"NOTIFY_SOCKET": receiver.path})

    def test_assignments_arrive_in_one_datagram_at_both_kinds_of_sockets(self) -> None:
        for abstract in (False, True):
            receiver, notify = self.open(abstract=abstract)
            self.assertTrue(notify.send(READY=1, STATUS="all is well"))
            (notification,) = receiver.receive()
            self.assertEqual(notification.values, {"READY": "1", "STATUS": "all is well"})

    def test_a_value_is_one_line(self) -> None:
        receiver, notify = self.open()
        notify.send(STATUS="one\nREADY=1\r\n  two")
        self.assertEqual(receiver.receive()[0].values, {"STATUS": "one READY=1 two"})

    def test_a_reload_has_the_monotonic_time_in_microseconds(self) -> None:
        receiver = self.open()[0]
        NotifySocket(receiver.path.encode(), lambda: 12.5).send_reloading()
        self.assertEqual(receiver.receive()[0].values, {"RELOADING": "1", "MONOTONIC_USEC": "12500000"})

    def test_without_a_valid_address_nothing_is_sent(self) -> None:
        for environ in ({}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "relative"}, {"NOTIFY_SOCKET": "vsock:2:1"}):
            notify = NotifySocket.from_environment(environ)
            self.assertIsNone(notify.address)
            self.assertFalse(notify.send(READY=1))

    def test_a_socket_that_is_gone_or_full_neither_raises_nor_blocks(self) -> None:
        receiver, notify = self.open()
        accepted = 0
        while notify.send(STATUS="x" * 1000):
            accepted += 1
        self.assertGreater(accepted, 0)
        receiver.close()
        self.assertFalse(notify.send(READY=1))
        self.assertFalse(NotifySocket(b"/" + b"x" * 200).send(READY=1))
