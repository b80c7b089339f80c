"""Law 6 (one end): whatever happens, an answer has exactly one end and holds no resources after it."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral import event as e
from codexd.settings import Http
from tests.support.fake_backend import MODEL_FAILED, FakeTurn
from tests.support.in_memory_server import InMemoryServer, chat
from tests.support.sentences import broken_sentences, sentences

SETTINGS = Http(max_buffer_bytes=500, pause_seconds=1.0, write_timeout_seconds=3.0, keepalive_seconds=5.0)

ACTS = st.sampled_from(
    (
        *("emit", "emit_unsettled", "disconnect", "wait", "stop", "stop_reading", "read", "fail", "settle"),
        "next_choice",
    )
)
"""The actions that are drawn; the model emits the next events of the current choice's sentence."""


class ResponseRun:
    """One client and one response with one or more choices."""

    def __init__(self, scripts: list[tuple[e.Event, ...]], stream: bool, responses: bool) -> None:
        self.server = InMemoryServer(SETTINGS, drain_seconds=2.0)
        self.connection = self.server.connect()
        self.scripts = [list(script) for script in scripts]
        self.stream = stream
        self.responses = responses
        if responses:
            body = {"model": "gpt-5", "input": "hi", "stream": stream}
            self.connection.request("POST", "/v1/responses", body)
        else:
            options = {"stream_options": {"include_usage": True}} if stream else {}
            body = chat(stream=stream, n=len(scripts), **options)
            self.connection.request("POST", "/v1/chat/completions", body)
        self.turns: list[FakeTurn] = list(self.server.backend.turns)
        self.choice = 0

    def act(self, act: str, size: int) -> None:
        getattr(self, "_" + act)(size)

    def _emit_unsettled(self, size: int) -> None:
        turn, script = self.turns[self.choice], self.scripts[self.choice]
        turn.emit_unsettled(*script[:size])
        del script[:size]

    def _emit(self, size: int) -> None:
        self._emit_unsettled(size)
        self.turns[self.choice].sink.settle()

    def _fail(self, size: int) -> None:
        self.turns[self.choice].emit_unsettled(e.Failed(MODEL_FAILED))

    def _settle(self, size: int) -> None:
        self.turns[self.choice].sink.settle()

    def _next_choice(self, size: int) -> None:
        self.choice = (self.choice + 1) % len(self.turns)

    def _disconnect(self, size: int) -> None:
        self.connection.disconnect()

    def _wait(self, size: int) -> None:
        self.server.clock.advance(size / 4)

    def _stop(self, size: int) -> None:
        self.server.drain.run()

    def _stop_reading(self, size: int) -> None:
        self.connection.transport.reading = False
        producer = self.connection.transport.producer
        if producer is not None and not self.connection.transport.paused:
            self.connection.transport.paused = True
            producer.pauseProducing()

    def _read(self, size: int) -> None:
        self.connection.transport.read(size * 100)

    def finish(self) -> None:
        """Emit the rest and a failure, let the client read, and let time pass."""
        for at in range(len(self.turns)):
            self.choice = at
            self._emit(10**6)
            self._fail(0)
        self.server.clock.advance(0)
        self.connection.transport.reading = True
        self.connection.transport.read(10**7)
        self.server.clock.pump([1.0] * 10)


class OneEndTests(SynchronousTestCase):
    @settings.get_profile("many")
    @given(
        st.lists(sentences() | broken_sentences(), min_size=1, max_size=3),
        st.booleans(),
        st.booleans(),
        st.lists(st.tuples(ACTS, st.integers(1, 12)), max_size=40),
    )
    def test_there_is_one_end_and_nothing_leaks_whatever_happens(
        self,
        scripts: list[tuple[e.Event, ...]],
        stream: bool,
        responses: bool,
        acts: list[tuple[str, int]],
    ) -> None:
        run = ResponseRun(scripts[:1] if responses else scripts, stream, responses)
        for act, size in acts:
            run.act(act, size)
        run.finish()
        self.assert_one_end(run)
        self.assert_nothing_leaks(run)

    def assert_one_end(self, run: ResponseRun) -> None:
        self.assertEqual(len(run.server.log.records), 1)
        if not run.connection.transport.connected:
            return  # the client disconnected or was dropped: its data may end anywhere
        response = run.connection.response
        self.assertTrue(response.whole)
        if run.stream and response.status == 200:
            ends = [at for at, one in enumerate(response.events) if _is_end(one)]
            self.assertEqual(ends, [len(response.events) - 1], response.body)

    def assert_nothing_leaks(self, run: ResponseRun) -> None:
        self.assertEqual(run.server.metric("codexd_requests_running"), 0)
        for turn in run.turns:
            self.assertEqual(turn.actions.count("pause"), turn.actions.count("resume"), turn.actions)
            self.assertLessEqual(turn.actions.count("cancel"), 1)
        timers = [call.getTime() - run.server.clock.seconds() for call in run.server.clock.getDelayedCalls()]
        self.assertEqual([seconds for seconds in timers if seconds < SETTINGS.idle_seconds / 2], [])


_TERMINAL = ("response.completed", "response.incomplete", "response.failed")


def _is_end(frame: object) -> bool:
    if not isinstance(frame, dict):
        return frame == "[DONE]"
    return "error" in frame or frame.get("type") in _TERMINAL
