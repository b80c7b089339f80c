from codexd.answers.recording import Recording
from codexd.http.request import Request
from codexd.neutral import event as e
from codexd.settings import Http
from tests.support.fake_backend import BEGINNING, REST, text_answer
from tests.support.http_cases import RESPONSES, ResponsesTestCase, event_types
from tests.support.in_memory_server import BUFFER_BYTES, Connection, InMemoryServer


class ReplayTestCase(ResponsesTestCase):
    def text(self, connection: Connection) -> str:
        events = connection.response.events
        return "".join(one["delta"] for one in events if one and one["type"] == "response.output_text.delta")


class ReplayTests(ReplayTestCase):
    def test_the_stream_of_the_request_begins_with_the_first_event(self) -> None:
        turn = self.ask(background=True, stream=True)
        self.assertEqual(event_types(self.connection), ["created", "queued"])
        turn.emit(*BEGINNING)
        self.assertEqual(event_types(self.connection)[2:4], ["in_progress", "output_item.added"])
        turn.emit(*REST)
        self.assertEqual(event_types(self.connection)[-1], "completed")
        self.assertTrue(self.connection.response.whole)
        self.assertTrue(self.connection.open)
        self.assert_nothing_running()

    def test_it_has_the_headers_of_a_stream(self) -> None:
        self.post(background=True, stream=True, prediction={})
        headers = self.connection.response.headers
        self.assertEqual(headers["content-type"], "text/event-stream; charset=utf-8")
        self.assertEqual((headers["cache-control"], headers["x-accel-buffering"]), ("no-cache", "no"))
        self.assertEqual(headers["x-codexd-ignored"], "prediction")

    def test_all_replays_send_the_same_bytes_while_the_answer_runs_and_afterwards(self) -> None:
        turn = self.ask(background=True, stream=True)
        posted, id = self.connection, self.response_id
        turn.emit(*BEGINNING)
        early, late = self.replay(id), self.replay(id, "&starting_after=3")
        turn.emit(*REST)
        stored, rest = self.replay(id), self.replay(id, "&starting_after=3")
        body = posted.response.body
        self.assertEqual([early.response.body, stored.response.body], [body, body])
        self.assertEqual(late.response.body, rest.response.body)
        self.assertTrue(body.endswith(late.response.body))
        self.assertEqual(late.response.events[0]["sequence_number"], 4)

    def test_the_last_event_contains_the_stored_response(self) -> None:
        self.start_background().emit(*text_answer())
        shown = self.get(self.background_id).json
        self.assertEqual(self.replay(self.background_id).response.events[-1]["response"], shown)

    def test_a_replay_from_the_end_of_a_running_answer_waits(self) -> None:
        turn = self.start_background()
        replay = self.replay(self.background_id, "&starting_after=1")
        self.assertEqual(replay.response.body, b"")
        turn.emit(*BEGINNING)
        self.assertEqual(event_types(replay)[0], "in_progress")

    def test_a_replay_from_the_end_of_an_ended_answer_is_empty(self) -> None:
        self.start_background().emit(*text_answer())
        last = self.replay(self.background_id).response.events[-1]["sequence_number"]
        rest = self.replay(self.background_id, f"&starting_after={last}").response
        self.assertEqual((rest.status, rest.body, rest.whole), (200, b"", True))

    def test_a_client_that_leaves_does_not_affect_the_answer(self) -> None:
        turn = self.ask(background=True, stream=True)
        id = self.response_id
        self.connection.disconnect()
        self.assertEqual(turn.actions, [])
        self.assertEqual(self.server.log.records[0].outcome, "client_disconnected")
        turn.emit(*text_answer())
        self.assertEqual(self.get(id).json["status"], "completed")
        self.assert_nothing_running()

    def test_a_client_that_leaves_is_unsubscribed(self) -> None:
        self.start_background()
        left: list[object] = []
        self.patch(Recording, "unsubscribe", lambda me, replay: left.append(replay))
        self.replay(self.background_id).disconnect()
        self.assertEqual(len(left), 1)

    def test_a_head_request_has_no_body_and_does_not_wait(self) -> None:
        self.start_background()
        response = self.server.request("HEAD", f"/v1/responses/{self.background_id}?stream=true")
        self.assertEqual((response.status, response.body), (200, b""))
        self.assertIn("event-stream", response.headers["content-type"])
        self.assertEqual(len(self.server.log.records), 2)

    def test_an_exception_in_one_replay_does_not_affect_the_others(self) -> None:
        turn = self.start_background()
        first, second = self.replay(self.background_id), self.replay(self.background_id)
        write, broken = Request.write, first.transport

        def breaking(request: Request, data: bytes) -> None:
            if request.transport is broken:
                raise ZeroDivisionError
            write(request, data)

        self.patch(Request, "write", breaking)
        turn.emit(*text_answer())
        self.assertTrue(first.transport.aborted)
        self.assertEqual(event_types(second)[-1], "completed")
        self.assert_nothing_running()


class KeepaliveTests(ReplayTestCase):
    def test_silence_is_covered_by_comments_that_are_not_recorded(self) -> None:
        turn = self.start_background()
        replay = self.replay(self.background_id)
        self.server.clock.pump([5.0] * 7)
        turn.emit(*text_answer())
        self.assertEqual(event_types(replay)[:5], ["created", "queued", "", "", "in_progress"])
        self.assertNotIn("", event_types(self.replay(self.background_id)))
        self.assert_nothing_running()

    def test_silence_is_covered_while_the_end_is_stored(self) -> None:
        turn = self.start_background()
        replay = self.replay(self.background_id)
        self.store.delay_calls()
        turn.emit(*text_answer())
        self.server.clock.advance(20)
        self.store.run_delayed_calls()
        self.assertEqual(event_types(replay)[-2:], ["", "completed"])


class SlowReplayTests(ReplayTestCase):
    def setUp(self) -> None:
        self.open(InMemoryServer(Http(write_timeout_seconds=30.0, keepalive_seconds=5.0)))
        self.turn = self.start_background()
        self.slow = self.replay(self.background_id)
        self.slow.transport.reading = False
        self.turn.emit(*BEGINNING)

    def emit_much(self) -> None:
        for _ in range(100):
            self.turn.emit(e.TextDelta(0, "a" * 10_000))

    def test_a_slow_client_neither_pauses_the_model_nor_fills_memory(self) -> None:
        self.emit_much()
        self.assertLess(self.slow.transport.unread_bytes, 2 * BUFFER_BYTES)
        self.assertEqual(self.turn.actions, [])

    def test_a_slow_client_gets_everything_later(self) -> None:
        self.emit_much()
        self.turn.emit(*REST)
        self.assertFalse(self.slow.response.whole)
        self.slow.transport.reading = True
        self.slow.transport.read(10**7)
        self.assertEqual(len(self.text(self.slow)), 1_000_005)
        self.assertTrue(self.slow.response.whole)
        self.assert_nothing_running()

    def test_a_full_transport_gets_no_keepalive(self) -> None:
        self.emit_much()
        before = len(self.slow.transport.writes)
        self.server.clock.pump([5.0] * 5)
        self.assertEqual(len(self.slow.transport.writes), before)

    def test_a_client_that_reads_nothing_is_disconnected_and_the_answer_continues(self) -> None:
        self.server.clock.advance(29)
        self.emit_much()
        self.server.clock.pump([5.0] * 5)
        self.assertFalse(self.slow.transport.aborted)
        self.server.clock.pump([5.0] * 2)
        self.assertTrue(self.slow.transport.aborted)
        self.assertEqual(self.server.log.records[-1].outcome, "slow_client")
        self.assertEqual(self.server.metric("codexd_slow_client_total"), 1)
        self.turn.emit(*REST)
        self.assertEqual(self.get(self.background_id).json["status"], "completed")
        self.assert_nothing_running()

    def test_a_client_that_delays_the_drain_is_disconnected(self) -> None:
        self.emit_much()
        self.turn.emit(*REST)
        closed = self.server.drain.run()
        self.assertNoResult(closed)
        self.server.clock.advance(10)
        self.assertFalse(self.slow.transport.aborted)
        self.assertNoResult(closed)
        self.server.clock.advance(2)
        self.assertTrue(self.slow.transport.aborted)
        self.successResultOf(closed)
        self.assert_nothing_running()

    def test_at_the_drain_deadline_the_end_is_sent_to_clients_that_read(self) -> None:
        quick = self.replay(self.background_id)
        self.emit_much()
        closed = self.server.drain.run()
        self.server.clock.advance(10)
        self.assertEqual(event_types(quick)[-1], "failed")
        self.slow.transport.read(2**30)
        self.assertEqual(event_types(self.slow)[-1], "failed")
        self.successResultOf(closed)


class DrainTests(ReplayTestCase):
    def test_a_replay_that_is_refused_while_draining_leaves_nothing_behind(self) -> None:
        turn = self.start_background()
        self.server.drain.run()
        refused = self.replay(self.background_id)
        self.assertEqual((refused.response.status, refused.response.error["code"]), (503, "shutting_down"))
        turn.emit(*BEGINNING, *REST)
        self.assertEqual(self.get(self.background_id).json["status"], "completed")
        self.assertEqual(len(refused.responses()), 1)
        self.assert_nothing_running()


class LargeReplayTests(ResponsesTestCase):
    def test_a_replay_is_active_until_its_client_has_read_it(self) -> None:
        turn = self.start_background()
        deltas = [e.TextDelta(0, "x" * 100_000)] * 20
        turn.emit(e.Began(), e.MessageOpened(0, "msg_1"), *deltas, e.MessageClosed(0), e.Ended("stop"))
        replay = self.server.connect()
        replay.transport.reading = False
        replay.request("GET", f"{RESPONSES}/{self.background_id}?stream=true")
        self.assertEqual(self.server.metric("codexd_requests_running"), 1)
        self.assertLess(len(b"".join(replay.transport.writes)), 400_000)
        replay.transport.reading = True
        for _ in range(100):
            replay.transport.read(10**7)
        self.assertEqual(event_types(replay)[-1], "completed")
        self.assertTrue(replay.response.whole)
        self.assert_nothing_running()

    def test_a_replay_whose_client_never_reads_the_end_is_disconnected(self) -> None:
        turn = self.start_background()
        turn.emit(e.Began(), e.MessageOpened(0, "msg_1"), e.TextDelta(0, "x" * 100_000))
        turn.emit(e.MessageClosed(0), e.Ended("stop"))
        replay = self.server.connect()
        replay.transport.reading = False
        replay.request("GET", f"{RESPONSES}/{self.background_id}?stream=true")
        self.server.clock.pump([10.0] * 100)
        self.assertTrue(replay.transport.aborted)
        self.assert_nothing_running()

    def test_a_position_ahead_of_a_running_answer_skips_what_it_names(self) -> None:
        turn = self.start_background()
        replay = self.replay(self.background_id, "&starting_after=5")
        turn.emit(e.Began())
        turn.emit(e.Ended("stop"))
        self.assertEqual(replay.response.body, b"")
        self.assertTrue(replay.response.whole)
        self.assert_nothing_running()
