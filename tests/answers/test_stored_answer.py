from typing import Any

from codexd.fronts.responses.storage_encoder import ResponsesStorageEncoder
from codexd.fronts.responses.stream import ResponsesEncoder
from codexd.http.request import Request
from codexd.neutral import event as e
from codexd.settings import Http
from tests.support.fake_backend import MODEL_FAILED, FakeTurn, message, text_answer
from tests.support.http_cases import ResponsesCase, event_types
from tests.support.in_memory_server import InMemoryServer

SAID = (e.Began(), e.MessageOpened(0, "msg_0"), e.TextDelta(0, "Hel"))
REST = (e.TextDelta(0, "lo"), e.MessageClosed(0), e.Ended("stop"))


class TestKeeping(ResponsesCase):
    """What was told is kept, and what is not kept was not told."""

    def test_a_body_leaves_when_it_is_kept(self) -> None:
        turn = self.ask()
        self.store.delay_calls()
        turn.emit(*text_answer())
        self.assertEqual(self.connection.received, b"")
        self.store.run_delayed_calls()
        self.assertEqual(self.connection.response.json["status"], "completed")
        self.assert_nothing_running()

    def test_a_streams_end_leaves_when_it_is_kept_and_all_before_it_at_once(self) -> None:
        turn = self.ask(stream=True)
        self.store.delay_calls()
        turn.emit(*text_answer())
        self.assertEqual(event_types(self.connection)[-1], "output_item.done")
        self.assertFalse(self.connection.response.whole)
        self.store.run_delayed_calls()
        self.assertEqual(event_types(self.connection)[-1], "completed")
        self.assertTrue(self.connection.response.whole)
        self.assert_nothing_running()

    def test_what_is_shown_again_is_what_was_told(self) -> None:
        for ended in (e.Ended("stop"), e.Ended("length"), e.Ended("content_filter"), e.Failed(MODEL_FAILED)):
            turn = self.ask(stream=True, metadata={"a": "b"})
            turn.emit(e.Began(), *message())
            self.server.clock.advance(3)
            turn.emit(ended)
            self.server.clock.advance(100)
            told = self.connection.response.events[-1]["response"]
            self.assertEqual(self.get(self.response_id).json, told)

    def test_a_body_is_shown_again_to_the_byte(self) -> None:
        turn = self.ask()
        self.server.clock.advance(3)
        turn.emit(*text_answer())
        self.server.clock.advance(100)
        self.assertEqual(self.get(self.response_id).body, self.connection.response.body)

    def test_an_answer_that_is_not_to_be_kept_is_not(self) -> None:
        self.ask(store=False).emit(*text_answer())
        self.assertEqual(self.get(self.response_id).status, 404)
        self.assertNotIn("save_response", self.store.calls)

    def test_a_failure_before_the_first_byte_is_an_error_and_not_kept(self) -> None:
        for stream in (True, False):
            self.ask(stream=stream).emit(e.Failed(MODEL_FAILED))
            self.assertEqual(self.connection.response.status, 502)
        self.ask().emit(*SAID, e.Failed(MODEL_FAILED))
        self.assertEqual(self.connection.response.status, 502)
        self.assertNotIn("save_response", self.store.calls)

    def test_the_model_is_not_held_while_the_store_works(self) -> None:
        turn = self.ask(stream=True)
        self.store.delay_calls()
        turn.emit(*text_answer())
        self.assertEqual(turn.actions, [])

    def test_keepalives_go_on_while_the_store_works(self) -> None:
        turn = self.ask(stream=True)
        self.store.delay_calls()
        turn.emit(*text_answer())
        self.server.clock.pump([5.0] * 6)
        self.assertEqual(event_types(self.connection)[-2:], ["keepalive", "keepalive"])
        self.store.run_delayed_calls()
        events = self.connection.response.events
        self.assertEqual(event_types(self.connection)[-1], "completed")
        self.assertEqual([one["sequence_number"] for one in events], list(range(len(events))))


class TestAStoreThatFails(ResponsesCase):
    def test_before_the_first_byte_it_is_an_http_error(self) -> None:
        turn = self.ask()
        self.store.fail()
        turn.emit(*text_answer())
        response = self.connection.response
        self.assertEqual((response.status, response.error["type"]), (500, "server_error"))
        self.assertEqual(response.headers["x-should-retry"], "false")
        self.assertEqual(self.server.log.records[-1].outcome, "store_failed")
        self.assert_nothing_running()

    def test_after_it_the_stream_ends_as_failed(self) -> None:
        turn = self.ask(stream=True)
        self.store.fail()
        turn.emit(*text_answer())
        last = self.connection.response.events[-1]
        self.assertEqual((last["type"], last["response"]["status"]), ("response.failed", "failed"))
        self.assertNotIn("completed", event_types(self.connection))
        self.assertEqual(self.server.log.records[-1].outcome, "store_failed")
        self.assertEqual(self.get(self.response_id).status, 404)
        self.assert_nothing_running()

    def test_an_answer_that_failed_says_why_it_did(self) -> None:
        turn = self.ask(stream=True)
        turn.emit(*SAID)
        self.store.fail()
        turn.emit(e.Failed(MODEL_FAILED))
        error = self.connection.response.events[-1]["response"]["error"]
        self.assertEqual(error["message"], MODEL_FAILED.message)
        self.assertEqual(self.server.log.records[-1].outcome, "model_failed")

    def test_an_answer_that_cannot_be_written_down_is_an_internal_error(self) -> None:
        self.patch(ResponsesStorageEncoder, "encode", lambda *args: 1 / 0)
        for stream in (True, False):
            self.ask(stream=stream).emit(*text_answer())
            self.assertEqual(self.server.log.records[-1].outcome, "internal")
        self.assertEqual(self.connection.response.status, 500)
        self.assert_nothing_running()


class TestClientsThatLeave(ResponsesCase):
    def one_kept(self) -> dict[str, Any]:
        return dict(self.get(self.kept_id).json)

    def leave_after(self, *said: e.Event, **fields: object) -> FakeTurn:
        turn = self.ask(stream=True, **fields)
        turn.emit(*said)
        self.kept_id = self.response_id
        self.connection.disconnect()
        return turn

    def test_what_was_said_so_far_is_kept_as_cancelled(self) -> None:
        turn = self.leave_after(*SAID)
        self.assertEqual(turn.actions, ["cancel"])
        shown = self.one_kept()
        self.assertEqual((shown["status"], shown["error"]), ("cancelled", None))
        self.assertEqual(shown["output"][0]["content"][0]["text"], "Hel")
        self.assert_nothing_running()

    def test_one_that_was_told_nothing_leaves_nothing(self) -> None:
        for stream, said in ((True, ()), (False, ()), (False, SAID)):
            self.ask(stream=stream).emit(*said)
            self.connection.disconnect()
        self.assertNotIn("save_response", self.store.calls)
        self.assert_nothing_running()

    def test_one_that_was_told_nothing_because_nothing_was_flushed_leaves_nothing(self) -> None:
        turn = self.ask(stream=True)
        turn.emit_unsettled(*SAID)
        self.connection.disconnect()
        turn.emit(*REST)
        self.assertNotIn("save_response", self.store.calls)

    def test_an_answer_that_had_ended_is_kept_as_it_is(self) -> None:
        turn = self.ask(stream=True)
        turn.emit(*SAID)
        self.kept_id = self.response_id
        turn.emit_unsettled(*REST)
        self.connection.disconnect()
        self.assertEqual(self.one_kept()["status"], "completed")

    def test_what_is_being_kept_is_kept_though_the_client_leaves(self) -> None:
        for stream in (True, False):
            turn = self.ask(stream=stream)
            self.store.delay_calls()
            turn.emit(*text_answer())
            before = self.connection.received
            self.connection.disconnect()
            self.store.run_delayed_calls()
            self.assert_nothing_running()
            self.assertEqual(self.connection.received, before)
        self.assertEqual(self.store.calls.count("save_response"), 2)
        self.assertEqual([record.outcome for record in self.server.log.records], ["client_disconnected"] * 2)

    def test_a_store_that_fails_for_one_that_left_is_nobodys_news(self) -> None:
        turn = self.ask(stream=True)
        turn.emit(*SAID)
        self.store.fail()
        self.connection.disconnect()
        self.assertEqual(self.server.log.records[-1].outcome, "client_disconnected")
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_a_reader_that_is_cut_has_its_answer_kept(self) -> None:
        self.open(InMemoryServer(Http(write_timeout_seconds=5.0)))
        turn = self.ask(stream=True)
        turn.emit(*SAID)
        self.kept_id = self.response_id
        self.connection.transport.reading = False
        turn.emit(e.TextDelta(0, "a" * 70_000))
        turn.emit(e.TextDelta(0, "b"))
        self.server.clock.advance(6)
        self.assertTrue(self.connection.transport.aborted)
        self.assertEqual(self.one_kept()["status"], "cancelled")
        self.assert_nothing_running()

    def test_a_stream_that_breaks_has_its_answer_kept_as_failed(self) -> None:
        turn = self.ask(stream=True)
        turn.emit(*SAID)
        self.kept_id = self.response_id
        feed = ResponsesEncoder.feed
        self.patch(ResponsesEncoder, "feed", lambda me, event, choice=0: feed(me, _sound(event), choice))
        turn.emit(*REST)
        self.assertEqual(event_types(self.connection)[-1], "failed")
        self.assertEqual(self.one_kept()["status"], "failed")

    def test_a_stream_whose_end_cannot_be_written_is_broken_off_and_kept(self) -> None:
        turn = self.ask(stream=True)
        turn.emit(*SAID)
        self.kept_id = self.response_id
        self.patch(Request, "write", lambda me, data: 1 / 0)
        turn.emit(*REST)
        self.assertTrue(self.connection.transport.aborted)
        self.assert_nothing_running()


def _sound(event: e.Event) -> e.Event:
    if isinstance(event, e.TextDelta):
        raise ValueError("secret")
    return event


class TestStopping(ResponsesCase):
    def test_one_that_takes_too_long_is_kept_as_failed_before_it_is_told(self) -> None:
        turn = self.ask(stream=True)
        turn.emit(*SAID)
        closed = self.server.active.drain()
        self.store.delay_calls()
        self.server.clock.advance(10)
        self.assertEqual(turn.actions, ["cancel"])
        self.assertNoResult(closed)
        self.store.run_delayed_calls()
        self.assertEqual(event_types(self.connection)[-1], "failed")
        self.successResultOf(closed)
        self.assert_nothing_running()

    def test_one_that_is_being_kept_is_waited_for(self) -> None:
        for stream in (True, False):
            self.setUp()
            turn = self.ask(stream=stream)
            self.store.delay_calls()
            turn.emit(*text_answer())
            closed = self.server.active.drain()
            self.server.clock.advance(20)
            self.assertNoResult(closed)
            self.assertFalse(self.connection.transport.aborted)
            self.store.run_delayed_calls()
            self.assertTrue(self.connection.response.whole)
            self.successResultOf(closed)
            self.assert_nothing_running()

    def test_its_client_is_cut_if_it_does_not_read_then(self) -> None:
        turn = self.ask(stream=True)
        self.connection.transport.reading = False
        turn.emit(*SAID, e.TextDelta(0, "a" * 70_000))
        turn.emit(e.TextDelta(0, "b"))
        self.store.delay_calls()
        turn.emit(*REST)
        closed = self.server.active.drain()
        self.server.clock.advance(10)
        self.assertFalse(self.connection.transport.aborted)
        self.store.run_delayed_calls()
        self.assertTrue(self.connection.transport.aborted)
        self.successResultOf(closed)
        self.assert_nothing_running()
