"""Law 6 (one end) for stored responses: there is one end, and clients see only a stored one."""

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.settings import Http
from tests.support.fake_backend import MODEL_FAILED
from tests.support.http_cases import RESPONSES
from tests.support.in_memory_server import Connection, InMemoryServer, Response, parse
from tests.support.sentences import broken_sentences, sentences

SETTINGS = Http(max_buffer_bytes=500, pause_seconds=1.0, write_timeout_seconds=3.0, keepalive_seconds=5.0)

ACTS = st.sampled_from(
    (
        *("emit", "emit", "emit_unsettled", "fail", "settle", "delay_store", "resume_store", "break_store"),
        *("disconnect", "follow", "cancel", "wait", "stop", "stop_reading", "read"),
    )
)
"""The actions that are drawn; the model emits the next events of its sentence."""

UNSAVED_AT_THE_STOP = [("emit", 1), ("delay_store", 1), ("stop", 1), ("emit", 1), ("wait", 12)]
"""The daemon stops before the store has stored an end; the store stores it after that."""


class StoredResponseRun:
    """One stored response with its client, the connections that follow it, and the store.

    Attributes:
        followers: the connections that stream the response.
        store_failed: a store call may have failed.
    """

    def __init__(self, script: tuple[e.Event, ...], stream: bool, background: bool) -> None:
        self.server = InMemoryServer(SETTINGS, drain_seconds=2.0)
        self.script = list(script)
        self.stream, self.background = stream, background
        self.store_failed = False
        self.client = self.server.connect()
        body = {"model": "gpt-5", "input": "hi", "stream": stream, "background": background}
        self.client.request("POST", RESPONSES, body)
        self.followers = [self.client] if stream else []
        (self.turn,) = self.server.backend.turns

    @property
    def id(self) -> str:
        """The id of the response, if the client has received it."""
        return _received_id(self.client) or "resp_none"

    def act(self, act: str, size: int) -> None:
        getattr(self, "_" + act)(size)

    def _emit_unsettled(self, size: int) -> None:
        self.turn.emit_unsettled(*self.script[:size])
        del self.script[:size]

    def _emit(self, size: int) -> None:
        self._emit_unsettled(size)
        self.turn.sink.settle()

    def _fail(self, size: int) -> None:
        self.turn.emit_unsettled(e.Failed(MODEL_FAILED))

    def _settle(self, size: int) -> None:
        self.turn.sink.settle()

    def _delay_store(self, size: int) -> None:
        self.server.store.delay_calls()

    def _resume_store(self, size: int) -> None:
        self.server.store.run_delayed_calls()

    def _break_store(self, size: int) -> None:
        self.store_failed = True
        self.server.store.fail()

    def _disconnect(self, size: int) -> None:
        (self.followers or [self.client])[-1].disconnect()

    def _follow(self, size: int) -> None:
        if self.background:
            self.followers.append(self.server.connect())
            self.followers[-1].request("GET", f"{RESPONSES}/{self.id}?stream=true&starting_after={size - 1}")

    def _cancel(self, size: int) -> None:
        if self.background:
            self.server.connect().request("POST", f"{RESPONSES}/{self.id}/cancel")

    def _wait(self, size: int) -> None:
        self.server.clock.advance(size / 4)

    def _stop(self, size: int) -> None:
        self.server.drain.run()

    def _stop_reading(self, size: int) -> None:
        transport = (self.followers or [self.client])[-1].transport
        transport.reading = False
        if transport.producer is not None and not transport.paused:
            transport.paused = True
            transport.producer.pauseProducing()

    def _read(self, size: int) -> None:
        (self.followers or [self.client])[-1].transport.read(size * 100)

    def finish(self) -> None:
        """Emit the rest and a failure, run delayed store calls, let clients read and time pass."""
        self._emit(10**6)
        self._fail(0)
        self._settle(0)
        self.server.store.run_delayed_calls()
        for connection in (self.client, *self.followers):
            connection.transport.reading = True
            connection.transport.read(10**7)
        self.server.clock.pump([1.0] * 10)

    def retrieve(self) -> Response:
        """Return the response to a GET when the store works again."""
        response = self.server.request("GET", f"{RESPONSES}/{self.id}")
        return self.retrieve() if response.status == 500 else response

    def streams(self) -> list[list[Any]]:
        """Return the events of every stream, complete or not."""
        found = [parse(follower.received) for follower in self.followers]
        return [_events(response) for (response,) in filter(None, found) if response.status == 200]


class StoredEndTests(SynchronousTestCase):
    @settings.get_profile("many")
    @example((e.Began(), e.Ended("stop")), False, True, [("stop", 1), ("follow", 1)])
    @example((e.Began(), e.Failed(fault("cancelled"))), True, False, [("break_store", 1)])
    @example((e.Began(), e.Ended("stop")), True, False, UNSAVED_AT_THE_STOP)
    @example((e.Began(), e.Ended("stop")), False, True, [*UNSAVED_AT_THE_STOP, ("follow", 1)])
    @given(
        sentences() | broken_sentences(),
        st.booleans(),
        st.booleans(),
        st.lists(st.tuples(ACTS, st.integers(1, 12)), max_size=40),
    )
    def test_there_is_one_end_and_it_is_the_stored_one_whatever_happens(
        self, script: tuple[e.Event, ...], stream: bool, background: bool, acts: list[tuple[str, int]]
    ) -> None:
        run = StoredResponseRun(script, stream, background)
        for act, size in acts:
            run.act(act, size)
        run.finish()
        self.assertEqual([failure.value for failure in self.flushLoggedErrors()], [])
        self.assert_nothing_leaks(run)
        self.assert_one_end(run)
        self.assert_stored_as_sent(run)
        if not run.store_failed:
            self.assert_streams_agree(run)

    def assert_nothing_leaks(self, run: StoredResponseRun) -> None:
        for gauge in ("requests", "background"):
            self.assertEqual(run.server.metric(f"codexd_{gauge}_running"), 0)
        actions = run.turn.actions
        self.assertEqual(actions.count("pause"), 0 if run.background else actions.count("resume"))
        self.assertLessEqual(actions.count("cancel"), 1)
        timers = [call.getTime() - run.server.clock.seconds() for call in run.server.clock.getDelayedCalls()]
        self.assertEqual([seconds for seconds in timers if seconds < SETTINGS.idle_seconds / 2], [])
        ended = [record for record in run.server.log.records if record.method == "background"]
        self.assertEqual(len(ended), int(run.background))

    def assert_one_end(self, run: StoredResponseRun) -> None:
        for events in run.streams():
            self.assertLessEqual(len([one for one in events if _is_end(one)]), 1)
        for follower in run.followers:
            if follower.transport.connected:
                response = follower.response
                self.assertTrue(response.whole)
                events = _events(response) if response.status == 200 else []
                self.assertEqual(list(map(_is_end, events)), [False] * (len(events) - 1) + [True] * bool(events))

    def assert_stored_as_sent(self, run: StoredResponseRun) -> None:
        sent = [events[-1]["response"] for events in run.streams() if events and _is_end(events[-1])]
        shown = run.retrieve()
        if not (run.stream or run.background) and run.id != "resp_none":
            sent.append(run.client.response.json)
        for snapshot in sent:
            # A failure need not be stored where the store fails, too.
            if snapshot["status"] not in ("failed", "cancelled") or not run.store_failed:
                self.assertEqual(shown.json, snapshot)
        if run.id != "resp_none" and not run.store_failed:
            self.assertEqual(shown.status, 200)
        if shown.status == 200:
            self.assertNotIn(shown.json["status"], ("queued", "in_progress"))

    def assert_streams_agree(self, run: StoredResponseRun) -> None:
        seen: dict[int, Any] = {}
        for events in run.streams():
            numbers = [one["sequence_number"] for one in events]
            self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))) if numbers else [])
            for one in events:
                self.assertEqual(seen.setdefault(one["sequence_number"], one), one)


_TERMINAL = ("response.completed", "response.incomplete", "response.failed")


def _is_end(event: Any) -> bool:
    return event["type"] in _TERMINAL


def _received_id(connection: Connection) -> str | None:
    """Return the response id that the client has received, if any."""
    for response in parse(connection.received):
        if response.status != 200:
            continue
        if "event-stream" not in response.headers["content-type"]:
            return str(response.json["id"])
        if events := _events(response):
            return str(events[0]["response"]["id"])
    return None


def _events(response: Response) -> list[Any]:
    """Return the complete events of a stream that may be cut, without comments."""
    response.body = response.body[: response.body.rfind(b"\n\n") + 2]
    return [one for one in response.events if one is not None]
