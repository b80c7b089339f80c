"""A client that leaves: the model stops, the slot is free, nobody pays for an answer that nobody reads."""

from collections.abc import Callable

from codexd.wire.json import Json
from tests.support.live import CHAT, RESPONSES, LiveTestCase, Setup
from tests.support.loopback import Call
from tests.support.system import until

PROMISED_SECONDS = 0.1
SLACK = 1.5
"""For what the provider takes to notice, and for polling it."""

ATTEMPTS = 5
"""One of them must keep the promise: a loaded machine delays some, a defect delays all."""


class LeavingTests(LiveTestCase):
    kind = Setup(account=True, settings="[codex]\nturns_per_worker = 2\n")

    def leave(self, begin: Callable[[], Call]) -> float:
        """Begin an answer, leave, and give how long its model went on."""
        daemon = self.daemon
        interrupted = daemon.metric("codexd_turn_interrupted_total")
        call = begin()
        until(lambda: daemon.provider.open == 1, "the model answers")
        call.drop()
        seconds = until(lambda: daemon.provider.open == 0, "the model stops")
        until(lambda: daemon.metric("codexd_requests_running") == 0, "the request is over")
        self.assertEqual(daemon.metric("codexd_turn_interrupted_total"), interrupted + 1)
        return seconds

    def leave_soon(self, begin: Callable[[], Call]) -> None:
        limit = PROMISED_SECONDS * SLACK
        taken = []
        while not taken or (min(taken) > limit and len(taken) < ATTEMPTS):
            taken.append(self.leave(begin))
        self.assertLess(min(taken), limit, taken)

    def streaming(self, path: str, body: Json) -> Call:
        """Begin a stream and read some of it."""
        call = self.daemon.call(path, body | {"stream": True})
        frames = call.frames()
        for _ in range(4):
            next(frames)
        return call

    def test_a_chat_stream_that_is_left_stops_the_model(self) -> None:
        self.leave_soon(lambda: self.streaming(CHAT, self.daemon.question("slow: 400")))

    def test_a_responses_stream_that_is_left_stops_the_model(self) -> None:
        body = {"model": self.daemon.model, "input": "slow: 400"}
        self.leave_soon(lambda: self.streaming(RESPONSES, body))

    def test_an_answer_that_is_not_streamed_and_left_stops_the_model(self) -> None:
        self.leave_soon(lambda: self.daemon.call(CHAT, self.daemon.question("slow: 400")))

    def test_a_model_that_has_not_begun_is_stopped_too(self) -> None:
        self.leave_soon(lambda: self.daemon.call(CHAT, self.daemon.question("hang:", stream=True)))

    def test_all_choices_of_one_request_are_stopped(self) -> None:
        daemon = self.daemon
        call = daemon.call(CHAT, daemon.question("slow: 400", n=2))
        until(lambda: daemon.provider.open == 2, "both answers under way")
        call.drop()
        until(lambda: daemon.provider.open == 0, "the model stops")

    def test_the_slot_of_a_client_that_left_is_free(self) -> None:
        for _ in range(4):
            self.leave(lambda: self.daemon.call(CHAT, self.daemon.question("slow: 400")))
        self.assertEqual(self.daemon.say("say: still here"), "still here")
        self.assertIn("client_gone", self.daemon.log)
