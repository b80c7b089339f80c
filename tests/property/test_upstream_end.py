"""Law 6 (one end) for upstreams: whatever server and client do, there is one end and nothing leaks."""

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.interfaces import ITurnHandle
from codexd.neutral.event import Began
from codexd.wire import json
from tests.support.chat_chunks import DONE, chunk, frames
from tests.support.fake_upstream import SETTINGS, UpstreamHarness
from tests.support.recording_sink import RecordingSink

PIECES = (
    frames(chunk({"role": "assistant", "content": ""})),
    frames(chunk({"content": "Hel"})),
    frames(chunk({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{"}}]})),
    frames(chunk({}, "stop")),
    frames({"error": {"message": "boom", "code": 502}}),
    DONE,
    b"data: {",
    b": ping\n\n",
    json.encode({"choices": [{"index": 0, "message": {"content": "a"}, "finish_reason": "stop"}]}),
)
MOVES = st.one_of(
    st.sampled_from(PIECES).map(lambda piece: ("chunk", piece)),
    st.sampled_from((200, 200, 200, 400, 429, 500)).map(lambda status: ("head", status)),
    st.sampled_from((0.0, 0.6, 4.0, 30.0)).map(lambda seconds: ("wait", seconds)),
    st.sampled_from(("accept", "accept", "accept", "refuse", "end", "leave", "lose", "garbage")).map(
        lambda move: (move, None)
    ),
    st.sampled_from(("pause", "resume", "pause", "resume", "cancel")).map(lambda move: (move, None)),
)


class UpstreamRun:
    """Carries out the moves of a server and a client, as far as each is possible."""

    def __init__(self) -> None:
        self.harness = UpstreamHarness(evolve(SETTINGS, first_event_seconds=20.0, idle_seconds=5.0, total_seconds=60.0))
        self.sink: RecordingSink
        self.handle: ITurnHandle
        self.sink, self.handle = self.harness.begin()
        self.head_sent = False
        self.cancelled = False
        self.attempts_seen = 0

    def move(self, move: str, what: object) -> None:
        served = {"chunk", "head", "end", "leave", "lose", "garbage"}
        if move in served:
            self.serve(move, what)
        elif move in ("accept", "refuse"):
            self.connect(move)
        elif move == "wait":
            self.harness.clock.advance(what)
        else:
            self.cancelled = self.cancelled or (move == "cancel" and not self.sink.over)
            self.control(move)

    def control(self, move: str) -> None:
        if move == "pause":
            self.handle.pause()
        elif move == "resume":
            self.handle.resume()
        else:
            self.handle.cancel()

    def connect(self, move: str) -> None:
        if self.harness.connection_count > self.attempts_seen and not self.harness.given_up:
            self.attempts_seen = self.harness.connection_count
            self.head_sent = False
            self.harness.accept() if move == "accept" else self.harness.refuse()

    def serve(self, move: str, what: object) -> None:
        connection = self.harness.latest
        if connection is None or connection.aborted:
            return
        if move == "head" and not self.head_sent:
            self.head_sent = True
            connection.send_head(what)  # type: ignore[arg-type]
        elif move == "chunk" and self.head_sent:
            connection.send_chunk(what)  # type: ignore[arg-type]
        elif move == "end" and self.head_sent:
            self.head_sent = False
            connection.send_chunk(b"")
        elif move == "garbage":
            connection.send(b"\0\xff\r\n\r\n")
        elif move in ("leave", "lose"):
            connection.aborted = True
            connection.close(clean=move == "leave")


class UpstreamEndTests(SynchronousTestCase):
    @settings.get_profile("many")
    @given(st.lists(MOVES, max_size=25))
    def test_an_answer_ends_once_and_nothing_leaks(self, moves: list[tuple[str, object]]) -> None:
        run = UpstreamRun()
        run.move("accept", None)
        for move, what in moves:
            before = len(run.sink.events)
            was_cancelled = run.cancelled
            run.move(move, what)
            self.assertEqual(run.sink.unsettled, 0)
            if was_cancelled:
                self.assertEqual(len(run.sink.events), before, "no event after a cancel")
        # In the end, the timeouts end everything.
        run.harness.clock.pump([30] * 6)
        self.assertNotEqual(run.sink.over, run.cancelled)
        self.assertEqual(run.harness.backend.running, 0)
        self.assertLessEqual(run.sink.events.count(Began()), 1)
        self.assertLessEqual(run.harness.connection_count, 3)
        run.harness.clock.advance(300)
        self.assertEqual(run.harness.clock.getDelayedCalls(), [])
