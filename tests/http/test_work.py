from codexd.fronts.responses.keeping import ResponsesKeeping
from codexd.fronts.responses.stream import ResponsesEncoder
from codexd.neutral import event as e
from codexd.neutral.fault import fault
from tests.support.answers import ResponsesCase, kinds
from tests.support.backend import BROKEN, USAGE, FakeTurn, hello, message

SAID = (e.Began(), e.MessageOpened(0, "msg_0"), e.TextDelta(0, "Hel"))
REST = (e.TextDelta(0, "lo"), e.MessageClosed(0), e.UsageReported(USAGE), e.Ended("stop"))


class WorkCase(ResponsesCase):
    def begin(self, **fields: object) -> FakeTurn:
        """Begin an answer in the background, whose client has gone when it has its id."""
        turn = self.ask(background=True, **fields)
        self.work_id = self.told_id
        self.connection.leave()
        return turn

    def status(self) -> str:
        return str(self.get(self.work_id).json["status"])


class TestItsLife(WorkCase):
    def test_it_is_kept_before_its_client_is_told_of_it_and_begun_then(self) -> None:
        self.store.hold()
        self.post(background=True)
        self.assertEqual((self.connection.received, self.web.backend.turns), (b"", []))
        self.store.release()
        shown = self.connection.response.json
        self.assertEqual((shown["status"], shown["background"]), ("queued", True))
        self.assertEqual(len(self.web.backend.turns), 1)

    def test_it_goes_from_queued_to_its_end_without_anybody(self) -> None:
        turn = self.begin()
        self.assertEqual(self.status(), "queued")
        turn.tell(*SAID)
        self.assertEqual(self.status(), "in_progress")
        self.assertEqual(self.get(self.work_id).json["output"][0]["content"][0]["text"], "Hel")
        turn.tell(*REST)
        self.assertEqual(self.status(), "completed")
        self.assertEqual(turn.asked, [])
        self.nothing_left()

    def test_it_runs_until_its_end_is_kept(self) -> None:
        turn = self.begin()
        follower = self.follow(self.work_id)
        self.store.hold()
        turn.tell(*hello())
        self.assertEqual(self.status(), "in_progress")
        self.assertEqual(kinds(follower)[-1], "output_item.done")
        self.assertEqual(self.web.figure("codexd_background_running"), 1)
        self.store.release()
        self.assertEqual(self.status(), "completed")
        self.assertEqual(kinds(follower)[-1], "completed")
        self.nothing_left()

    def test_a_whole_answer_inside_begin_is_an_answer(self) -> None:
        self.web.backend.at_once = hello()
        self.begin()
        self.assertEqual(self.status(), "completed")

    def test_a_flush_inside_begin_waits_until_it_has_begun(self) -> None:
        begin = self.web.backend.begin

        def flushing(turn: object, sink: object) -> object:
            begun = begin(turn, sink)
            self.web.backend.turns[-1].tell(*hello())
            return begun

        self.patch(self.web.backend, "begin", flushing)
        self.begin()
        self.assertEqual(self.status(), "completed")
        self.nothing_left()

    def test_it_is_never_held(self) -> None:
        turn = self.begin()
        follower = self.follow(self.work_id)
        follower.transport.reading = False
        turn.tell(*SAID, *(e.TextDelta(0, "a" * 10_000) for _ in range(1000)))
        self.assertEqual(turn.asked, [])


class TestItsFailures(WorkCase):
    def test_a_model_that_fails_fails_it(self) -> None:
        for said in ((), SAID):
            self.begin().tell(*said, e.Failed(BROKEN))
            shown = self.get(self.work_id).json
            self.assertEqual((shown["status"], shown["error"]["message"]), ("failed", BROKEN.message))
        self.nothing_left()

    def test_a_back_end_that_refuses_it_fails_it(self) -> None:
        for refusal in (fault("not_ready"), fault("busy"), ZeroDivisionError("secret")):
            self.web.backend.refusals = [refusal]
            self.post(background=True)
            self.assertEqual(self.connection.response.json["status"], "queued")
            shown = self.get(self.told_id)
            self.assertEqual(shown.json["status"], "failed")
            self.assertNotIn(b"secret", shown.body)
        self.nothing_left()

    def test_an_event_that_cannot_be_written_is_one_internal_failure(self) -> None:
        turn = self.begin()
        turn.tell(*SAID)
        feed = ResponsesEncoder.feed
        self.patch(ResponsesEncoder, "feed", lambda me, event, choice=0: feed(me, _sound(event), choice))
        turn.tell(*REST)
        self.assertEqual((self.status(), turn.asked), ("failed", ["cancel"]))
        self.assertEqual(self.web.figure("codexd_internal_error_total"), 1)
        self.nothing_left()

    def test_one_that_cannot_be_written_inside_begin_stops_the_model_too(self) -> None:
        begin = self.web.backend.begin

        def flushing(turn: object, sink: object) -> object:
            begun = begin(turn, sink)
            self.web.backend.turns[-1].tell(*SAID)
            return begun

        self.patch(self.web.backend, "begin", flushing)
        feed = ResponsesEncoder.feed
        self.patch(ResponsesEncoder, "feed", lambda me, event, choice=0: feed(me, _sound(event), choice))
        turn = self.begin()
        self.assertEqual((self.status(), turn.asked), ("failed", ["cancel"]))

    def test_an_end_that_can_never_be_written_breaks_its_stream_off(self) -> None:
        turn = self.begin()
        turn.tell(*SAID)
        follower = self.follow(self.work_id)
        self.patch(ResponsesEncoder, "feed", lambda me, event, choice=0: 1 / 0)
        turn.tell(*REST)
        self.assertTrue(follower.transport.aborted)
        self.assertEqual(self.status(), "failed")
        self.nothing_left()

    def test_nothing_follows_its_end(self) -> None:
        turn = self.begin()
        turn.tell(*hello())
        before = self.get(self.work_id).body
        turn.tell(e.MessageOpened(1, "m"), e.TextDelta(1, "a"), e.Failed(BROKEN))
        self.assertEqual(self.get(self.work_id).body, before)
        self.nothing_left()


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
            self.assertEqual(self.web.log.records[-1].outcome, "store_failed")
        self.assertEqual(self.web.backend.turns, [])
        self.nothing_left()

    def test_what_cannot_be_queued_as_the_daemon_stops_is_refused_once(self) -> None:
        self.store.hold()
        self.store.fail()
        self.post(background=True)
        closed = self.web.doorman.close()
        self.web.clock.advance(10)
        self.store.release()
        self.assertEqual(self.connection.response.status, 500)
        self.assertEqual(self.store.calls.count("keep"), 1)
        self.successResultOf(closed)
        self.nothing_left()

    def test_what_cannot_be_kept_at_its_end_has_failed(self) -> None:
        turn = self.begin()
        follower = self.follow(self.work_id)
        self.store.fail()
        turn.tell(*hello())
        shown = self.get(self.work_id).json
        self.assertEqual(
            (shown["status"], shown["error"]["message"]), ("failed", "The answer could not be kept.")
        )
        self.assertEqual(follower.response.events[-1]["response"], shown)
        self.assertEqual(kinds(follower).count("failed"), 1)
        self.nothing_left()

    def test_if_that_cannot_be_kept_either_it_has_failed_all_the_same(self) -> None:
        turn = self.begin()
        follower = self.follow(self.work_id)
        self.store.fail(2)
        turn.tell(*hello())
        self.assertEqual(kinds(follower)[-1], "failed")
        self.assertEqual(self.status(), "failed")
        self.nothing_left()

    def test_what_cannot_be_written_down_has_failed(self) -> None:
        turn = self.begin()
        write = ResponsesKeeping.write
        self.patch(
            ResponsesKeeping,
            "write",
            lambda me, reply, *rest: write(me, reply, *rest) if reply.fault else 1 / 0,
        )
        turn.tell(*hello())
        self.assertEqual(self.status(), "failed")
        self.nothing_left()


class TestStopping(WorkCase):
    def test_it_may_finish_before_the_daemon_does(self) -> None:
        turn = self.begin()
        closed = self.web.doorman.close()
        self.assertNoResult(closed)
        turn.tell(*hello())
        self.successResultOf(closed)
        self.assertEqual(self.status(), "completed")

    def test_if_it_does_not_it_has_failed_and_that_is_kept_first(self) -> None:
        turn = self.begin()
        turn.tell(*SAID)
        closed = self.web.doorman.close()
        self.store.hold()
        self.web.clock.advance(10)
        self.assertEqual(turn.asked, ["cancel"])
        self.assertNoResult(closed)
        self.store.release()
        self.successResultOf(closed)
        self.assertEqual(self.status(), "failed")
        self.nothing_left()

    def test_one_that_is_still_queued_is_never_begun(self) -> None:
        self.store.hold()
        self.post(background=True)
        closed = self.web.doorman.close()
        self.web.clock.advance(10)
        self.store.release()
        self.assertEqual(self.web.backend.turns, [])
        self.assertEqual(self.get(self.told_id).json["status"], "failed")
        self.successResultOf(closed)
        self.nothing_left()


class TestTheJournal(WorkCase):
    def test_its_end_is_one_line_with_what_it_cost(self) -> None:
        turn = self.begin()
        self.web.clock.advance(0.25)
        turn.tell(e.Began())
        self.web.clock.advance(60)
        turn.tell(*message(), e.UsageReported(USAGE), e.Ended("stop"))
        asked, ended = self.web.log.records
        self.assertEqual((asked.method, asked.tokens()["input"]), ("POST", 0))
        self.assertEqual((ended.method, ended.route, ended.status), ("background", "/v1/responses", 200))
        self.assertEqual((ended.first_event_seconds, ended.seconds), (0.25, 60.25))
        self.assertEqual(
            (ended.id, ended.model, ended.tokens()["input"]), (asked.id, "gpt-5", USAGE.input_tokens)
        )

    def test_its_tokens_are_counted_once(self) -> None:
        self.begin().tell(*hello())
        self.get(self.work_id)
        self.assertEqual(self.web.figure("codexd_tokens_total", kind="input"), USAGE.input_tokens)

    def test_its_outcome_is_counted(self) -> None:
        self.begin().tell(*hello())
        self.begin().tell(e.Failed(BROKEN))
        self.assertEqual(self.web.figure("codexd_background_started_total"), 2)
        for outcome in ("ok", "model_failed"):
            self.assertEqual(self.web.figure("codexd_background_ended_total", outcome=outcome), 1)
        self.assertEqual(
            [record.status for record in self.web.log.records if record.method == "background"], [200, 502]
        )
