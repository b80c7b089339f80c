"""The model's provider cannot be reached, fails, is cut, or sends nothing, at each point of a turn of Codex."""

from collections.abc import Iterator

from codexd.wire import jsonrpc
from tests.support.fault_cases import FaultTestCase
from tests.support.fault_client import ASKS, IN_BACKGROUND, WITH_TOOLS, Ask, Client
from tests.support.fault_daemon import DRAIN_SECONDS

RETRY_SECONDS = 4.0
"""Longer than all attempts of a turn take."""
SILENT_SECONDS = 310.0
"""Longer than `turns.first_event_seconds` and `turns.idle_seconds`."""


UNREACHABLE_SECONDS = 8.0
"""Longer than `codex.unreachable_seconds`."""
BREAKER_SECONDS = 16.0
"""Longer than `codex.breaker_seconds`."""


class UnreachableTests(FaultTestCase):
    """Codex cannot connect to it, and says so."""

    def inject(self) -> None:
        """Let Codex report for its turn that it cannot connect, until that is a failure."""
        ((thread, turn),) = self.daemon.child.server.turns.items()
        error = {
            "message": "Reconnecting... waiting for network",
            "codexErrorInfo": {"responseStreamDisconnected": {"httpStatusCode": None}},
            "additionalDetails": "Connection failed: error sending request",
        }
        params = {"threadId": thread, "turnId": turn.id, "error": error, "willRetry": True}
        self.daemon.child.write_lines(jsonrpc.encode_notification("error", params))
        self.daemon.run(UNREACHABLE_SECONDS)

    def assert_returns(self) -> None:
        """Check that requests are refused at once, and answered when the circuit is closed again."""
        for ask in ASKS:
            self.assert_end(self.daemon.ask(ask), "circuit_open")
        self.daemon.run(BREAKER_SECONDS)
        self.assert_serves()

    def test_in_the_queue(self) -> None:
        for client in self.queued():
            self.inject()
            self.assert_end(self.holder, "unreachable")
            self.assert_end(client, "circuit_open")
            self.assert_returns()

    def test_before_the_first_event(self) -> None:
        for client in self.before():
            self.inject()
            self.assert_end(client, "unreachable")
            self.assert_returns()

    def test_in_the_response(self) -> None:
        for client in self.begun():
            self.inject()
            self.assert_end(client, "unreachable")
            self.assert_returns()

    def test_suspended(self) -> None:
        for ask, body in self.suspended():
            client = self.daemon.send(ask, body)
            self.inject()
            self.assert_end(client, "unreachable")
            self.assert_returns()

    def test_background(self) -> None:
        for client in self.background():
            self.inject()
            self.assert_stored(client, "unreachable")
            self.assert_returns()

    def test_while_the_daemon_drains(self) -> None:
        for client in self.draining():
            self.inject()
            self.assert_end(client, "unreachable")
            self.assert_stopped()


class FailedTests(FaultTestCase):
    """It answers with an error, or its stream is cut after its first text."""

    before_script, before_code = "fail: 500", "model_failed"
    begun_script, begun_code = "cut: one two", "stream_cut"
    seconds = RETRY_SECONDS

    def asked(self, text: str, asks: tuple[Ask, ...] = ASKS) -> Iterator[Client]:
        """Yield requests with this prompt."""
        for ask in asks:
            self.open().child.server.stepwise = False
            yield self.daemon.ask(ask, text)

    def test_in_the_queue(self) -> None:
        for holder in self.asked(self.before_script):
            client = self.daemon.ask(holder.ask)
            self.assertEqual((holder.end, client.end), ("", ""))
            self.daemon.run(self.seconds)
            self.assert_end(holder, self.before_code)
            self.assert_answered(client)
            self.assert_serves()

    def test_before_the_first_event(self) -> None:
        for client in self.asked(self.before_script):
            self.daemon.run(self.seconds)
            self.assert_end(client, self.before_code)
            self.assert_serves()

    def test_in_the_response(self) -> None:
        for client in self.asked(self.begun_script):
            self.daemon.run(self.seconds)
            self.assert_end(client, self.begun_code)
            self.assert_serves()

    def test_suspended(self) -> None:
        for ask in WITH_TOOLS:
            daemon = self.open()
            daemon.child.server.stepwise = False
            body = ask.body(daemon.model, f"call: f {{}}\nthen: {self.before_script}", tools=True)
            client = daemon.send(ask, ask.results(body, daemon.send(ask, body)))
            daemon.run(self.seconds)
            self.assert_end(client, self.before_code)
            self.assert_serves()

    def test_background(self) -> None:
        for client in self.asked(self.begun_script, IN_BACKGROUND):
            self.daemon.run(self.seconds)
            self.assert_stored(client, self.begun_code)
            self.assert_serves()

    def test_while_the_daemon_drains(self) -> None:
        for ask in ASKS:
            client = self.open().ask(ask, self.begun_script)
            self.daemon.answer_first()
            self.stopped = self.daemon.stop()
            self.daemon.answer()
            self.assert_end(client, self.begun_code)
            self.assert_stopped()


class SilentTests(FailedTests):
    """It sends nothing, or nothing more."""

    before_script, before_code = "hang:", "no_first_event"
    begun_script, begun_code = "stall: one two", "idle_timeout"
    seconds = SILENT_SECONDS

    def test_while_the_daemon_drains(self) -> None:
        for client in self.asked(self.begun_script):
            self.stopped = self.daemon.stop()
            self.daemon.run(DRAIN_SECONDS)
            self.assert_end(client, "shutting_down")
            self.assert_stopped()
