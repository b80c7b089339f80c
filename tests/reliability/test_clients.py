"""A client disconnects, at each point of a turn, over both back ends."""

from tests.support.fault_cases import FaultTestCase, UpstreamFaultTestCase
from tests.support.fault_client import Client
from tests.support.fault_daemon import UPSTREAM

SUSPEND_SECONDS = 610.0
"""Longer than `turns.suspend_seconds`."""


class DisconnectedTests(FaultTestCase):
    def disconnect(self, client: Client) -> None:
        """Close the client's connection."""
        client.connection.disconnect()
        self.daemon.run()

    def assert_cancelled(self, client: Client) -> None:
        """Disconnect the client, and check that its model is stopped."""
        self.assertTrue(self.daemon.is_asked())
        self.disconnect(client)
        self.assertFalse(self.daemon.is_asked())
        self.assertEqual(self.daemon.outcomes, {"client_disconnected"})

    def test_in_the_queue(self) -> None:
        for client in self.queued():
            self.disconnect(client)
            self.assertEqual(self.daemon.metric("queue_length", backend=self.backend), 0)
            self.assert_answered(self.holder)
            self.assert_serves()

    def test_of_another_client_while_one_waits(self) -> None:
        for client in self.queued():
            self.disconnect(self.holder)
            self.assert_answered(client)
            self.assert_serves()

    def test_before_the_first_event(self) -> None:
        for client in self.before():
            self.assert_cancelled(client)
            self.assert_serves()

    def test_in_the_response(self) -> None:
        for client in self.begun():
            self.assert_cancelled(client)
            self.assert_serves()

    def test_background(self) -> None:
        for client in self.background():
            self.disconnect(client)
            self.daemon.answer()
            self.assertEqual(self.stored(client)["status"], "completed")
            self.assert_serves()

    def test_while_the_daemon_drains(self) -> None:
        for client in self.draining():
            self.assert_cancelled(client)
            self.assert_stopped()


class UpstreamDisconnectedTests(DisconnectedTests):
    model = UPSTREAM
    settings = UpstreamFaultTestCase.settings


class AbandonedTests(FaultTestCase):
    def test_suspended(self) -> None:
        for _ in self.suspended():
            self.daemon.run(SUSPEND_SECONDS)
            self.assertFalse(self.daemon.is_asked())
            self.assertEqual(self.daemon.metric("turn_expired_total"), 1)
            self.assert_serves()
