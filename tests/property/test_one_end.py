"""Law 6: cut anywhere, an answer has exactly one honest end, and keeps nothing after it."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral import event as e
from codexd.settings import Http
from tests.support.backend import BROKEN, FakeTurn
from tests.support.sentences import broken_sentences, sentences
from tests.support.web import Web, chat

SETTINGS = Http(max_queue_bytes=500, hold_seconds=1.0, stall_seconds=3.0, keepalive_seconds=5.0)

ACTS = st.sampled_from(("tell", "say", "leave", "wait", "stop", "pause", "read", "fail", "flush", "next"))
"""What may happen, one thing after another; what is said is the next of each choice's sentence."""


class Scene:
    """One client, one answer of some choices, and everything that may happen to them."""

    def __init__(self, scripts: list[tuple[e.Event, ...]], stream: bool, responses: bool) -> None:
        self.web = Web(SETTINGS, drain_seconds=2.0)
        self.connection = self.web.connect()
        self.scripts = [list(script) for script in scripts]
        self.stream = stream
        self.responses = responses
        if responses:
            body = {"model": "gpt-5", "input": "hi", "stream": stream}
            self.connection.ask("POST", "/v1/responses", body)
        else:
            body = chat(stream=stream, n=len(scripts), stream_options={"include_usage": True})
            self.connection.ask("POST", "/v1/chat/completions", body)
        self.turns: list[FakeTurn] = list(self.web.backend.turns)
        self.at = 0

    def act(self, act: str, size: int) -> None:
        getattr(self, "_" + act)(size)

    def _say(self, size: int) -> None:
        turn, script = self.turns[self.at], self.scripts[self.at]
        turn.say(*script[:size])
        del script[:size]

    def _tell(self, size: int) -> None:
        self._say(size)
        self.turns[self.at].sink.flush()

    def _fail(self, size: int) -> None:
        self.turns[self.at].say(e.Failed(BROKEN))

    def _flush(self, size: int) -> None:
        self.turns[self.at].sink.flush()

    def _next(self, size: int) -> None:
        self.at = (self.at + 1) % len(self.turns)

    def _leave(self, size: int) -> None:
        self.connection.leave()

    def _wait(self, size: int) -> None:
        self.web.clock.advance(size / 4)

    def _stop(self, size: int) -> None:
        self.web.doorman.close()

    def _pause(self, size: int) -> None:
        self.connection.transport.reading = False
        producer = self.connection.transport.producer
        if producer is not None and not self.connection.transport.paused:
            self.connection.transport.paused = True
            producer.pauseProducing()

    def _read(self, size: int) -> None:
        self.connection.transport.read(size * 100)

    def finish(self) -> None:
        """Let the model say the rest, and then fail; let the client read, and time pass."""
        for at in range(len(self.turns)):
            self.at = at
            self._tell(10**6)
            self._fail(0)
        self.web.clock.advance(0)
        self.connection.transport.reading = True
        self.connection.transport.read(10**7)
        self.web.clock.pump([1.0] * 10)


class TestOneEnd(SynchronousTestCase):
    @given(
        st.lists(sentences() | broken_sentences(), min_size=1, max_size=3),
        st.booleans(),
        st.booleans(),
        st.lists(st.tuples(ACTS, st.integers(1, 12)), max_size=40),
    )
    def test_cut_anywhere_there_is_one_end_and_nothing_is_kept(
        self,
        scripts: list[tuple[e.Event, ...]],
        stream: bool,
        responses: bool,
        acts: list[tuple[str, int]],
    ) -> None:
        scene = Scene(scripts[:1] if responses else scripts, stream, responses)
        for act, size in acts:
            scene.act(act, size)
        scene.finish()
        self.one_end(scene)
        self.nothing_kept(scene)

    def one_end(self, scene: Scene) -> None:
        self.assertEqual(len(scene.web.log.records), 1)
        if not scene.connection.transport.connected:
            return  # the client left or was cut; what it has may end anywhere
        response = scene.connection.response
        self.assertTrue(response.whole)
        if scene.stream and response.status == 200:
            ends = [at for at, one in enumerate(response.events) if _is_end(one)]
            self.assertEqual(ends, [len(response.events) - 1], response.body)

    def nothing_kept(self, scene: Scene) -> None:
        self.assertEqual(scene.web.figure("codexd_requests_running"), 0)
        for turn in scene.turns:
            self.assertEqual(turn.asked.count("hold"), turn.asked.count("release"), turn.asked)
            self.assertLessEqual(turn.asked.count("cancel"), 1)
        timers = [call.getTime() - scene.web.clock.seconds() for call in scene.web.clock.getDelayedCalls()]
        self.assertEqual([seconds for seconds in timers if seconds < SETTINGS.idle_seconds / 2], [])


_TERMINAL = ("response.completed", "response.incomplete", "response.failed")


def _is_end(frame: object) -> bool:
    if not isinstance(frame, dict):
        return frame == "[DONE]"
    return "error" in frame or frame.get("type") in _TERMINAL
