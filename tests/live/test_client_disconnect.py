"""A client that disconnects: the model stops and the slot is free within a moment."""

from collections.abc import Callable

from codexd.wire.json import Json
from tests.support.http_client import PendingRequest
from tests.support.live_daemon import CHAT, RESPONSES, DaemonSetup, LiveTestCase
from tests.support.processes import wait_until

LIMIT_SECONDS = 0.1
SLACK_SECONDS = 1.5
"""Seconds for the provider to notice, and for polling it."""

ATTEMPTS = 5
"""One of them must keep the promise: a loaded machine delays some, a defect delays all."""


class ClientDisconnectTests(LiveTestCase):
    daemon_setup = DaemonSetup(account=True, settings="[codex]\nturns_per_worker = 2\n")

    def disconnect(self, begin: Callable[[], PendingRequest]) -> float:
        """Start an answer, disconnect, and return how many seconds its model continued."""
        daemon = self.daemon
        interrupted = daemon.metric("codexd_turn_interrupted_total")
        call = begin()
        wait_until(lambda: daemon.provider.open == 1, "the model answers")
        call.disconnect()
        seconds = wait_until(lambda: daemon.provider.open == 0, "the model stops")
        wait_until(lambda: daemon.metric("codexd_requests_running") == 0, "the request is over")
        self.assertEqual(daemon.metric("codexd_turn_interrupted_total"), interrupted + 1)
        return seconds

    def leave_soon(self, begin: Callable[[], PendingRequest]) -> None:
        limit = LIMIT_SECONDS * SLACK_SECONDS
        taken = []
        while not taken or (min(taken) > limit and len(taken) < ATTEMPTS):
            taken.append(self.disconnect(begin))
        self.assertLess(min(taken), limit, taken)

    def streaming(self, path: str, body: Json) -> PendingRequest:
        """Start a stream and read some of it."""
        call = self.daemon.call(path, body | {"stream": True})
        frames = call.frames()
        for _ in range(4):
            next(frames)
        return call

    def test_a_disconnect_from_a_chat_stream_stops_the_model(self) -> None:
        self.leave_soon(lambda: self.streaming(CHAT, self.daemon.chat_body("slow: 400")))

    def test_a_disconnect_from_a_responses_stream_stops_the_model(self) -> None:
        body = {"model": self.daemon.model, "input": "slow: 400"}
        self.leave_soon(lambda: self.streaming(RESPONSES, body))

    def test_a_disconnect_from_a_request_without_stream_stops_the_model(self) -> None:
        self.leave_soon(lambda: self.daemon.call(CHAT, self.daemon.chat_body("slow: 400")))

    def test_a_disconnect_before_the_first_event_stops_the_model(self) -> None:
        self.leave_soon(lambda: self.daemon.call(CHAT, self.daemon.chat_body("hang:", stream=True)))

    def test_a_disconnect_stops_all_choices(self) -> None:
        daemon = self.daemon
        call = daemon.call(CHAT, daemon.chat_body("slow: 400", n=2))
        wait_until(lambda: daemon.provider.open == 2, "both answers under way")
        call.disconnect()
        wait_until(lambda: daemon.provider.open == 0, "the model stops")

    def test_a_disconnect_frees_the_slot(self) -> None:
        for _ in range(4):
            self.disconnect(lambda: self.daemon.call(CHAT, self.daemon.chat_body("slow: 400")))
        self.assertEqual(self.daemon.chat_text("say: still here"), "still here")
        self.daemon.await_log("client_disconnected")
