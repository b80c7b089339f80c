from codexd.fronts.responses.storage_encoder import ResponsesStorageEncoder
from codexd.fronts.responses.stream import ResponsesEncoder
from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.settings import Http, Responses
from tests.support.fake_backend import BEGINNING, MODEL_FAILED, REST, USAGE, message, text_answer
from tests.support.http_cases import RESPONSES, ResponsesTestCase, event_types
from tests.support.in_memory_server import InMemoryServer


class BackgroundTestCase(ResponsesTestCase):
    def emit_inside_begin(self, *events: e.Event) -> None:
        """Make the back end emit and settle these events before `begin` returns."""
        begin = self.server.backend.begin

        def settling(turn: object, context: object, sink: object) -> object:
            begun = begin(turn, context, sink)
            self.server.backend.turns[-1].emit(*events)
            return begun

        self.patch(self.server.backend, "begin", settling)

    def status(self) -> str:
        return str(self.get(self.background_id).json["status"])


class BackgroundLifecycleTests(BackgroundTestCase):
    def test_it_is_stored_as_queued_before_it_is_accepted_and_begun(self) -> None:
        self.store.delay_calls()
        self.post(background=True)
        self.assertEqual((self.connection.received, self.server.backend.turns), (b"", []))
        self.store.run_delayed_calls()
        shown = self.connection.response.json
        self.assertEqual((shown["status"], shown["background"]), ("queued", True))
        self.assertEqual(len(self.server.backend.turns), 1)

    def test_it_runs_to_its_end_without_a_client(self) -> None:
        turn = self.start_background()
        self.assertEqual(self.status(), "queued")
        turn.emit(*BEGINNING)
        self.assertEqual(self.status(), "in_progress")
        self.assertEqual(self.get(self.background_id).json["output"][0]["content"][0]["text"], "Hel")
        turn.emit(*REST)
        self.assertEqual(self.status(), "completed")
        self.assertEqual(turn.actions, [])
        self.assert_nothing_running()

    def test_it_is_in_progress_until_its_end_is_stored(self) -> None:
        turn = self.start_background()
        replay = self.replay(self.background_id)
        self.store.delay_calls()
        turn.emit(*text_answer())
        self.assertEqual(self.status(), "in_progress")
        self.assertEqual(event_types(replay)[-1], "output_item.done")
        self.assertEqual(self.server.metric("codexd_background_running"), 1)
        self.store.run_delayed_calls()
        self.assertEqual(self.status(), "completed")
        self.assertEqual(event_types(replay)[-1], "completed")
        self.assert_nothing_running()

    def test_a_complete_answer_inside_begin_is_delivered(self) -> None:
        self.server.backend.immediate_events = text_answer()
        self.start_background()
        self.assertEqual(self.status(), "completed")

    def test_events_that_are_settled_inside_begin_wait_until_the_turn_has_begun(self) -> None:
        self.emit_inside_begin(*text_answer())
        self.start_background()
        self.assertEqual(self.status(), "completed")
        self.assert_nothing_running()

    def test_its_model_is_never_paused(self) -> None:
        turn = self.start_background()
        replay = self.replay(self.background_id)
        replay.transport.reading = False
        turn.emit(*BEGINNING, *(e.TextDelta(0, "a" * 10_000) for _ in range(1000)))
        self.assertEqual(turn.actions, [])


class BackgroundFailureTests(BackgroundTestCase):
    def test_a_failure_of_the_model_is_its_end(self) -> None:
        for events in ((), BEGINNING):
            self.start_background().emit(*events, e.Failed(MODEL_FAILED))
            shown = self.get(self.background_id).json
            self.assertEqual((shown["status"], shown["error"]["message"]), ("failed", MODEL_FAILED.message))
        self.assert_nothing_running()

    def test_a_back_end_that_refuses_is_its_end(self) -> None:
        for refusal in (fault("not_ready"), fault("busy"), ZeroDivisionError("secret")):
            self.server.backend.begin_errors = [refusal]
            self.post(background=True)
            self.assertEqual(self.connection.response.json["status"], "queued")
            shown = self.get(self.response_id)
            self.assertEqual(shown.json["status"], "failed")
            self.assertNotIn(b"secret", shown.body)
        self.assert_nothing_running()

    def test_an_event_that_cannot_be_encoded_is_one_internal_failure(self) -> None:
        turn = self.start_background()
        turn.emit(*BEGINNING)
        self.fail_at_text(ResponsesEncoder)
        turn.emit(*REST)
        self.assertEqual((self.status(), turn.actions), ("failed", ["cancel"]))
        self.assertEqual(self.server.metric("codexd_internal_error_total"), 1)
        self.assert_nothing_running()

    def test_an_event_that_cannot_be_encoded_inside_begin_cancels_the_model(self) -> None:
        self.emit_inside_begin(*BEGINNING)
        self.fail_at_text(ResponsesEncoder)
        turn = self.start_background()
        self.assertEqual((self.status(), turn.actions), ("failed", ["cancel"]))

    def test_an_end_that_cannot_be_encoded_aborts_its_replays(self) -> None:
        turn = self.start_background()
        turn.emit(*BEGINNING)
        replay = self.replay(self.background_id)
        self.patch(ResponsesEncoder, "feed", lambda me, event, choice=0: 1 / 0)
        turn.emit(*REST)
        self.assertTrue(replay.transport.aborted)
        self.assertEqual(self.status(), "failed")
        self.assert_nothing_running()

    def test_nothing_follows_the_end_of_a_background_answer(self) -> None:
        turn = self.start_background()
        turn.emit(*text_answer())
        before = self.get(self.background_id).body
        turn.emit(e.MessageOpened(1, "m"), e.TextDelta(1, "a"), e.Failed(MODEL_FAILED))
        self.assertEqual(self.get(self.background_id).body, before)
        self.assert_nothing_running()


class StoreFailureTests(BackgroundTestCase):
    def test_an_answer_that_cannot_be_stored_as_queued_is_an_http_error_and_not_begun(self) -> None:
        for stream in (True, False):
            self.store.fail()
            self.post(background=True, stream=stream)
            self.assertEqual(self.connection.response.status, 500)
            self.assertEqual(self.server.log.records[-1].outcome, "store_failed")
        self.assertEqual(self.server.backend.turns, [])
        self.assert_nothing_running()

    def test_an_answer_that_cannot_be_stored_as_queued_while_draining_is_refused_once(self) -> None:
        self.store.delay_calls()
        self.store.fail()
        self.post(background=True)
        closed = self.server.drain.run()
        self.server.clock.advance(10)
        self.store.run_delayed_calls()
        self.assertEqual(self.connection.response.status, 500)
        self.assertEqual(self.store.calls.count("save_response"), 1)
        self.successResultOf(closed)
        self.assert_nothing_running()

    def test_an_end_that_cannot_be_stored_is_replaced_by_a_failure(self) -> None:
        turn = self.start_background()
        replay = self.replay(self.background_id)
        self.store.fail()
        turn.emit(*text_answer())
        shown = self.get(self.background_id).json
        self.assertEqual((shown["status"], shown["error"]["message"]), ("failed", "The response could not be stored."))
        self.assertEqual(replay.response.events[-1]["response"], shown)
        self.assertEqual(event_types(replay).count("failed"), 1)
        self.assert_nothing_running()

    def test_a_failure_that_cannot_be_stored_either_is_still_its_end(self) -> None:
        turn = self.start_background()
        replay = self.replay(self.background_id)
        self.store.fail(2)
        turn.emit(*text_answer())
        self.assertEqual(event_types(replay)[-1], "failed")
        self.assertEqual(self.status(), "failed")
        self.assert_nothing_running()

    def test_an_end_that_cannot_be_encoded_for_the_store_is_a_failure(self) -> None:
        turn = self.start_background()
        write = ResponsesStorageEncoder.encode
        self.patch(
            ResponsesStorageEncoder,
            "encode",
            lambda me, reply, *rest: write(me, reply, *rest) if reply.fault else 1 / 0,
        )
        turn.emit(*text_answer())
        self.assertEqual(self.status(), "failed")
        self.assert_nothing_running()


class DrainTests(BackgroundTestCase):
    def test_draining_waits_for_a_background_answer(self) -> None:
        turn = self.start_background()
        closed = self.server.drain.run()
        self.assertNoResult(closed)
        turn.emit(*text_answer())
        self.successResultOf(closed)
        self.assertEqual(self.status(), "completed")

    def test_a_background_answer_that_takes_too_long_is_stored_as_failed_before_the_drain_ends(self) -> None:
        turn = self.start_background()
        turn.emit(*BEGINNING)
        closed = self.drain_beyond_deadline(turn)
        self.successResultOf(closed)
        self.assertEqual(self.status(), "failed")
        self.assert_nothing_running()

    def test_a_queued_answer_is_not_begun_after_the_drain_deadline(self) -> None:
        self.store.delay_calls()
        self.post(background=True)
        closed = self.server.drain.run()
        self.server.clock.advance(10)
        self.store.run_delayed_calls()
        self.assertEqual(self.server.backend.turns, [])
        self.assertEqual(self.get(self.response_id).json["status"], "failed")
        self.successResultOf(closed)
        self.assert_nothing_running()


class RequestLogTests(BackgroundTestCase):
    def test_its_end_is_one_record_with_its_usage(self) -> None:
        turn = self.start_background()
        self.server.clock.advance(0.25)
        turn.emit(e.Began())
        self.server.clock.advance(60)
        turn.emit(*message(), e.UsageReported(USAGE), e.Ended("stop"))
        accepted, ended = self.server.log.records
        self.assertEqual((accepted.method, accepted.tokens()["input"]), ("POST", 0))
        self.assertEqual((ended.method, ended.route, ended.status), ("background", "/v1/responses", 200))
        self.assertEqual((ended.first_event_seconds, ended.seconds), (0.25, 60.25))
        self.assertEqual((ended.id, ended.model, ended.tokens()["input"]), (accepted.id, "gpt-5", USAGE.input_tokens))

    def test_its_tokens_are_counted_once(self) -> None:
        self.start_background().emit(*text_answer())
        self.get(self.background_id)
        self.assertEqual(self.server.metric("codexd_tokens_total", kind="input"), USAGE.input_tokens)

    def test_its_outcome_is_counted(self) -> None:
        self.start_background().emit(*text_answer())
        self.start_background().emit(e.Failed(MODEL_FAILED))
        self.assertEqual(self.server.metric("codexd_background_started_total"), 2)
        for outcome in ("ok", "model_failed"):
            self.assertEqual(self.server.metric("codexd_background_finished_total", outcome=outcome), 1)
        self.assertEqual(
            [record.status for record in self.server.log.records if record.method == "background"], [200, 502]
        )


class AcceptanceTests(ResponsesTestCase):
    def test_answers_beyond_the_limit_are_refused_before_they_are_stored(self) -> None:
        turns = [self.ask(background=True) for _ in range(2)]
        kept = self.store.calls.count("save_response")
        self.post(background=True)
        self.assertEqual(self.connection.response.status, 429)
        self.assertEqual(self.store.calls.count("save_response"), kept)
        turns[0].emit(*text_answer())
        self.ask(background=True)
        self.assertEqual(self.connection.response.status, 200)

    def test_an_answer_of_a_key_with_fewer_takes_the_place_of_another_keys_newest(self) -> None:
        self.open(InMemoryServer(Http(api_keys=("one", "two")), responses=Responses(background_limit=2)))
        ids = []
        for key in ("one", "one", "two"):
            body = {"model": "gpt-5", "input": "hi", "background": True}
            response = self.server.request("POST", RESPONSES, body, authorization=f"Bearer {key}")
            self.assertEqual(response.status, 200)
            ids.append(response.json["id"])
        shown = [self.server.request("GET", f"{RESPONSES}/{id}", authorization="Bearer one").json for id in ids[:2]]
        self.assertEqual([one["status"] for one in shown], ["queued", "failed"])
        self.assertEqual(shown[1]["error"]["code"], "rate_limit_exceeded")
        self.assertEqual([turn.cancelled for turn in self.server.backend.turns], [False, True, False])
        for turn in (self.server.backend.turns[0], self.server.backend.turns[2]):
            turn.emit(*text_answer())

    def test_no_background_answer_is_accepted_while_draining(self) -> None:
        self.server.drain.run()
        self.post(background=True)
        self.assertEqual(self.connection.response.status, 503)
        self.assert_nothing_running()

    def test_an_answer_whose_client_leaves_before_it_is_accepted_still_runs(self) -> None:
        self.store.delay_calls()
        self.post(background=True)
        self.connection.disconnect()
        self.store.run_delayed_calls()
        (turn,) = self.server.backend.turns
        turn.emit(*text_answer())
        self.assertEqual(self.server.log.records[0].outcome, "client_disconnected")
        self.assertEqual(self.store.calls.count("save_response"), 2)
        self.assert_nothing_running()

    def test_the_ignored_fields_are_reported_to_its_client(self) -> None:
        self.server.backend.ignored = ("seed",)
        for stream in (False, True):
            self.post(background=True, stream=stream, prediction={})
            self.assertEqual(self.connection.response.headers["x-codexd-ignored"], "prediction, seed")

    def test_other_callers_cannot_see_it(self) -> None:
        self.open(InMemoryServer(Http(api_keys=("mine", "yours"))))
        self.connection.request(
            "POST", "/v1/responses", {"model": "gpt-5", "input": "hi", "background": True}, x_api_key="mine"
        )
        path = f"/v1/responses/{self.response_id}"
        for method, under in (("GET", ""), ("GET", "?stream=true"), ("POST", "/cancel"), ("DELETE", "")):
            self.assertEqual(self.server.request(method, path + under, x_api_key="yours").status, 404)
        self.assertEqual(self.server.backend.turns[0].actions, [])
        self.assertEqual(self.server.request("GET", path, x_api_key="mine").status, 200)
