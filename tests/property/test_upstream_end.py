"""Law 6 for upstreams: whatever the server does, whenever the client acts: one honest end, nothing left."""

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.interfaces import ITurnHandle
from codexd.neutral.event import Began
from codexd.wire import json
from tests.support.chat_upstream import DONE, chunk, frames
from tests.support.upstream import SETTINGS, Hearing, Rig

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
    st.sampled_from(("hold", "release", "hold", "release", "cancel")).map(lambda move: (move, None)),
)


class Scene:
    """A server and a client that do as they are told, as far as that is possible."""

    def __init__(self) -> None:
        self.rig = Rig(evolve(SETTINGS, first_event_seconds=20.0, idle_seconds=5.0, total_seconds=60.0))
        self.hearing: Hearing
        self.handle: ITurnHandle
        self.hearing, self.handle = self.rig.begin()
        self.headed = False
        self.cancelled = False
        self.seen = 0

    def play(self, move: str, what: object) -> None:
        served = {"chunk", "head", "end", "leave", "lose", "garbage"}
        if move in served:
            self.serve(move, what)
        elif move in ("accept", "refuse"):
            self.connect(move)
        elif move == "wait":
            self.rig.clock.advance(what)
        else:
            self.cancelled = self.cancelled or (move == "cancel" and not self.hearing.over)
            getattr(self.handle, move)()

    def connect(self, move: str) -> None:
        if self.rig.wanted > self.seen and not self.rig.given_up:
            self.seen = self.rig.wanted
            self.headed = False
            self.rig.accept() if move == "accept" else self.rig.refuse()

    def serve(self, move: str, what: object) -> None:
        wire = self.rig.latest
        if wire is None or wire.aborted:
            return
        if move == "head" and not self.headed:
            self.headed = True
            wire.head(what)  # type: ignore[arg-type]
        elif move == "chunk" and self.headed:
            wire.chunk(what)  # type: ignore[arg-type]
        elif move == "end" and self.headed:
            self.headed = False
            wire.chunk(b"")
        elif move == "garbage":
            wire.say(b"\0\xff\r\n\r\n")
        elif move in ("leave", "lose"):
            wire.aborted = True
            wire.leave(clean=move == "leave")


class OneEndTests(SynchronousTestCase):
    @settings(max_examples=300, deadline=None)
    @given(st.lists(MOVES, max_size=25))
    def test_an_answer_ends_once_and_leaves_nothing(self, moves: list[tuple[str, object]]) -> None:
        scene = Scene()
        scene.play("accept", None)
        for move, what in moves:
            before = len(scene.hearing.events)
            quiet = scene.cancelled
            scene.play(move, what)
            self.assertEqual(scene.hearing.unflushed, 0)
            if quiet:
                self.assertEqual(len(scene.hearing.events), before, "nothing after it was cancelled")
        # Time alone ends everything.
        scene.rig.clock.pump([30] * 6)
        self.assertNotEqual(scene.hearing.over, scene.cancelled)
        self.assertEqual(scene.rig.backend.running, 0)
        self.assertLessEqual(scene.hearing.events.count(Began()), 1)
        self.assertLessEqual(scene.rig.wanted, 3)
        scene.rig.clock.advance(300)
        self.assertEqual(scene.rig.clock.getDelayedCalls(), [])
