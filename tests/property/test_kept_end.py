"""Law 6 where answers are kept: one end whatever happens, and nobody is told of an end that was not kept."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral import event as e
from codexd.settings import Http
from tests.support.answers import RESPONSES
from tests.support.backend import BROKEN
from tests.support.sentences import broken_sentences, sentences
from tests.support.web import Connection, Response, Web, parse

SETTINGS = Http(max_queue_bytes=500, hold_seconds=1.0, stall_seconds=3.0, keepalive_seconds=5.0)

ACTS = st.sampled_from(
    (
        *("tell", "tell", "say", "fail", "flush", "hold", "release", "break", "leave", "view", "cancel"),
        *("wait", "stop", "pause", "read"),
    )
)
"""What may happen, one thing after another; what is said is the next of the model's sentence."""


class Scene:
    """One answer that is kept, its client, those who view it, a store, and all that may happen to them.

    Attributes:
        viewers: the connections that are streams of it.
        store_broke: the store may have failed.
    """

    def __init__(self, script: tuple[e.Event, ...], stream: bool, background: bool) -> None:
        self.web = Web(SETTINGS, drain_seconds=2.0)
        self.script = list(script)
        self.stream, self.background = stream, background
        self.store_broke = False
        self.client = self.web.connect()
        body = {"model": "gpt-5", "input": "hi", "stream": stream, "background": background}
        self.client.ask("POST", RESPONSES, body)
        self.viewers = [self.client] if stream else []
        (self.turn,) = self.web.backend.turns

    @property
    def id(self) -> str:
        """The answer's id, if a client was told it."""
        return _told_id(self.client) or "resp_none"

    def act(self, act: str, size: int) -> None:
        getattr(self, "_" + act)(size)

    def _say(self, size: int) -> None:
        self.turn.say(*self.script[:size])
        del self.script[:size]

    def _tell(self, size: int) -> None:
        self._say(size)
        self.turn.sink.flush()

    def _fail(self, size: int) -> None:
        self.turn.say(e.Failed(BROKEN))

    def _flush(self, size: int) -> None:
        self.turn.sink.flush()

    def _hold(self, size: int) -> None:
        self.web.store.hold()

    def _release(self, size: int) -> None:
        self.web.store.release()

    def _break(self, size: int) -> None:
        self.store_broke = True
        self.web.store.fail()

    def _leave(self, size: int) -> None:
        (self.viewers or [self.client])[-1].leave()

    def _view(self, size: int) -> None:
        if self.background:
            self.viewers.append(self.web.connect())
            self.viewers[-1].ask("GET", f"{RESPONSES}/{self.id}?stream=true&starting_after={size - 1}")

    def _cancel(self, size: int) -> None:
        if self.background:
            self.web.connect().ask("POST", f"{RESPONSES}/{self.id}/cancel")

    def _wait(self, size: int) -> None:
        self.web.clock.advance(size / 4)

    def _stop(self, size: int) -> None:
        self.web.doorman.close()

    def _pause(self, size: int) -> None:
        transport = (self.viewers or [self.client])[-1].transport
        transport.reading = False
        if transport.producer is not None and not transport.paused:
            transport.paused = True
            transport.producer.pauseProducing()

    def _read(self, size: int) -> None:
        (self.viewers or [self.client])[-1].transport.read(size * 100)

    def finish(self) -> None:
        """Let the model say the rest, and then fail; let store and clients catch up, and time pass."""
        self._tell(10**6)
        self._fail(0)
        self._flush(0)
        self.web.store.release()
        for connection in (self.client, *self.viewers):
            connection.transport.reading = True
            connection.transport.read(10**7)
        self.web.clock.pump([1.0] * 10)

    def shown(self) -> Response:
        """Show it as it is kept in the end, by a store that works again."""
        response = self.web.ask("GET", f"{RESPONSES}/{self.id}")
        return self.shown() if response.status == 500 else response

    def streams(self) -> list[list[Any]]:
        """Give the events of every stream that was begun, in whichever state it is left."""
        found = [parse(viewer.received) for viewer in self.viewers]
        return [_events(response) for (response,) in filter(None, found) if response.status == 200]


class TestKeptEnd(SynchronousTestCase):
    @given(
        sentences() | broken_sentences(),
        st.booleans(),
        st.booleans(),
        st.lists(st.tuples(ACTS, st.integers(1, 12)), max_size=40),
    )
    def test_cut_anywhere_there_is_one_end_and_it_is_the_one_that_is_kept(
        self, script: tuple[e.Event, ...], stream: bool, background: bool, acts: list[tuple[str, int]]
    ) -> None:
        scene = Scene(script, stream, background)
        for act, size in acts:
            scene.act(act, size)
        scene.finish()
        self.nothing_left(scene)
        self.one_end(scene)
        self.kept_as_told(scene)
        if not scene.store_broke:
            self.all_see_the_same(scene)

    def nothing_left(self, scene: Scene) -> None:
        for gauge in ("requests", "background"):
            self.assertEqual(scene.web.figure(f"codexd_{gauge}_running"), 0)
        asked = scene.turn.asked
        self.assertEqual(asked.count("hold"), 0 if scene.background else asked.count("release"))
        self.assertLessEqual(asked.count("cancel"), 1)
        timers = [call.getTime() - scene.web.clock.seconds() for call in scene.web.clock.getDelayedCalls()]
        self.assertEqual([seconds for seconds in timers if seconds < SETTINGS.idle_seconds / 2], [])
        ended = [record for record in scene.web.log.records if record.method == "background"]
        self.assertEqual(len(ended), int(scene.background))

    def one_end(self, scene: Scene) -> None:
        for events in scene.streams():
            self.assertLessEqual(len([one for one in events if _is_end(one)]), 1)
        for viewer in scene.viewers:
            if viewer.transport.connected:
                response = viewer.response
                self.assertTrue(response.whole)
                events = _events(response) if response.status == 200 else []
                self.assertEqual(
                    list(map(_is_end, events)), [False] * (len(events) - 1) + [True] * bool(events)
                )

    def kept_as_told(self, scene: Scene) -> None:
        told = [events[-1]["response"] for events in scene.streams() if events and _is_end(events[-1])]
        shown = scene.shown()
        if not (scene.stream or scene.background) and scene.id != "resp_none":
            told.append(scene.client.response.json)
        for snapshot in told:
            if snapshot["status"] != "failed" or not scene.store_broke:
                self.assertEqual(shown.json, snapshot)
        if scene.id != "resp_none" and not scene.store_broke:
            self.assertEqual(shown.status, 200)
        if shown.status == 200:
            self.assertNotIn(shown.json["status"], ("queued", "in_progress"))

    def all_see_the_same(self, scene: Scene) -> None:
        seen: dict[int, Any] = {}
        for events in scene.streams():
            numbers = [one["sequence_number"] for one in events]
            self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))) if numbers else [])
            for one in events:
                self.assertEqual(seen.setdefault(one["sequence_number"], one), one)


_TERMINAL = ("response.completed", "response.incomplete", "response.failed")


def _is_end(event: Any) -> bool:
    return event["type"] in _TERMINAL


def _told_id(connection: Connection) -> str | None:
    """Give the id that a client was told, if it was told one."""
    for response in parse(connection.received):
        if response.status != 200:
            continue
        if "event-stream" not in response.headers["content-type"]:
            return str(response.json["id"])
        if events := _events(response):
            return str(events[0]["response"]["id"])
    return None


def _events(response: Response) -> list[Any]:
    """Give the whole events of a stream that may be cut, without its comments."""
    response.body = response.body[: response.body.rfind(b"\n\n") + 2]
    return [one for one in response.events if one is not None]
