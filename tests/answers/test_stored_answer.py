from typing import Any

from codexd.fronts.responses.storage_encoder import ResponsesStorageEncoder
from codexd.fronts.responses.stream import ResponsesEncoder
from codexd.http.request import Request
from codexd.neutral import event as e
from codexd.settings import Http
from tests.support.cases import each_set_up
from tests.support.fake_backend import BEGINNING, MODEL_FAILED, REST, FakeTurn, message, text_answer
from tests.support.http_cases import RESPONSES, ResponsesTestCase, event_types
from tests.support.in_memory_server import InMemoryServer


class StorageTests(ResponsesTestCase):
    """What was sent is stored, and what is not stored was not sent."""

    def test_a_body_is_sent_after_it_was_stored(self) -> None:
        turn = self.ask()
        self.store.delay_calls()
        turn.emit(*text_answer())
        self.assertEqual(self.connection.received, b"")
        self.store.run_delayed_calls()
        self.assertEqual(self.connection.response.json["status"], "completed")
        self.assert_nothing_running()

    def test_the_end_of_a_stream_is_sent_after_it_was_stored_and_everything_before_at_once(self) -> None:
        turn = self.ask(stream=True)
        self.store.delay_calls()
        turn.emit(*text_answer())
        self.assertEqual(event_types(self.connection)[-1], "output_item.done")
        self.assertFalse(self.connection.response.whole)
        self.store.run_delayed_calls()
        self.assertEqual(event_types(self.connection)[-1], "completed")
        self.assertTrue(self.connection.response.whole)
        self.assert_nothing_running()

    def test_the_stored_response_equals_the_one_that_was_sent(self) -> None:
        for ended in (e.Ended("stop"), e.Ended("length"), e.Ended("content_filter"), e.Failed(MODEL_FAILED)):
            turn = self.ask(stream=True, metadata={"a": "b"})
            turn.emit(e.Began(), *message())
            self.server.clock.advance(3)
            turn.emit(ended)
            self.server.clock.advance(100)
            sent = self.connection.response.events[-1]["response"]
            self.assertEqual(self.get(self.response_id).json, sent)

    def test_the_stored_body_equals_the_one_that_was_sent_to_the_byte(self) -> None:
        turn = self.ask()
        self.server.clock.advance(3)
        turn.emit(*text_answer())
        self.server.clock.advance(100)
        self.assertEqual(self.get(self.response_id).body, self.connection.response.body)

    def test_an_answer_with_store_false_is_not_stored(self) -> None:
        self.ask(store=False).emit(*text_answer())
        self.assertEqual(self.get(self.response_id).status, 404)
        self.assertNotIn("save_response", self.store.calls)

    def test_a_failure_before_the_first_byte_is_an_error_and_not_stored(self) -> None:
        for stream in (True, False):
            self.ask(stream=stream).emit(e.Failed(MODEL_FAILED))
            self.assertEqual(self.connection.response.status, 502)
        self.ask().emit(*BEGINNING, e.Failed(MODEL_FAILED))
        self.assertEqual(self.connection.response.status, 502)
        self.assertNotIn("save_response", self.store.calls)

    def test_the_model_is_not_paused_while_the_end_is_stored(self) -> None:
        turn = self.ask(stream=True)
        self.store.delay_calls()
        turn.emit(*text_answer())
        self.assertEqual(turn.actions, [])

    def test_keepalives_are_sent_while_the_end_is_stored(self) -> None:
        turn = self.ask(stream=True)
        self.store.delay_calls()
        turn.emit(*text_answer())
        self.server.clock.pump([5.0] * 6)
        self.assertEqual(event_types(self.connection)[-2:], ["keepalive", "keepalive"])
        self.store.run_delayed_calls()
        events = self.connection.response.events
        self.assertEqual(event_types(self.connection)[-1], "completed")
        self.assertEqual([one["sequence_number"] for one in events], list(range(len(events))))


class StoreFailureTests(ResponsesTestCase):
    def test_before_the_first_byte_a_store_failure_is_an_http_error(self) -> None:
        turn = self.ask()
        self.store.fail()
        turn.emit(*text_answer())
        response = self.connection.response
        self.assertEqual((response.status, response.error["type"]), (500, "server_error"))
        self.assertEqual(response.headers["x-should-retry"], "false")
        self.assertEqual(self.server.log.records[-1].outcome, "store_failed")
        self.assert_nothing_running()

    def test_after_the_first_byte_a_store_failure_ends_the_stream_as_failed(self) -> None:
        turn = self.ask(stream=True)
        self.store.fail()
        turn.emit(*text_answer())
        last = self.connection.response.events[-1]
        self.assertEqual((last["type"], last["response"]["status"]), ("response.failed", "failed"))
        self.assertNotIn("completed", event_types(self.connection))
        self.assertEqual(self.server.log.records[-1].outcome, "store_failed")
        self.assertEqual(self.get(self.response_id).status, 404)
        self.assert_nothing_running()

    def test_the_failure_of_the_model_is_reported_rather_than_that_of_the_store(self) -> None:
        turn = self.ask(stream=True)
        turn.emit(*BEGINNING)
        self.store.fail()
        turn.emit(e.Failed(MODEL_FAILED))
        error = self.connection.response.events[-1]["response"]["error"]
        self.assertEqual(error["message"], MODEL_FAILED.message)
        self.assertEqual(self.server.log.records[-1].outcome, "model_failed")

    def test_an_answer_that_cannot_be_encoded_for_the_store_is_an_internal_error(self) -> None:
        self.patch(ResponsesStorageEncoder, "encode", lambda *args: 1 / 0)
        for stream in (True, False):
            self.ask(stream=stream).emit(*text_answer())
            self.assertEqual(self.server.log.records[-1].outcome, "internal")
        self.assertEqual(self.connection.response.status, 500)
        self.assert_nothing_running()


class ClientLeftTests(ResponsesTestCase):
    def stored_response(self) -> dict[str, Any]:
        return dict(self.get(self.stored_id).json)

    def leave_after(self, *events: e.Event, **fields: object) -> FakeTurn:
        turn = self.ask(stream=True, **fields)
        turn.emit(*events)
        self.stored_id = self.response_id
        self.connection.disconnect()
        return turn

    def test_the_answer_so_far_is_stored_as_cancelled(self) -> None:
        turn = self.leave_after(*BEGINNING)
        self.assertEqual(turn.actions, ["cancel"])
        shown = self.stored_response()
        self.assertEqual((shown["status"], shown["error"]), ("cancelled", None))
        self.assertEqual(shown["output"][0]["content"][0]["text"], "Hel")
        self.assert_nothing_running()

    def test_an_answer_without_a_sent_byte_is_not_stored(self) -> None:
        for stream, events in ((True, ()), (False, ()), (False, BEGINNING)):
            self.ask(stream=stream).emit(*events)
            self.connection.disconnect()
        self.assertNotIn("save_response", self.store.calls)
        self.assert_nothing_running()

    def test_an_answer_with_unsettled_events_only_is_not_stored(self) -> None:
        turn = self.ask(stream=True)
        turn.emit_unsettled(*BEGINNING)
        self.connection.disconnect()
        turn.emit(*REST)
        self.assertNotIn("save_response", self.store.calls)

    def test_an_ended_answer_is_stored_as_it_ended(self) -> None:
        turn = self.ask(stream=True)
        turn.emit(*BEGINNING)
        self.stored_id = self.response_id
        turn.emit_unsettled(*REST)
        self.connection.disconnect()
        self.assertEqual(self.stored_response()["status"], "completed")

    def test_a_client_that_leaves_while_the_end_is_stored_changes_nothing(self) -> None:
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

    def test_a_store_failure_after_the_client_disconnected_is_not_reported(self) -> None:
        turn = self.ask(stream=True)
        turn.emit(*BEGINNING)
        self.store.fail()
        self.connection.disconnect()
        self.assertEqual(self.server.log.records[-1].outcome, "client_disconnected")
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_the_answer_of_a_disconnected_client_is_stored(self) -> None:
        self.open(InMemoryServer(Http(write_timeout_seconds=5.0)))
        turn = self.ask(stream=True)
        turn.emit(*BEGINNING)
        self.stored_id = self.response_id
        self.connection.transport.reading = False
        turn.emit(e.TextDelta(0, "a" * 70_000))
        turn.emit(e.TextDelta(0, "b"))
        self.server.clock.advance(6)
        self.assertTrue(self.connection.transport.aborted)
        self.assertEqual(self.stored_response()["status"], "cancelled")
        self.assert_nothing_running()

    def test_an_answer_whose_event_cannot_be_encoded_is_stored_as_failed(self) -> None:
        turn = self.ask(stream=True)
        turn.emit(*BEGINNING)
        self.stored_id = self.response_id
        self.fail_at_text(ResponsesEncoder)
        turn.emit(*REST)
        self.assertEqual(event_types(self.connection)[-1], "failed")
        self.assertEqual(self.stored_response()["status"], "failed")

    def test_a_stream_whose_end_cannot_be_written_is_aborted(self) -> None:
        turn = self.ask(stream=True)
        turn.emit(*BEGINNING)
        self.stored_id = self.response_id
        self.patch(Request, "write", lambda me, data: 1 / 0)
        turn.emit(*REST)
        self.assertTrue(self.connection.transport.aborted)
        self.assert_nothing_running()


class DrainTests(ResponsesTestCase):
    def test_an_answer_that_takes_too_long_is_stored_as_failed_before_it_is_sent(self) -> None:
        turn = self.ask(stream=True)
        turn.emit(*BEGINNING)
        closed = self.drain_beyond_deadline(turn)
        self.assertEqual(event_types(self.connection)[-1], "failed")
        self.successResultOf(closed)
        self.assert_nothing_running()

    def test_draining_waits_until_the_end_is_stored(self) -> None:
        for stream in each_set_up(self, True, False):
            turn = self.ask(stream=stream)
            self.store.delay_calls()
            turn.emit(*text_answer())
            closed = self.server.drain.run()
            self.server.clock.advance(10)
            self.assertNoResult(closed)
            self.assertFalse(self.connection.transport.aborted)
            self.store.run_delayed_calls()
            self.assertTrue(self.connection.response.whole)
            self.successResultOf(closed)
            self.assert_nothing_running()

    def test_an_end_that_is_not_stored_in_time_is_a_failure_for_the_client(self) -> None:
        for stream in each_set_up(self, True, False):
            turn = self.ask(stream=stream)
            self.store.delay_calls()
            turn.emit(*text_answer())
            closed = self.server.drain.run()
            self.server.clock.pump([10, 1])
            response = self.connection.response
            error = response.events[-1]["response"]["error"] if stream else response.error
            self.assertIn("shutting down", error["message"])
            self.assertTrue(response.whole)
            self.successResultOf(closed)
            self.store.run_delayed_calls()  # what the store does later changes nothing
            self.assertEqual(len(self.connection.responses()), 1)
            self.assert_nothing_running()

    def test_a_background_response_that_is_not_stored_as_queued_in_time_is_refused(self) -> None:
        self.store.delay_calls()
        self.connection = self.server.connect()
        self.connection.request("POST", RESPONSES, {"model": "gpt-5", "input": "hi", "background": True})
        closed = self.server.drain.run()
        self.server.clock.pump([10, 1])
        self.assertEqual(self.connection.response.error["code"], "shutting_down")
        self.successResultOf(closed)
        self.store.run_delayed_calls()
        self.assert_nothing_running()

    def test_a_client_that_does_not_read_is_disconnected_once_the_end_is_stored(self) -> None:
        turn = self.ask(stream=True)
        self.connection.transport.reading = False
        turn.emit(*BEGINNING, e.TextDelta(0, "a" * 70_000))
        turn.emit(e.TextDelta(0, "b"))
        self.store.delay_calls()
        turn.emit(*REST)
        closed = self.server.drain.run()
        self.server.clock.advance(10)
        self.assertFalse(self.connection.transport.aborted)
        self.store.run_delayed_calls()
        self.server.clock.advance(2)
        self.assertTrue(self.connection.transport.aborted)
        self.successResultOf(closed)
        self.assert_nothing_running()
