from codexd.fronts.responses.storage_encoder import ResponsesStorageEncoder
from codexd.fronts.responses.stream import ResponsesEncoder
from codexd.neutral import event as e
from codexd.neutral.fault import fault
from tests.support.fake_backend import MODEL_FAILED, USAGE, FakeTurn, message, text_answer
from tests.support.http_cases import ResponsesCase, event_types

SAID = (e.Began(), e.MessageOpened(0, "msg_0"), e.TextDelta(0, "Hel"))
REST = (e.TextDelta(0, "lo"), e.MessageClosed(0), e.UsageReported(USAGE), e.Ended("stop"))


class WorkCase(ResponsesCase):
    def begin(self, **fields: object) -> FakeTurn:
        """Begin an answer in the background, whose client has gone when it has its id."""
        turn = self.ask(background=True, **fields)
        self.work_id = self.response_id
        self.connection.disconnect()
        return turn

    def status(self) -> str:
        return str(self.get(self.work_id).json["status"])


class TestItsLife(WorkCase):
    def test_it_is_kept_before_its_client_is_told_of_it_and_begun_then(self) -> None:
        self.store.delay_calls()
        self.post(background=True)
        self.assertEqual((self.connection.received, self.server.backend.turns), (b"", []))
        self.store.run_delayed_calls()
        shown = self.connection.response.json
        self.assertEqual((shown["status"], shown["background"]), ("queued", True))
        self.assertEqual(len(self.server.backend.turns), 1)

    def test_it_goes_from_queued_to_its_end_without_anybody(self) -> None:
        turn = self.begin()
        self.assertEqual(self.status(), "queued")
        turn.emit(*SAID)
        self.assertEqual(self.status(), "in_progress")
        self.assertEqual(self.get(self.work_id).json["output"][0]["content"][0]["text"], "Hel")
        turn.emit(*REST)
        self.assertEqual(self.status(), "completed")
        self.assertEqual(turn.actions, [])
        self.assert_nothing_running()

    def test_it_runs_until_its_end_is_kept(self) -> None:
        turn = self.begin()
        follower = self.follow(self.work_id)
        self.store.delay_calls()
        turn.emit(*text_answer())
        self.assertEqual(self.status(), "in_progress")
        self.assertEqual(event_types(follower)[-1], "output_item.done")
        self.assertEqual(self.server.metric("codexd_background_running"), 1)
        self.store.run_delayed_calls()
        self.assertEqual(self.status(), "completed")
        self.assertEqual(event_types(follower)[-1], "completed")
        self.assert_nothing_running()

    def test_a_whole_answer_inside_begin_is_an_answer(self) -> None:
        self.server.backend.immediate_events = text_answer()
        self.begin()
        self.assertEqual(self.status(), "completed")

    def test_a_flush_inside_begin_waits_until_it_has_begun(self) -> None:
        begin = self.server.backend.begin

        def flushing(turn: object, sink: object) -> object:
            begun = begin(turn, sink)
            self.server.backend.turns[-1].emit(*text_answer())
            return begun

        self.patch(self.server.backend, "begin", flushing)
        self.begin()
        self.assertEqual(self.status(), "completed")
        self.assert_nothing_running()

    def test_it_is_never_held(self) -> None:
        turn = self.begin()
        follower = self.follow(self.work_id)
        follower.transport.reading = False
        turn.emit(*SAID, *(e.TextDelta(0, "a" * 10_000) for _ in range(1000)))
        self.assertEqual(turn.actions, [])


class TestItsFailures(WorkCase):
    def test_a_model_that_fails_fails_it(self) -> None:
        for said in ((), SAID):
            self.begin().emit(*said, e.Failed(MODEL_FAILED))
            shown = self.get(self.work_id).json
            self.assertEqual((shown["status"], shown["error"]["message"]), ("failed", MODEL_FAILED.message))
        self.assert_nothing_running()

    def test_a_back_end_that_refuses_it_fails_it(self) -> None:
        for refusal in (fault("not_ready"), fault("busy"), ZeroDivisionError("secret")):
            self.server.backend.begin_errors = [refusal]
            self.post(background=True)
            self.assertEqual(self.connection.response.json["status"], "queued")
            shown = self.get(self.response_id)
            self.assertEqual(shown.json["status"], "failed")
            self.assertNotIn(b"secret", shown.body)
        self.assert_nothing_running()

    def test_an_event_that_cannot_be_written_is_one_internal_failure(self) -> None:
        turn = self.begin()
        turn.emit(*SAID)
        feed = ResponsesEncoder.feed
        self.patch(ResponsesEncoder, "feed", lambda me, event, choice=0: feed(me, _sound(event), choice))
        turn.emit(*REST)
        self.assertEqual((self.status(), turn.actions), ("failed", ["cancel"]))
        self.assertEqual(self.server.metric("codexd_internal_error_total"), 1)
        self.assert_nothing_running()

    def test_one_that_cannot_be_written_inside_begin_stops_the_model_too(self) -> None:
        begin = self.server.backend.begin

        def flushing(turn: object, sink: object) -> object:
            begun = begin(turn, sink)
            self.server.backend.turns[-1].emit(*SAID)
            return begun

        self.patch(self.server.backend, "begin", flushing)
        feed = ResponsesEncoder.feed
        self.patch(ResponsesEncoder, "feed", lambda me, event, choice=0: feed(me, _sound(event), choice))
        turn = self.begin()
        self.assertEqual((self.status(), turn.actions), ("failed", ["cancel"]))

    def test_an_end_that_can_never_be_written_breaks_its_stream_off(self) -> None:
        turn = self.begin()
        turn.emit(*SAID)
        follower = self.follow(self.work_id)
        self.patch(ResponsesEncoder, "feed", lambda me, event, choice=0: 1 / 0)
        turn.emit(*REST)
        self.assertTrue(follower.transport.aborted)
        self.assertEqual(self.status(), "failed")
        self.assert_nothing_running()

    def test_nothing_follows_its_end(self) -> None:
        turn = self.begin()
        turn.emit(*text_answer())
        before = self.get(self.work_id).body
        turn.emit(e.MessageOpened(1, "m"), e.TextDelta(1, "a"), e.Failed(MODEL_FAILED))
        self.assertEqual(self.get(self.work_id).body, before)
        self.assert_nothing_running()


def _sound(event: e.Event) -> e.Event:
    if isinstance(event, e.TextDelta):
        raise ValueError("secret")
    return event


class TestAStoreThatFails(WorkCase):
    def test_what_cannot_be_queued_is_an_http_error_and_never_begun(self) -> None:
        for stream in (True, False):
            self.store.fail()
            self.post(background=True, stream=stream)
            self.assertEqual(self.connection.response.status, 500)
            self.assertEqual(self.server.log.records[-1].outcome, "store_failed")
        self.assertEqual(self.server.backend.turns, [])
        self.assert_nothing_running()

    def test_what_cannot_be_queued_as_the_daemon_stops_is_refused_once(self) -> None:
        self.store.delay_calls()
        self.store.fail()
        self.post(background=True)
        closed = self.server.active.drain()
        self.server.clock.advance(10)
        self.store.run_delayed_calls()
        self.assertEqual(self.connection.response.status, 500)
        self.assertEqual(self.store.calls.count("save_response"), 1)
        self.successResultOf(closed)
        self.assert_nothing_running()

    def test_what_cannot_be_kept_at_its_end_has_failed(self) -> None:
        turn = self.begin()
        follower = self.follow(self.work_id)
        self.store.fail()
        turn.emit(*text_answer())
        shown = self.get(self.work_id).json
        self.assertEqual((shown["status"], shown["error"]["message"]), ("failed", "The response could not be stored."))
        self.assertEqual(follower.response.events[-1]["response"], shown)
        self.assertEqual(event_types(follower).count("failed"), 1)
        self.assert_nothing_running()

    def test_if_that_cannot_be_kept_either_it_has_failed_all_the_same(self) -> None:
        turn = self.begin()
        follower = self.follow(self.work_id)
        self.store.fail(2)
        turn.emit(*text_answer())
        self.assertEqual(event_types(follower)[-1], "failed")
        self.assertEqual(self.status(), "failed")
        self.assert_nothing_running()

    def test_what_cannot_be_written_down_has_failed(self) -> None:
        turn = self.begin()
        write = ResponsesStorageEncoder.encode
        self.patch(
            ResponsesStorageEncoder,
            "encode",
            lambda me, reply, *rest: write(me, reply, *rest) if reply.fault else 1 / 0,
        )
        turn.emit(*text_answer())
        self.assertEqual(self.status(), "failed")
        self.assert_nothing_running()


class TestStopping(WorkCase):
    def test_it_may_finish_before_the_daemon_does(self) -> None:
        turn = self.begin()
        closed = self.server.active.drain()
        self.assertNoResult(closed)
        turn.emit(*text_answer())
        self.successResultOf(closed)
        self.assertEqual(self.status(), "completed")

    def test_if_it_does_not_it_has_failed_and_that_is_kept_first(self) -> None:
        turn = self.begin()
        turn.emit(*SAID)
        closed = self.server.active.drain()
        self.store.delay_calls()
        self.server.clock.advance(10)
        self.assertEqual(turn.actions, ["cancel"])
        self.assertNoResult(closed)
        self.store.run_delayed_calls()
        self.successResultOf(closed)
        self.assertEqual(self.status(), "failed")
        self.assert_nothing_running()

    def test_one_that_is_still_queued_is_never_begun(self) -> None:
        self.store.delay_calls()
        self.post(background=True)
        closed = self.server.active.drain()
        self.server.clock.advance(10)
        self.store.run_delayed_calls()
        self.assertEqual(self.server.backend.turns, [])
        self.assertEqual(self.get(self.response_id).json["status"], "failed")
        self.successResultOf(closed)
        self.assert_nothing_running()


class TestTheJournal(WorkCase):
    def test_its_end_is_one_line_with_what_it_cost(self) -> None:
        turn = self.begin()
        self.server.clock.advance(0.25)
        turn.emit(e.Began())
        self.server.clock.advance(60)
        turn.emit(*message(), e.UsageReported(USAGE), e.Ended("stop"))
        asked, ended = self.server.log.records
        self.assertEqual((asked.method, asked.tokens()["input"]), ("POST", 0))
        self.assertEqual((ended.method, ended.route, ended.status), ("background", "/v1/responses", 200))
        self.assertEqual((ended.first_event_seconds, ended.seconds), (0.25, 60.25))
        self.assertEqual((ended.id, ended.model, ended.tokens()["input"]), (asked.id, "gpt-5", USAGE.input_tokens))

    def test_its_tokens_are_counted_once(self) -> None:
        self.begin().emit(*text_answer())
        self.get(self.work_id)
        self.assertEqual(self.server.metric("codexd_tokens_total", kind="input"), USAGE.input_tokens)

    def test_its_outcome_is_counted(self) -> None:
        self.begin().emit(*text_answer())
        self.begin().emit(e.Failed(MODEL_FAILED))
        self.assertEqual(self.server.metric("codexd_background_started_total"), 2)
        for outcome in ("ok", "model_failed"):
            self.assertEqual(self.server.metric("codexd_background_finished_total", outcome=outcome), 1)
        self.assertEqual(
            [record.status for record in self.server.log.records if record.method == "background"], [200, 502]
        )
