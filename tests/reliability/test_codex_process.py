"""The Codex process is killed, hangs or is recycled, at each point of a turn."""

from tests.support.fault_cases import FaultTestCase

RESTART_SECONDS = 3.0
HANG_SECONDS = 14.0
"""Longer than the silence before a ping, `codex.hang_seconds` and a restart take."""


class KilledTests(FaultTestCase):
    code = "child_died"

    def inject(self) -> None:
        """Kill the process, and wait for the next one."""
        self.daemon.child.exit(signal=9)
        self.daemon.run(RESTART_SECONDS)

    def test_idle(self) -> None:
        for ask in self.idle():
            self.inject()
            self.assert_answered(self.daemon.ask(ask))

    def test_in_the_queue(self) -> None:
        for client in self.queued():
            self.inject()
            self.assertEqual(client.end, "")
            self.assert_answered(client)
            self.assert_answered(self.holder)
            self.assert_serves()

    def test_before_the_first_event(self) -> None:
        for client in self.before():
            self.inject()
            self.assert_answered(client)
            self.assertEqual(self.daemon.metric("turn_retried_total"), 1)
            self.assert_serves()

    def test_in_the_response(self) -> None:
        for client in self.begun():
            self.inject()
            self.assert_end(client, self.code)
            self.assert_serves()

    def test_suspended(self) -> None:
        for ask, body in self.suspended():
            self.inject()
            self.assert_resumed(ask, body)
            self.assertEqual(self.daemon.metric("turn_replayed_total"), 1)

    def test_background(self) -> None:
        for client in self.background():
            self.inject()
            self.assert_stored(client, self.code)
            self.assert_serves()

    def test_while_the_daemon_drains(self) -> None:
        for client in self.draining():
            self.inject()
            self.assert_end(client, self.code)
            self.assert_stopped()


class HungTests(KilledTests):
    code = "child_hung"

    def inject(self) -> None:
        """Let the process read and write nothing any more, and wait for the next one."""
        child = self.daemon.child
        child.holds_output = True
        child.server.ignored_methods = {"thread/loaded/list"}
        self.daemon.run(HANG_SECONDS)

    def test_idle(self) -> None:
        for ask in self.idle():
            self.daemon.child.holds_output = True
            client = self.daemon.ask(ask)
            self.daemon.run(HANG_SECONDS)
            self.assert_answered(client)
            self.assertEqual(self.daemon.metric("child_hung_total"), 1)


class RecycledTests(FaultTestCase):
    def inject(self) -> None:
        """Recycle the process."""
        backends = self.daemon.daemon._backends
        assert backends is not None
        backends.recycle()
        self.daemon.run(RESTART_SECONDS)

    def test_idle(self) -> None:
        for ask in self.idle():
            self.inject()
            self.assertEqual(self.daemon.ready, 200)
            self.assert_answered(self.daemon.ask(ask))

    def test_in_the_queue(self) -> None:
        for client in self.queued():
            self.inject()
            self.assert_answered(client)
            self.assert_answered(self.holder)
            self.assert_serves()

    def test_before_the_first_event(self) -> None:
        for client in self.before():
            self.inject()
            self.assert_answered(client)
            self.assertEqual(self.daemon.metric("turn_retried_total"), 0)
            self.assert_serves()

    def test_in_the_response(self) -> None:
        for client in self.begun():
            self.inject()
            self.assert_answered(client)
            self.assert_serves()

    def test_suspended(self) -> None:
        for ask, body in self.suspended():
            self.inject()
            self.assert_resumed(ask, body)

    def test_background(self) -> None:
        for client in self.background():
            self.inject()
            self.daemon.answer()
            self.assert_stored(client)
            self.assert_serves()

    def test_while_the_daemon_drains(self) -> None:
        for client in self.draining():
            self.inject()
            self.assert_answered(client)
            self.assert_stopped()
