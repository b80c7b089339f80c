"""An upstream cannot be reached, fails, is cut, or sends garbage or nothing, at each point of a turn."""

from tests.support.fault_cases import UpstreamFaultTestCase
from tests.support.fault_daemon import DRAIN_SECONDS

IDLE_SECONDS = 130.0
"""Longer than `idle_seconds` of the upstream."""


class UnreachableTests(UpstreamFaultTestCase):
    def test_idle(self) -> None:
        for ask in self.idle():
            client = self.daemon.ask(ask)
            self.daemon.refuse()
            self.assert_end(client, "unreachable")
            self.assert_answered(self.daemon.ask(ask))

    def test_a_connection_that_it_closed_while_it_was_idle(self) -> None:
        for ask in self.idle():
            self.assert_answered(self.daemon.ask(ask))
            self.daemon.upstream().close()
            self.assert_serves()

    def test_before_the_first_event(self) -> None:
        for client in self.before():
            self.daemon.refuse()
            self.assert_end(client, "unreachable")
            self.assert_serves()

    def test_in_the_queue(self) -> None:
        for client in self.queued():
            self.daemon.refuse()
            self.assert_end(self.holder, "unreachable")
            self.assert_answered(client)
            self.assert_serves()

    def test_background(self) -> None:
        for client in self.background_before():
            self.daemon.refuse()
            self.assert_stored(client, "unreachable")
            self.assert_serves()

    def test_while_the_daemon_drains(self) -> None:
        for client in self.before():
            self.stopped = self.daemon.stop()
            self.daemon.refuse()
            self.assert_end(client, "unreachable")
            self.assert_stopped()


class FailedTests(UpstreamFaultTestCase):
    """It answers with a status of 5xx, or its stream has an error."""

    before_code = begun_code = "model_failed"

    def inject(self) -> None:
        """Let the response on the connection fail."""
        connection = self.daemon.upstream()
        if connection.has_text:
            connection.send_events({"error": {"message": "boom", "code": 500}})
            connection.end()
        else:
            connection.send_response(b"{}", 500)
        self.daemon.run()

    def test_in_the_queue(self) -> None:
        for client in self.queued():
            self.inject()
            self.assert_end(self.holder, self.before_code)
            self.assertEqual(client.end, "")
            self.assert_answered(client)
            self.assert_serves()

    def test_before_the_first_event(self) -> None:
        for client in self.before():
            self.inject()
            self.assert_end(client, self.before_code)
            self.assert_serves()

    def test_in_the_response(self) -> None:
        for client in self.begun():
            self.inject()
            self.assert_end(client, self.begun_code)
            self.assert_serves()

    def test_background(self) -> None:
        for client in self.background():
            self.inject()
            self.assert_stored(client, self.begun_code)
            self.assert_serves()

    def test_while_the_daemon_drains(self) -> None:
        for client in self.draining():
            self.inject()
            self.assert_end(client, self.begun_code)
            self.assert_stopped()


class CutTests(FailedTests):
    """Its connection is lost."""

    before_code, begun_code = "unreachable", "stream_cut"

    def inject(self) -> None:
        """Lose the connection."""
        self.daemon.upstream().close(clean=False)
        self.daemon.run()


class GarbageTests(FailedTests):
    """It sends what is no chunk of a chat stream."""

    def inject(self) -> None:
        """Send an event that is no JSON."""
        connection = self.daemon.upstream()
        connection.begin()
        connection.send_chunk(b"data: {garbage\n\n")
        self.daemon.run()


class SilentTests(FailedTests):
    """It sends nothing more, and the connection stays open."""

    before_code, begun_code = "no_first_event", "idle_timeout"

    def inject(self) -> None:
        """Let the time pass that a model may be silent."""
        self.daemon.upstream()
        self.daemon.reactor.advance(IDLE_SECONDS)
        self.daemon.run()

    def test_while_the_daemon_drains(self) -> None:
        for client in self.draining():
            self.daemon.run(DRAIN_SECONDS)
            self.assert_end(client, "shutting_down")
            self.assertTrue(self.daemon.upstream().aborted)
            self.assert_stopped()
