from itertools import product

from codexd.fronts.chat import DecodedChatRequest
from codexd.fronts.chat.stream import ChatEncoder
from codexd.http.request import Request
from codexd.neutral import event as e
from codexd.neutral.fault import fault
from tests.support.cases import each_set_up
from tests.support.fake_backend import MODEL_FAILED, USAGE, message, text_answer
from tests.support.http_cases import ChatTestCase


class OutputGapTests(ChatTestCase):
    def count(self) -> tuple[float, float]:
        """Return the number and the sum of the gaps."""
        names = ("codexd_output_gap_seconds_count", "codexd_output_gap_seconds_sum")
        count, total = (self.server.metric(name, backend="") for name in names)
        return count, total

    def test_the_time_between_two_arrivals_of_output_is_observed(self) -> None:
        for stream in each_set_up(self, True, False):
            (turn,) = self.ask(stream=stream)
            self.server.clock.advance(2)
            turn.emit(e.Began(), e.MessageOpened(0, "m"), e.TextDelta(0, "a"))
            self.server.clock.advance(0.5)
            turn.emit(e.TextDelta(0, "b"), e.TextDelta(0, "c"))
            self.server.clock.advance(0.25)
            turn.emit(e.MessageClosed(0), e.UsageReported(USAGE), e.Ended("stop"))
            self.assertEqual(self.count(), (2, 0.75))

    def test_keep_alives_are_no_output(self) -> None:
        turn = self.start_stream()
        turn.emit(e.Began(), e.MessageOpened(0, "m"), e.TextDelta(0, "a"))
        for _ in range(6):
            self.server.clock.advance(10)
        turn.emit(e.MessageClosed(0), e.Ended("stop"))
        self.assertEqual(self.count(), (1, 60))


class FailureTests(ChatTestCase):
    def test_a_failure_before_the_first_event_is_an_http_error_for_a_stream_too(self) -> None:
        for stream in each_set_up(self, True, False):
            (turn,) = self.ask(stream=stream)
            turn.emit(e.Failed(fault("rate_limited", retry_after_seconds=7.2)))
            response = self.connection.response
            self.assertEqual((response.status, response.reason), (429, "Too Many Requests"))
            self.assertEqual(response.error["code"], "rate_limit_exceeded")
            self.assertEqual(response.headers["retry-after"], "8")
            self.assertEqual(response.headers["content-type"], "application/json")
            self.assertTrue(self.connection.open)
            self.assertEqual(self.server.log.records[0].outcome, "rate_limited")
            self.assert_nothing_running()

    def test_a_back_end_that_refuses_is_an_http_error(self) -> None:
        for stream in each_set_up(self, True, False):
            self.server.backend.begin_errors = [fault("not_ready")]
            self.assertEqual(self.ask(stream=stream), [])
            response = self.connection.response
            self.assertEqual((response.status, response.headers["retry-after"]), (503, "1"))
            self.assertEqual(self.server.log.records[0].outcome, "not_ready")
            self.assert_nothing_running()

    def test_a_failure_after_the_first_event_is_the_last_event_of_the_stream(self) -> None:
        turn = self.start_stream()
        turn.emit(e.Began(), e.MessageOpened(0, "m"), e.TextDelta(0, "a"))
        turn.emit(e.Failed(fault("stream_cut")))
        response = self.connection.response
        self.assertEqual((response.status, response.whole), (200, True))
        self.assertEqual(response.events[-1]["error"]["code"], "stream_cut")
        self.assertNotIn(b"[DONE]", response.body)
        self.assertEqual(self.server.log.records[0].outcome, "stream_cut")
        self.assert_nothing_running()

    def test_a_turn_that_failed_is_not_cancelled(self) -> None:
        turn = self.start_stream()
        turn.emit(e.Failed(MODEL_FAILED))
        self.assertEqual(turn.actions, [])

    def test_an_exception_in_begin_is_one_internal_error(self) -> None:
        for stream in each_set_up(self, True, False):
            self.server.backend.begin_errors = [ZeroDivisionError("secret")]
            self.ask(stream=stream)
            response = self.connection.response
            self.assertEqual((response.status, response.error["code"]), (500, "internal"))
            self.assertNotIn(b"secret", self.connection.received)
            self.assertEqual(self.server.metric("codexd_internal_error_total"), 1)
            self.assert_nothing_running()

    def test_an_exception_in_the_encoder_is_one_internal_error_inside_the_stream(self) -> None:
        self.fail_at_text(ChatEncoder)
        turn = self.start_stream()
        turn.emit(e.Began(), e.MessageOpened(0, "m"))
        turn.emit(e.TextDelta(0, "a"), e.TextDelta(0, "b"))
        events = self.connection.response.events
        self.assertEqual([one["error"]["code"] for one in events if "error" in one], ["internal"])
        self.assertEqual(turn.actions, ["cancel"])
        self.assertEqual(self.server.metric("codexd_internal_error_total"), 1)
        self.assert_nothing_running()

    def test_an_exception_at_the_first_event_is_an_http_error(self) -> None:
        self.patch(ChatEncoder, "feed", lambda me, event, choice=0: 1 / 0)
        turn = self.start_stream()
        turn.emit(e.Began())
        self.assertEqual(self.connection.response.status, 500)
        self.assertEqual(turn.actions, ["cancel"])

    def test_a_stream_whose_end_cannot_be_encoded_is_aborted(self) -> None:
        turn = self.start_stream()
        turn.emit(e.Began())
        self.patch(ChatEncoder, "feed", lambda me, event, choice=0: 1 / 0)
        turn.emit(e.Failed(MODEL_FAILED))
        self.assertTrue(self.connection.transport.aborted)
        self.assertFalse(self.connection.response.whole)
        self.assert_nothing_running()

    def test_a_stream_that_cannot_be_written_is_aborted(self) -> None:
        turn = self.start_stream()
        turn.emit(e.Began(), e.MessageOpened(0, "m"))
        self.patch(Request, "write", lambda me, data: 1 / 0)
        turn.emit(e.TextDelta(0, "a"))
        self.assertTrue(self.connection.transport.aborted)
        self.assertEqual(turn.actions, ["cancel"])
        self.assert_nothing_running()

    def test_a_body_that_cannot_be_rendered_is_one_internal_error(self) -> None:
        self.patch(DecodedChatRequest, "render", lambda me, replies, identity: 1 / 0)
        (turn,) = self.ask()
        turn.emit(*text_answer())
        self.assertEqual(self.connection.response.status, 500)
        self.assertEqual(self.server.log.records[0].outcome, "internal")
        self.assert_nothing_running()

    def test_a_keepalive_that_cannot_be_encoded_is_one_internal_error(self) -> None:
        self.patch(ChatEncoder, "keep_alive", lambda me: 1 / 0)
        turn = self.start_stream()
        self.server.clock.advance(15)
        self.assertEqual(self.connection.response.events[-1]["error"]["code"], "internal")
        self.assertEqual(turn.actions, ["cancel"])


class EndTests(ChatTestCase):
    """Law 6 (one end): an answer has exactly one end and nothing after it."""

    def test_nothing_follows_the_end(self) -> None:
        for end, stream in each_set_up(self, *product((e.Ended("stop"), e.Failed(MODEL_FAILED)), (True, False))):
            (turn,) = self.ask(stream=stream)
            turn.emit(e.Began(), end)
            before = self.connection.received
            turn.emit(e.MessageOpened(0, "m"), e.TextDelta(0, "a"), e.Ended("stop"), e.Failed(MODEL_FAILED))
            self.server.clock.advance(1000)
            self.assertEqual(self.connection.received, before)
            self.assertEqual(len(self.server.log.records), 1)

    def test_nothing_follows_the_end_in_the_same_reactor_turn(self) -> None:
        turn = self.start_stream()
        turn.emit(e.Began(), e.Failed(MODEL_FAILED), e.MessageOpened(0, "m"), e.TextDelta(0, "a"), e.Ended("stop"))
        self.assertEqual(self.texts()[0], "")
        self.assertEqual(len(self.texts()), 2)

    def test_no_keepalive_follows_an_unsettled_end(self) -> None:
        self.server.clock.callLater(15, lambda: turn.emit_unsettled(e.Began(), e.Ended("stop")))
        turn = self.start_stream()
        self.server.clock.advance(15)
        turn.emit()
        self.assertEqual(self.texts()[-1], "[DONE]")
        self.assertEqual(self.texts().count("[DONE]"), 1)


class ChoiceTests(ChatTestCase):
    def test_every_choice_is_a_separate_turn(self) -> None:
        first, second, third = self.ask(n=3)
        self.assertEqual(first.turn, third.turn)
        for turn, text in ((third, "c"), (first, "a"), (second, "b")):
            turn.emit(*text_answer(text))
        choices = self.connection.response.json["choices"]
        self.assertEqual([(one["index"], one["message"]["content"]) for one in choices], [(0, "a"), (1, "b"), (2, "c")])
        self.assertEqual(self.server.log.records[0].tokens()["input"], 3 * USAGE.input_tokens)

    def test_choices_are_streamed_interleaved_and_end_together(self) -> None:
        first, second = self.ask(n=2, stream=True)
        first.emit(*text_answer("a"))
        self.assertNotIn(b"[DONE]", self.connection.received)
        second.emit(*text_answer("b"))
        chunks = [one["choices"][0] for one in self.connection.response.events[:-1]]
        self.assertEqual([one["delta"].get("content") for one in chunks if one["index"] == 1], ["", "b", None])
        self.assertEqual(self.texts()[-1], "[DONE]")

    def test_a_failed_choice_cancels_the_others_and_there_is_one_error(self) -> None:
        for stream in each_set_up(self, True, False):
            first, second, third = self.ask(n=3, stream=stream)
            first.emit(*text_answer())
            second.emit(e.Began())
            third.emit(e.Failed(MODEL_FAILED))
            second.emit(e.Failed(MODEL_FAILED))
            self.assertEqual([turn.actions for turn in (first, second, third)], [[], ["cancel"], []])
            self.assertEqual(self.connection.received.count(b'{"error":'), 1)
            self.assertNotIn(b"[DONE]", self.connection.received)
            self.assert_nothing_running()

    def test_a_choice_that_cannot_begin_cancels_those_that_did_and_no_more_are_begun(self) -> None:
        for stream in each_set_up(self, True, False):
            self.server.backend.begin_errors = [None, fault("busy")]
            turns = self.ask(n=4, stream=stream)
            self.assertEqual([turn.actions for turn in turns], [["cancel"]])
            self.assertEqual(self.connection.response.status, 429)
            self.assert_nothing_running()

    def test_after_a_choice_that_fails_inside_begin_no_more_are_begun(self) -> None:
        self.server.backend.immediate_events = (e.Failed(MODEL_FAILED),)
        self.assertEqual(len(self.ask(n=3)), 1)
        self.assertEqual(self.connection.response.status, 502)

    def test_a_choice_that_cannot_begin_after_the_first_event_is_an_error_inside_the_stream(self) -> None:
        self.server.backend.immediate_events = (e.Began(),)
        self.server.backend.begin_errors = [None, fault("busy")]
        (first,) = self.ask(n=2, stream=True)
        self.assertEqual(self.connection.response.status, 200)
        self.assertEqual(self.connection.response.events[-1]["error"]["code"], "rate_limit_exceeded")
        self.assertEqual(first.actions, ["cancel"])

    def test_events_after_the_end_of_a_choice_are_dropped(self) -> None:
        first, second = self.ask(n=2, stream=True)
        first.emit(*text_answer("a"), e.TextDelta(0, "more"), e.Ended("stop"), e.Failed(MODEL_FAILED))
        second.emit(*text_answer("b"))
        self.assertNotIn(b"more", self.connection.received)
        self.assertEqual(self.texts()[-1], "[DONE]")


class ClientLeftTests(ChatTestCase):
    def test_every_choice_is_cancelled_at_once(self) -> None:
        for stream, events in each_set_up(self, *product((True, False), ((), (e.Began(),)))):
            turns = self.ask(n=2, stream=stream)
            turns[0].emit(*events)
            self.connection.disconnect()
            self.assertEqual([turn.actions for turn in turns], [["cancel"], ["cancel"]])
            self.assertEqual(self.server.log.records[0].outcome, "client_disconnected")
            self.assertEqual(self.server.metric("codexd_client_disconnected_total"), 1)
            self.assert_nothing_running()

    def test_events_after_the_client_disconnected_are_dropped(self) -> None:
        for stream in each_set_up(self, True, False):
            (turn,) = self.ask(stream=stream)
            self.connection.disconnect()
            turn.emit(*text_answer())
            self.server.clock.advance(1000)
            self.assertEqual(len(self.server.log.records), 1)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_a_client_that_leaves_in_the_reactor_turn_of_the_end_is_no_error(self) -> None:
        turn = self.start_stream()
        turn.emit_unsettled(*text_answer())
        self.connection.disconnect()
        self.server.clock.advance(0)
        self.assertEqual(self.server.log.records[0].outcome, "client_disconnected")
        self.assert_nothing_running()

    def test_the_logged_status_is_499_if_none_was_sent(self) -> None:
        for events, status in each_set_up(self, ((), 499), ((e.Began(),), 200)):
            self.start_stream().emit(*events)
            self.connection.disconnect()
            self.assertEqual(self.server.log.records[0].status, status)


class RequestLogTests(ChatTestCase):
    def test_the_time_of_the_first_event_and_the_usage_are_logged(self) -> None:
        turn = self.start_stream(prediction={})
        self.server.clock.advance(0.25)
        turn.emit(e.Began())
        self.server.clock.advance(1)
        turn.emit(*message(), e.UsageReported(USAGE), e.Ended("stop"))
        (record,) = self.server.log.records
        self.assertEqual((record.first_event_seconds, record.seconds), (0.25, 1.25))
        self.assertEqual(record.tokens()["output"], USAGE.output_tokens)
        self.assertEqual(record.ignored, ("prediction",))

    def test_the_first_event_is_the_earliest_of_all_choices(self) -> None:
        first, second = self.ask(n=2)
        self.server.clock.advance(0.25)
        second.emit(*text_answer())
        self.server.clock.advance(1)
        first.emit(*text_answer())
        self.assertEqual(self.server.log.records[0].first_event_seconds, 0.25)

    def test_a_keepalive_is_not_the_first_event_of_the_model(self) -> None:
        turn = self.start_stream()
        self.server.clock.advance(20)
        turn.emit(*text_answer())
        self.assertEqual(self.server.log.records[0].first_event_seconds, 20)
